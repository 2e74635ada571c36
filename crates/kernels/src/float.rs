//! The one type parameter of the engine: `f32` for training, `f64` for checking it.

use std::fmt::{Debug, Display};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub, SubAssign};
use std::slice;

use crate::math;
use crate::simd::{InstructionSet, Vector};

/// A floating-point type that a network can be computed in.
///
/// Transcendental functions are of [`math`] or `libm`, the same on all platforms, and pass NaN through.
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
    + From<f32>
    + Into<f64>
    + 'static
{
    /// A register of it, on each instruction set.
    type Vector<S: InstructionSet>: Vector<Set = S, Scalar = Self>;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// The type's name, `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest value to `value`.
    fn from_f64(value: f64) -> Self;
    /// The value as `f64`, exactly.
    #[inline(always)]
    fn to_f64(self) -> f64 {
        self.into()
    }
    /// `eˣ`.
    fn exp(self) -> Self;
    /// `eˣ − 1`, accurate near 0.
    fn exp_m1(self) -> Self;
    /// The natural logarithm: −∞ at 0, NaN below.
    fn ln(self) -> Self;
    /// The decimal logarithm: −∞ at 0, NaN below.
    fn log10(self) -> Self;
    /// `ln(1 + x)`, accurate near 0.
    fn ln_1p(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
    /// The standard normal distribution: the probability of a number below this one, and the density.
    fn normal(self) -> [Self; 2];
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
    #[inline(always)]
    fn is_finite(self) -> bool {
        self.to_f64().is_finite()
    }
    /// The values themselves, if they are `f32`, for kernels of that type only.
    fn as_f32s_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        let _ = values;
        None
    }

    /// The bytes of values, in the order of the machine, to be sent to another process.
    fn bytes(values: &[Self]) -> &[u8];
    /// The same, to be received.
    fn bytes_mut(values: &mut [Self]) -> &mut [u8];

    /// `1 / (1 + e⁻ˣ)`. Cannot overflow: for `x → −∞` the exponential becomes ∞ and the quotient 0.
    #[inline(always)]
    fn sigmoid(self) -> Self {
        Self::ONE / (Self::ONE + (-self).exp())
    }

    /// The same value, and 0 for −0: for a choice between a number and what it replaces in place, such as
    /// `*x = (if *x < 0.0 { 0.0 } else { *x }).written()`. Without it, such a loop is compiled to masked stores, and an
    /// AMD processor with AVX2 takes 12 cycles or more for each of them.
    #[inline(always)]
    fn written(self) -> Self {
        // Not known to be the same: −0 + 0 = 0.
        self + Self::ZERO
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

/// [`Float`] for a type: its register, the power, functions of one operand, and methods of its own.
macro_rules! float {
    (
        $type:ident, $register:ident, powf = $powf:path, $($name:ident = $function:path),*;
        $($own:tt)*
    ) => {
        impl Float for $type {
            type Vector<S: InstructionSet> = S::$register;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAME: &'static str = stringify!($type);

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as Self
            }
            $(#[inline(always)]
            fn $name(self) -> Self {
                $function(self)
            })*
            #[inline(always)]
            fn powf(self, exponent: Self) -> Self {
                $powf(self, exponent)
            }
            fn bytes(values: &[Self]) -> &[u8] {
                // SAFETY: the values lie side by side, have no padding, and stay borrowed; a byte needs no alignment.
                unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
            }
            fn bytes_mut(values: &mut [Self]) -> &mut [u8] {
                let len = size_of_val(values);
                // SAFETY: as above; and any bytes are a number.
                unsafe { slice::from_raw_parts_mut(values.as_mut_ptr().cast(), len) }
            }
            $($own)*
        }
    };
}

float! {
    f32, F32, powf = libm::powf, exp = math::exp, exp_m1 = math::exp_m1, ln = math::ln,
    log10 = libm::log10f, ln_1p = math::ln_1p, tanh = math::tanh, sin = libm::sinf, cos = libm::cosf, sqrt = f32::sqrt, abs = f32::abs;

    #[inline(always)]
    fn normal(self) -> [Self; 2] {
        math::normal(self)
    }
    #[inline(always)]
    fn square_roots<const N: usize>(squares: [Self; N]) -> [Self; N] {
        math::square_roots(squares)
    }
    #[inline(always)]
    fn as_f32s_mut(values: &mut [Self]) -> Option<&mut [f32]> {
        Some(values)
    }
}

float! {
    f64, F64, powf = libm::pow, exp = libm::exp, exp_m1 = libm::expm1, ln = libm::log, log10 = libm::log10, ln_1p = libm::log1p,
    tanh = libm::tanh, sin = libm::sin, cos = libm::cos, sqrt = f64::sqrt, abs = f64::abs;

    #[inline(always)]
    fn normal(self) -> [Self; 2] {
        use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
        let density_at_0 = 0.5 * FRAC_1_SQRT_2 * FRAC_2_SQRT_PI;
        [0.5 * libm::erfc(-self * FRAC_1_SQRT_2), density_at_0 * libm::exp(-0.5 * self * self)]
    }
}
