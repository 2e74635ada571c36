//! The square root.

/// `√x`, correctly rounded; NaN below 0.
pub(crate) fn sqrt(x: f32) -> f32 {
    if x.is_nan() || x <= 0.0 || x == f32::INFINITY {
        return if x < 0.0 { f32::NAN } else { x };
    }
    // x = mantissa · 2^exponent
    let (mantissa, exponent) = match (x.to_bits() & 0x007f_ffff, (x.to_bits() >> 23) as i32) {
        (mantissa, 0) => (mantissa, -149),
        (mantissa, exponent) => (mantissa | 0x0080_0000, exponent - 150),
    };
    // 49 or 50 bits, times an even power of two: the whole root has one bit more than an `f32`, which rounds it. It is
    // never halfway, since then its square would end in a 1.
    let shift = mantissa.leading_zeros() as i32 + 17;
    let shift = shift + (exponent - shift).rem_euclid(2);
    let root = (u64::from(mantissa) << shift).isqrt();
    let power = (exponent - shift) / 2 + 1;
    (root.div_ceil(2)) as f32 * f32::from_bits(((power + 127) as u32) << 23)
}
