//! The one type parameter of the engine: `f32` for training, `f64` for checking it.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::math;
use crate::simd::Element;

/// A floating-point type that a network can be computed in.
///
/// Transcendental functions come from [`math`] (`f32`) or the `libm` crate (`f64`), never from the
/// platform, so that results do not change with the C library. All of them pass NaN through.
pub trait Float:
    Copy
    + Debug
    + Display
    + Default
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + Send
    + Sync
    + Element
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The type's name, `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest value to `value`.
    fn from_f64(value: f64) -> Self;
    /// The nearest value to `value`.
    fn from_f32(value: f32) -> Self;
    /// The value as `f64`, exactly.
    fn to_f64(self) -> f64;
    /// `eˣ`.
    fn exp(self) -> Self;
    /// The natural logarithm: −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The sine of an angle in radians.
    fn sin(self) -> Self;
    /// The cosine of an angle in radians.
    fn cos(self) -> Self;
    /// `self` to the power `exponent`.
    fn powf(self, exponent: Self) -> Self;
    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;
    /// The square roots of numbers from 0 up, quickly; see [`math::square_roots`].
    #[inline(always)]
    fn square_roots<const N: usize>(squares: [Self; N]) -> [Self; N] {
        squares.map(Self::sqrt)
    }
    /// The magnitude.
    fn abs(self) -> Self;
    /// Neither infinite nor NaN.
    fn is_finite(self) -> bool;
    /// The bits, widened to 64: a fingerprint for digests.
    fn to_bits_u64(self) -> u64;
    /// The values themselves, if they are `f32`, for kernels of that type only.
    fn as_f32s(values: &[Self]) -> Option<&[f32]> {
        let _ = values;
        None
    }
    /// As [`as_f32s`](Self::as_f32s).
    fn as_f32s_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        let _ = values;
        None
    }

    /// `1 / (1 + e⁻ˣ)`. Cannot overflow: for `x → −∞` the exponential becomes ∞ and the quotient 0.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    /// The larger of two values; NaN if `self` is NaN.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        // `self` is returned whenever the comparison is false, which it is for NaN.
        if self < other { other } else { self }
    }

    /// The smaller of two values; NaN if `self` is NaN.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if self > other { other } else { self }
    }
}

/// Methods of one operand, each by a function.
macro_rules! unary {
    ($($name:ident = $function:path),*) => {
        $(#[inline(always)]
        fn $name(self) -> Self {
            $function(self)
        })*
    };
}

impl Float for f32 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const NAME: &'static str = "f32";

    unary!(
        exp = math::exp,
        ln = math::ln,
        ln_1p = math::ln_1p,
        tanh = math::tanh,
        sin = libm::sinf,
        cos = libm::cosf,
        sqrt = f32::sqrt,
        abs = f32::abs
    );
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as Self
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }
    #[inline(always)]
    fn square_roots<const N: usize>(squares: [Self; N]) -> [Self; N] {
        math::square_roots(squares)
    }
    #[inline(always)]
    fn as_f32s(values: &[Self]) -> Option<&[f32]> {
        Some(values)
    }
    #[inline(always)]
    fn as_f32s_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        libm::powf(self, exponent)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn to_bits_u64(self) -> u64 {
        self.to_bits().into()
    }
}

impl Float for f64 {
    const ZERO: Self = 0.0;
    const ONE: Self = 1.0;
    const NAME: &'static str = "f64";

    unary!(
        exp = libm::exp,
        ln = libm::log,
        ln_1p = libm::log1p,
        tanh = libm::tanh,
        sin = libm::sin,
        cos = libm::cos,
        sqrt = f64::sqrt,
        abs = f64::abs
    );
    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value.into()
    }
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }
    #[inline(always)]
    fn powf(self, exponent: Self) -> Self {
        libm::pow(self, exponent)
    }
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    #[inline(always)]
    fn to_bits_u64(self) -> u64 {
        self.to_bits()
    }
}
