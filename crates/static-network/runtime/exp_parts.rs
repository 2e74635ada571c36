//! What exponential functions have in common.

/// `eʳ − 1` and two factors of `2ⁿ`, where `x = n · ln 2 + r`.
#[inline(always)]
pub(crate) fn exp_parts(x: f32) -> [f32; 3] {
    /// Adding and subtracting it rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    /// `ln 2` in two parts, of which the first has few bits.
    const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    let clamped = x.clamp(-88.0, 89.0);
    let shifted = clamped * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN2[0] - n * LN2[1];
    let tail = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * tail);
    let p = r + r * r * (0.5 + r * (1.0 / 6.0 + r * tail));
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let half = n >> 1;
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) << 23) as u32);
    [p, power(half), power(n.wrapping_sub(half))]
}
