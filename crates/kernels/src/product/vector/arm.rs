//! Vectors of AArch64.

use std::arch::aarch64::*;

use super::Vector;

/// 128 bits with 32 registers, which every machine of this architecture has.
#[derive(Clone, Copy)]
pub(super) struct Neon<R>(R);

macro_rules! vector {
    (
        $register:ty, $scalar:ty, lanes $lanes:literal, load $load:ident, store $store:ident,
        splat $splat:ident, add $add:ident, fma $fma:ident, sum $sum:ident
    ) => {
        impl Vector for Neon<$register> {
            type Scalar = $scalar;
            const LANES: usize = $lanes;
            const ROWS: usize = 12;

            #[inline(always)]
            unsafe fn zero() -> Self {
                // SAFETY: every machine of this architecture has the instructions; so below.
                Self(unsafe { $splat(0.0) })
            }
            #[inline(always)]
            unsafe fn load(from: *const $scalar, lanes: usize) -> Self {
                // SAFETY: so many lanes can be read, by the caller's promise.
                unsafe {
                    if lanes == $lanes {
                        return Self($load(from));
                    }
                    let mut values = [0.0; $lanes];
                    std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), lanes);
                    Self($load(values.as_ptr()))
                }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $scalar, lanes: usize) {
                // SAFETY: so many lanes can be written, by the caller's promise.
                unsafe {
                    if lanes == $lanes {
                        return $store(to, self.0);
                    }
                    let mut values = [0.0; $lanes];
                    $store(values.as_mut_ptr(), self.0);
                    std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
                }
            }
            #[inline(always)]
            unsafe fn splat(value: $scalar) -> Self {
                // SAFETY: as above.
                Self(unsafe { $splat(value) })
            }
            #[inline(always)]
            unsafe fn of(value: f64) -> Self {
                // SAFETY: as above.
                Self(unsafe { $splat(value as $scalar) })
            }
            #[inline(always)]
            unsafe fn add(self, term: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $add(self.0, term.0) })
            }
            #[inline(always)]
            unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
                // SAFETY: as above.
                Self(unsafe { $fma(term.0, self.0, factor.0) })
            }
            #[inline(always)]
            unsafe fn sum_lanes(self) -> $scalar {
                // SAFETY: as above.
                unsafe { $sum(self.0) }
            }
        }
    };
}

vector!(
    float32x4_t, f32, lanes 4, load vld1q_f32, store vst1q_f32,
    splat vdupq_n_f32, add vaddq_f32, fma vfmaq_f32, sum vaddvq_f32
);
vector!(
    float64x2_t, f64, lanes 2, load vld1q_f64, store vst1q_f64,
    splat vdupq_n_f64, add vaddq_f64, fma vfmaq_f64, sum vaddvq_f64
);
