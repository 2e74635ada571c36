//! What every random initializer is held against: its distribution and its first values.

use kernels::random::Stream;

use super::Initialize;

/// The fans of the layer that the checks fill.
pub(super) const FAN_IN: usize = 100;
pub(super) const FAN_OUT: usize = 50;

/// What the weights should look like.
pub(super) struct Distribution {
    pub(super) mean: f64,
    /// The standard deviation.
    pub(super) deviation: f64,
    /// The bound on the distance from the mean.
    pub(super) limit: f64,
}

/// Checks an initializer by [`check_distribution`] and [`check_first_values`].
#[track_caller]
pub(super) fn check_initializer(
    initializer: &dyn Initialize,
    expected: Distribution,
    first: [f64; 3],
) {
    check_distribution(initializer, expected);
    check_first_values(initializer, first);
}

/// Draws 100,000 weights and checks their mean and deviation, that none lies beyond the limit, and
/// that some come close to it if it is finite.
#[track_caller]
pub(super) fn check_distribution(initializer: &dyn Initialize, expected: Distribution) {
    const N: usize = 100_000;
    let Distribution { mean, deviation, limit } = expected;
    let mut values = vec![0.0; N];
    initializer.fill(FAN_IN, FAN_OUT, &mut Stream::new(3, 5), &mut values);

    let found_mean = values.iter().sum::<f64>() / N as f64;
    let variance = values.iter().map(|v| (v - found_mean).powi(2)).sum::<f64>() / N as f64;
    let found = variance.sqrt();
    // Five standard errors: that of the mean is σ/√N, that of the deviation at most σ/√(2N).
    let error = 5.0 * deviation / (N as f64).sqrt();
    assert!((found_mean - mean).abs() < error, "mean {found_mean}, expected {mean}");
    assert!((found - deviation).abs() < error / 2f64.sqrt(), "deviation {found} not {deviation}");

    let furthest = values.iter().map(|v| (v - mean).abs()).fold(0.0, f64::max);
    assert!(furthest <= limit, "{furthest} from the mean, beyond {limit}");
    assert!(limit.is_infinite() || furthest > 0.99 * limit, "{furthest} is far below {limit}");
}

/// Checks the first values of seed 42, stream 0: the expected ones come from a Philox and the
/// formulas in Python.
#[track_caller]
pub(super) fn check_first_values(initializer: &dyn Initialize, expected: [f64; 3]) {
    let mut values = [0.0; 3];
    initializer.fill(FAN_IN, FAN_OUT, &mut Stream::new(42, 0), &mut values);
    // The logarithm, cosine and root of another library may round differently.
    let close = values.iter().zip(expected).all(|(v, e)| (v - e).abs() <= 1e-14 * e.abs());
    assert!(close, "{values:?}, expected {expected:?}");
}
