//! Numbers that are bounded smoothly.

/// `x / √(1 + (x / limit)²)`.
pub(crate) fn smooth_clip(x: f64, limit: f64) -> f64 {
    let share = x / limit;
    if share.abs() > 1e100 { limit * share.signum() } else { x / sqrt(1.0 + share * share) }
}

/// `√x` of a number from 1 on, correctly rounded.
fn sqrt(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    // As for `f32`: 107 or 108 bits, whose whole root has one bit more than an `f64`.
    let mantissa = x.to_bits() & 0x000f_ffff_ffff_ffff | 0x0010_0000_0000_0000;
    let exponent = (x.to_bits() >> 52) as i32 - 1075;
    let shift = mantissa.leading_zeros() as i32 + 43;
    let shift = shift + (exponent - shift).rem_euclid(2);
    let root = (u128::from(mantissa) << shift).isqrt();
    let power = (exponent - shift) / 2 + 1;
    root.div_ceil(2) as f64 * f64::from_bits(((power + 1023) as u64) << 52)
}
