//! Vectors of AArch64: 128 bits with 32 registers.

use std::arch::aarch64::*;

use super::{Neon, Vector, vector};

vector!(
    F32x4(float32x4_t) of Neon, f32, lanes 4, rows 12,
    splat vdupq_n_f32, add vaddq_f32, fma |a, b, c| vfmaq_f32(c, a, b),
    load |from, count| if count == 4 {
        vld1q_f32(from)
    } else {
        let mut values = [0.0; 4];
        std::ptr::copy_nonoverlapping(from, values.as_mut_ptr(), count);
        vld1q_f32(values.as_ptr())
    },
    store |to, value, count| if count == 4 {
        vst1q_f32(to, value);
    } else {
        let mut values = [0.0; 4];
        vst1q_f32(values.as_mut_ptr(), value);
        std::ptr::copy_nonoverlapping(values.as_ptr(), to, count);
    },
    nonzeros |lanes| {
        let bits = vld1q_u32([1, 2, 4, 8].as_ptr());
        vaddvq_u32(vbicq_u32(bits, vceqzq_f32(lanes)))
    }
);
vector!(
    F64x2(float64x2_t) of Neon, f64, lanes 2, rows 12,
    splat vdupq_n_f64, add vaddq_f64, fma |a, b, c| vfmaq_f64(c, a, b),
    load |from, count| if count == 2 { vld1q_f64(from) } else { vld1q_lane_f64::<0>(from, vdupq_n_f64(0.0)) },
    store |to, value, count| if count == 2 { vst1q_f64(to, value) } else { vst1q_lane_f64::<0>(to, value) },
    nonzeros |lanes| {
        let bits = vld1q_u64([1, 2].as_ptr());
        vaddvq_u64(vbicq_u64(bits, vceqzq_f64(lanes))) as u32
    }
);
