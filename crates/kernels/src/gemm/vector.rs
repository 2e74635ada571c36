//! Vectors of each instruction set, as far as a product needs them.

use super::nt::{self, GemmNtArgs};
use super::{GemmArgs, microkernel, peak};
use crate::{Isa, winograd};
#[cfg(target_arch = "x86_64")]
use crate::{
    gather::{gather_f32, gather_values_f32},
    transpose::transpose_f32,
};

/// A vector register full of numbers.
pub(crate) trait Vector: Copy {
    /// The type of one lane.
    type Scalar: Copy + Default + PartialEq + std::ops::AddAssign;
    /// Numbers in one register.
    const LANES: usize;
    /// Rows of the largest block of two vectors that fits into the registers, beside the two vectors
    /// themselves and a broadcast.
    const ROWS: usize;

    /// # Safety
    /// The machine has the instructions. This holds for every function below.
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        unsafe { Self::of(0.0) }
    }
    /// The first `lanes` numbers at `from`, the others 0.
    ///
    /// # Safety
    /// `lanes` numbers can be read, and `1 <= lanes <= LANES`.
    unsafe fn load(from: *const Self::Scalar, lanes: usize) -> Self;
    /// # Safety
    /// `lanes` numbers can be written, and `1 <= lanes <= LANES`.
    unsafe fn store(self, to: *mut Self::Scalar, lanes: usize);
    /// # Safety
    /// The machine has the instructions.
    unsafe fn splat(value: Self::Scalar) -> Self;
    /// `value` in every lane.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn of(value: f64) -> Self;
    /// `self + term`.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn add(self, term: Self) -> Self;
    /// `self · factor + term`.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The sum of all lanes, halves added to halves.
    ///
    /// # Safety
    /// The machine has the instructions.
    unsafe fn sum_lanes(self) -> Self::Scalar;
}

/// A number type with a GEMM kernel for every instruction set. Implemented for `f32` and `f64`.
pub trait Simd: Sized {
    /// Runs a checked `gemm` on `isa`.
    ///
    /// # Safety
    ///
    /// The machine has `isa`, and every index of the args lies inside its slices.
    #[doc(hidden)]
    unsafe fn gemm(isa: Isa, args: &GemmArgs<'_, Self>);

    /// Multiplies and adds in registers, `rounds` times [`CHAINS`](super::CHAINS) vectors; returns the
    /// multiply-adds done.
    ///
    /// # Safety
    ///
    /// The machine has `isa`.
    #[doc(hidden)]
    unsafe fn multiply_adds(isa: Isa, rounds: u64) -> u64;

    /// Turns a block of 16 by 16, if the machine can do that in registers; whether it could.
    ///
    /// # Safety
    ///
    /// `from` has 16 rows of 16 that begin `from_stride` apart, `to` has as many `to_stride` apart, and the
    /// machine has `isa`.
    #[doc(hidden)]
    unsafe fn transpose_block(
        isa: Isa,
        from: &[Self],
        from_stride: usize,
        to: &mut [Self],
        to_stride: usize,
    ) -> bool {
        let _ = (isa, from, from_stride, to, to_stride);
        false
    }

    /// Gathers as many lanes as fit whole vectors; returns how many that are.
    ///
    /// # Safety
    ///
    /// The machine has `isa`, every sample lies inside `bytes`, `to` has `len` rows of `lanes`, and there is
    /// a sample.
    #[doc(hidden)]
    unsafe fn gather(
        isa: Isa,
        bytes: &[u8],
        indices: &[u32],
        len: usize,
        divisor: Self,
        lanes: usize,
        to: &mut [Self],
    ) -> usize {
        let _ = (isa, bytes, indices, len, divisor, lanes, to);
        0
    }

    /// The same of numbers that are not divided.
    ///
    /// # Safety
    ///
    /// As [`gather`](Self::gather).
    #[doc(hidden)]
    unsafe fn gather_values(
        isa: Isa,
        values: &[f32],
        indices: &[u32],
        len: usize,
        lanes: usize,
        to: &mut [Self],
    ) -> usize {
        let _ = (isa, values, indices, len, lanes, to);
        0
    }

    /// Runs a checked `gemm_nt` on `isa`.
    ///
    /// # Safety
    ///
    /// As [`gemm`](Self::gemm).
    #[doc(hidden)]
    unsafe fn gemm_nt(isa: Isa, args: &GemmNtArgs<'_, Self>);

    /// Runs a checked transform on `isa`.
    ///
    /// # Safety
    ///
    /// The machine has `isa`, and every row of the args lies inside its slice.
    #[doc(hidden)]
    unsafe fn winograd(isa: Isa, args: &winograd::TransformArgs<'_, Self>);
}

/// Numbers of no instruction set in particular. Multiplies and adds in two steps: without hardware
/// for it, a fused step would be a slow call into a library.
#[derive(Clone, Copy)]
struct Portable<T, const L: usize>([T; L]);

macro_rules! portable {
    ($scalar:ty, $lanes:literal) => {
        impl Vector for Portable<$scalar, $lanes> {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const ROWS: usize = 6;

            #[inline(always)]
            unsafe fn load(from: *const $scalar, lanes: usize) -> Self {
                let mut values = [0.0; $lanes];
                // SAFETY: the caller's promise.
                let from = unsafe { std::slice::from_raw_parts(from, lanes) };
                values[..lanes].copy_from_slice(from);
                Self(values)
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar, lanes: usize) {
                // SAFETY: the caller's promise.
                let to = unsafe { std::slice::from_raw_parts_mut(to, lanes) };
                to.copy_from_slice(&self.0[..lanes]);
            }
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                Self([value; $lanes])
            }
            #[inline(always)]
            unsafe fn of(value: f64) -> Self {
                Self([value as $scalar; $lanes])
            }
            #[inline(always)]
            unsafe fn add(self, term: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] + term.0[i]))
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + term.0[i]))
            }
            #[inline(always)]
            unsafe fn sum_lanes(self) -> $scalar {
                self.0.iter().sum()
            }
        }
    };
}

portable!(f32, 4);
portable!(f64, 2);

/// Vectors of an instruction set, from its intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! vector {
    (
        $name:ident<$register:ty>, $scalar:ty, lanes $lanes:literal, rows $rows:literal,
        splat $splat:ident, add $add:ident,
        fma |$factor:ident, $other:ident, $term:ident| $fma:expr,
        load |$from:ident, $count:ident| $load:expr,
        store |$to:ident, $value:ident, $many:ident| $store:expr,
        sum |$lanes_in:ident| $sum:expr
    ) => {
        impl Vector for $name<$register> {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const ROWS: usize = $rows;

            #[inline(always)]
            unsafe fn load($from: *const $scalar, $count: usize) -> Self {
                // SAFETY: no more lanes are read; the rest is the caller's promise.
                Self(unsafe { $load })
            }
            #[inline(always)]
            unsafe fn store(self, $to: *mut $scalar, $many: usize) {
                let $value = self.0;
                // SAFETY: no more lanes are written; the rest is the caller's promise.
                unsafe { $store }
            }
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                // SAFETY: the caller's promise about the machine.
                Self(unsafe { $splat(value) })
            }
            #[inline(always)]
            unsafe fn of(value: f64) -> Self {
                // SAFETY: the caller's promise about the machine.
                Self(unsafe { $splat(value as $scalar) })
            }
            #[inline(always)]
            unsafe fn add(self, term: Self) -> Self {
                // SAFETY: the caller's promise about the machine.
                Self(unsafe { $add(self.0, term.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                let ($factor, $other, $term) = (self.0, factor.0, term.0);
                // SAFETY: the caller's promise about the machine.
                Self(unsafe { $fma })
            }
            #[inline(always)]
            unsafe fn sum_lanes(self) -> $scalar {
                let $lanes_in = self.0;
                // SAFETY: the caller's promise about the machine.
                unsafe { $sum }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
mod arm;

/// A kernel on `isa`: the entry compiled for it, or the kernel itself where no entry is needed.
macro_rules! on {
    ($isa:ident, $avx512:ident, $avx2:ident, $module:ident::$kernel:ident::<$neon:ident, $portable:ty>($argument:ident)) => {
        // SAFETY: the caller's promises, handed on.
        unsafe {
            match $isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => x86::$avx512($argument),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::$avx2($argument),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => $module::$kernel::<arm::Neon<std::arch::aarch64::$neon>>($argument),
                _ => $module::$kernel::<$portable>($argument),
            }
        }
    };
}

macro_rules! dispatch {
    (
        $scalar:ty, $portable:ty, $neon:ident,
        $avx2:ident, $inner_avx2:ident, $winograd_avx2:ident, $peak_avx2:ident,
        $avx512:ident, $inner_avx512:ident, $winograd_avx512:ident, $peak_avx512:ident,
        own { $($own:item)* }
    ) => {
        impl Simd for $scalar {
            unsafe fn multiply_adds(isa: Isa, rounds: u64) -> u64 {
                on!(isa, $peak_avx512, $peak_avx2, peak::multiply_adds::<$neon, $portable>(rounds))
            }

            $($own)*

            unsafe fn gemm(isa: Isa, args: &GemmArgs<'_, Self>) {
                on!(isa, $avx512, $avx2, microkernel::run::<$neon, $portable>(args))
            }

            unsafe fn gemm_nt(isa: Isa, args: &GemmNtArgs<'_, Self>) {
                on!(isa, $inner_avx512, $inner_avx2, nt::run::<$neon, $portable>(args))
            }

            unsafe fn winograd(isa: Isa, args: &winograd::TransformArgs<'_, Self>) {
                on!(isa, $winograd_avx512, $winograd_avx2, winograd::run::<$neon, $portable>(args))
            }
        }
    };
}

dispatch!(
    f32, Portable<f32, 4>, float32x4_t,
    avx2_f32, inner_avx2_f32, winograd_avx2_f32, peak_avx2_f32,
    avx512_f32, inner_avx512_f32, winograd_avx512_f32, peak_avx512_f32,
    own {
        #[cfg(target_arch = "x86_64")]
        unsafe fn gather(
            isa: Isa,
            bytes: &[u8],
            indices: &[u32],
            len: usize,
            divisor: f32,
            lanes: usize,
            to: &mut [f32],
        ) -> usize {
            // SAFETY: the caller's promises, handed on.
            unsafe { gather_f32(isa, bytes, indices, len, divisor, lanes, to) }
        }

        #[cfg(target_arch = "x86_64")]
        unsafe fn gather_values(
            isa: Isa,
            values: &[f32],
            indices: &[u32],
            len: usize,
            lanes: usize,
            to: &mut [f32],
        ) -> usize {
            // SAFETY: the caller's promises, handed on.
            unsafe { gather_values_f32(isa, values, indices, len, lanes, to) }
        }

        #[cfg(target_arch = "x86_64")]
        unsafe fn transpose_block(
            isa: Isa,
            from: &[f32],
            from_stride: usize,
            to: &mut [f32],
            to_stride: usize,
        ) -> bool {
            // SAFETY: the caller's promises, handed on.
            unsafe { transpose_f32(isa, from, from_stride, to, to_stride) }
        }
    }
);
dispatch!(
    f64, Portable<f64, 2>, float64x2_t,
    avx2_f64, inner_avx2_f64, winograd_avx2_f64, peak_avx2_f64,
    avx512_f64, inner_avx512_f64, winograd_avx512_f64, peak_avx512_f64,
    own {}
);
