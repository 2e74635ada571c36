//! Vectors of AArch64.

use std::arch::aarch64::*;

use super::Vector;

/// 128 bits with 32 registers, which every machine of this architecture has.
#[derive(Clone, Copy)]
pub(super) struct Neon<R>(R);

vector!(
    Neon<float32x4_t>, f32, lanes 4, rows 12,
    splat vdupq_n_f32, add vaddq_f32, fma |a, b, c| vfmaq_f32(c, a, b),
    load |from, lanes| if lanes == 4 {
        vld1q_f32(from)
    } else {
        let mut values = [0.0; 4];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), lanes);
        vld1q_f32(values.as_ptr())
    },
    store |to, value, lanes| if lanes == 4 {
        vst1q_f32(to, value);
    } else {
        let mut values = [0.0; 4];
        vst1q_f32(values.as_mut_ptr(), value);
        std::ptr::copy_nonoverlapping(values.as_ptr(), to, lanes);
    },
    sum |value| vaddvq_f32(value)
);
vector!(
    Neon<float64x2_t>, f64, lanes 2, rows 12,
    splat vdupq_n_f64, add vaddq_f64, fma |a, b, c| vfmaq_f64(c, a, b),
    load |from, lanes| if lanes == 2 { vld1q_f64(from) } else { vld1q_lane_f64::<0>(from, vdupq_n_f64(0.0)) },
    store |to, value, lanes| if lanes == 2 { vst1q_f64(to, value) } else { vst1q_lane_f64::<0>(to, value) },
    sum |value| vaddvq_f64(value)
);
