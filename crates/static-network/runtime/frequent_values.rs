//! A feature for each frequent value.

/// The numbers, and behind them for each number and each of its frequent values whether it has that.
#[inline(always)]
pub(crate) fn frequent_values<const N: usize, const FEATURES: usize>(
    x: [f64; N],
    values: [&[f32]; N],
) -> [f64; FEATURES] {
    let mut features = [0.0; FEATURES];
    features[..N].copy_from_slice(&x);
    let all = x.iter().zip(values).flat_map(|(x, values)| values.iter().map(|v| *x as f32 == *v));
    for (feature, is_equal) in features[N..].iter_mut().zip(all) {
        *feature = f64::from(u8::from(is_equal));
    }
    features
}
