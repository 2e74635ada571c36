//! Vectors of x86-64, and the entry to each kernel for its instruction sets.

use std::arch::x86_64::*;

use super::{GemmArgs, GemmNtArgs, Vector, microkernel, nt, peak, winograd};

/// 256 bits with 16 registers.
#[derive(Clone, Copy)]
struct Avx2<R>(R);

/// 512 bits with masks and 32 registers.
#[derive(Clone, Copy)]
struct Avx512<R>(R);

/// Lane masks: the eight (four) integers from index `8 − lanes` (`4 − lanes`).
const MASKS_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
const MASKS_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

vector!(
    Avx512<__m512>, f32, lanes 16, rows 12,
    splat _mm512_set1_ps, add _mm512_add_ps, fma |a, b, c| _mm512_fmadd_ps(a, b, c),
    load |from, lanes| _mm512_maskz_loadu_ps(u16::MAX >> (16 - lanes), from),
    store |to, value, lanes| _mm512_mask_storeu_ps(to, u16::MAX >> (16 - lanes), value),
    sum |value| _mm512_reduce_add_ps(value)
);
vector!(
    Avx512<__m512d>, f64, lanes 8, rows 6,
    splat _mm512_set1_pd, add _mm512_add_pd, fma |a, b, c| _mm512_fmadd_pd(a, b, c),
    load |from, lanes| _mm512_maskz_loadu_pd(u8::MAX >> (8 - lanes), from),
    store |to, value, lanes| _mm512_mask_storeu_pd(to, u8::MAX >> (8 - lanes), value),
    sum |value| _mm512_reduce_add_pd(value)
);
vector!(
    Avx2<__m256>, f32, lanes 8, rows 6,
    splat _mm256_set1_ps, add _mm256_add_ps, fma |a, b, c| _mm256_fmadd_ps(a, b, c),
    load |from, lanes| if lanes == 8 {
        _mm256_loadu_ps(from)
    } else {
        _mm256_maskload_ps(from, _mm256_loadu_si256(MASKS_32.as_ptr().add(8 - lanes).cast()))
    },
    store |to, value, lanes| {
        _mm256_maskstore_ps(to, _mm256_loadu_si256(MASKS_32.as_ptr().add(8 - lanes).cast()), value)
    },
    sum |value| {
        let four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps::<1>(value));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
);
vector!(
    Avx2<__m256d>, f64, lanes 4, rows 6,
    splat _mm256_set1_pd, add _mm256_add_pd, fma |a, b, c| _mm256_fmadd_pd(a, b, c),
    load |from, lanes| if lanes == 4 {
        _mm256_loadu_pd(from)
    } else {
        _mm256_maskload_pd(from, _mm256_loadu_si256(MASKS_64.as_ptr().add(4 - lanes).cast()))
    },
    store |to, value, lanes| {
        _mm256_maskstore_pd(to, _mm256_loadu_si256(MASKS_64.as_ptr().add(4 - lanes).cast()), value)
    },
    sum |value| {
        let two = _mm_add_pd(_mm256_castpd256_pd128(value), _mm256_extractf128_pd::<1>(value));
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
);

macro_rules! entry {
    ($product:ident, $inner:ident, $winograd:ident, $peak:ident, $vector:ty, $scalar:ty, $features:literal) => {
        /// # Safety
        /// None but the instructions.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $peak(rounds: u64) -> u64 {
            // SAFETY: the instructions are those of this function.
            unsafe { peak::multiply_adds::<$vector>(rounds) }
        }

        /// # Safety
        /// Every index of the args lies inside its slices.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $product(args: &GemmArgs<'_, $scalar>) {
            // SAFETY: the caller's promise; the instructions are those of this function.
            unsafe { microkernel::run::<$vector>(args) }
        }

        /// # Safety
        /// Every index of the args lies inside its slices.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $inner(args: &GemmNtArgs<'_, $scalar>) {
            // SAFETY: the caller's promise; the instructions are those of this function.
            unsafe { nt::run::<$vector>(args) }
        }

        /// # Safety
        /// Every row of the args lies inside its slice.
        #[target_feature(enable = $features)]
        pub(super) unsafe fn $winograd(args: &winograd::TransformArgs<'_, $scalar>) {
            // SAFETY: the caller's promise; the instructions are those of this function.
            unsafe { winograd::run::<$vector>(args) }
        }
    };
}

entry!(
    avx512_f32,
    inner_avx512_f32,
    winograd_avx512_f32,
    peak_avx512_f32,
    Avx512<__m512>,
    f32,
    "avx512f,avx512vl,avx2,fma"
);
entry!(
    avx512_f64,
    inner_avx512_f64,
    winograd_avx512_f64,
    peak_avx512_f64,
    Avx512<__m512d>,
    f64,
    "avx512f,avx512vl,avx2,fma"
);
entry!(avx2_f32, inner_avx2_f32, winograd_avx2_f32, peak_avx2_f32, Avx2<__m256>, f32, "avx2,fma");
entry!(avx2_f64, inner_avx2_f64, winograd_avx2_f64, peak_avx2_f64, Avx2<__m256d>, f64, "avx2,fma");
