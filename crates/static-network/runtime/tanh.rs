//! The hyperbolic tangent.

/// `tanh x`.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let x = if x > 9.0 { 9.0 } else { x };
    let x = if x < -9.0 { -9.0 } else { x };
    let t = x * x;
    let p = 3.494_033_6e-3 + t * (2.058_346_8e-5 + t * 1.331_905_5e-8);
    let p = x * (1.0 + t * (0.133_797_17 + t * p));
    let q = 2.587_107e-2 + t * (3.283_091_4e-4 + t * 7.762_012e-7);
    let y = p / (1.0 + t * (0.467_130_33 + t * q));
    let y = if y > 1.0 { 1.0 } else { y };
    if y < -1.0 { -1.0 } else { y }
}
