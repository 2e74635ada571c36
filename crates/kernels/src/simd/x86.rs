//! Vectors of x86-64: 512 bits with masks and 32 registers, or 256 bits with 16 registers.

use std::arch::x86_64::*;

use super::{Avx2, Avx512, Vector, vector};

// Without AVX-512, a masked store takes some processors ten times as long as one of a whole register.

/// Lane masks: the eight (four) integers from index `8 − count` (`4 − count`).
const MASKS_32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
const MASKS_64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

vector!(
    F32x16(__m512) of Avx512, f32, lanes 16, rows 12,
    splat _mm512_set1_ps, add _mm512_add_ps, fma |a, b, c| _mm512_fmadd_ps(a, b, c),
    load |from, count| _mm512_maskz_loadu_ps(u16::MAX >> (16 - count), from),
    store |to, value, count| _mm512_mask_storeu_ps(to, u16::MAX >> (16 - count), value),
    nonzeros |lanes| u32::from(_mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(lanes, _mm512_setzero_ps()))
);
vector!(
    F64x8(__m512d) of Avx512, f64, lanes 8, rows 6,
    splat _mm512_set1_pd, add _mm512_add_pd, fma |a, b, c| _mm512_fmadd_pd(a, b, c),
    load |from, count| _mm512_maskz_loadu_pd(u8::MAX >> (8 - count), from),
    store |to, value, count| _mm512_mask_storeu_pd(to, u8::MAX >> (8 - count), value),
    nonzeros |lanes| u32::from(_mm512_cmp_pd_mask::<_CMP_NEQ_UQ>(lanes, _mm512_setzero_pd()))
);
vector!(
    F32x8(__m256) of Avx2, f32, lanes 8, rows 6,
    splat _mm256_set1_ps, add _mm256_add_ps, fma |a, b, c| _mm256_fmadd_ps(a, b, c),
    load |from, count| if count == 8 {
        _mm256_loadu_ps(from)
    } else {
        _mm256_maskload_ps(from, _mm256_loadu_si256(MASKS_32.as_ptr().add(8 - count).cast()))
    },
    store |to, value, count| if count == 8 {
        _mm256_storeu_ps(to, value)
    } else {
        _mm256_maskstore_ps(to, _mm256_loadu_si256(MASKS_32.as_ptr().add(8 - count).cast()), value)
    },
    nonzeros |lanes| _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_NEQ_UQ>(lanes, _mm256_setzero_ps())) as u32
);
vector!(
    F64x4(__m256d) of Avx2, f64, lanes 4, rows 6,
    splat _mm256_set1_pd, add _mm256_add_pd, fma |a, b, c| _mm256_fmadd_pd(a, b, c),
    load |from, count| if count == 4 {
        _mm256_loadu_pd(from)
    } else {
        _mm256_maskload_pd(from, _mm256_loadu_si256(MASKS_64.as_ptr().add(4 - count).cast()))
    },
    store |to, value, count| if count == 4 {
        _mm256_storeu_pd(to, value)
    } else {
        _mm256_maskstore_pd(to, _mm256_loadu_si256(MASKS_64.as_ptr().add(4 - count).cast()), value)
    },
    nonzeros |lanes| _mm256_movemask_pd(_mm256_cmp_pd::<_CMP_NEQ_UQ>(lanes, _mm256_setzero_pd())) as u32
);
