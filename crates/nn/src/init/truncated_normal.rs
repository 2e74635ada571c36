//! Normal without its tails: what lies beyond two deviations is drawn again.
//!
//! Source: TensorFlow's `truncated_normal`.

use super::*;

/// The largest distance from the mean, in deviations.
const BOUND: f64 = 2.0;

settings! {
    /// Normally distributed weights within two deviations of the mean, the same for every layer.
    ///
    /// Without tails the deviation of the weights is 0.8796 times the setting. The default is that of
    /// the codelab's networks.
    pub struct TruncatedNormal {
        /// The mean, finite.
        mean: f64 = 0.0, finite;
        /// The standard deviation before the tails are cut, above 0.
        deviation: f64 = 0.1, positive;
    }
}

impl Initialize for TruncatedNormal {
    fn fill(&self, _: usize, _: usize, random: &mut Stream, values: &mut [f64]) {
        values.fill_with(|| {
            // One draw in 22 is refused, so the search ends soon.
            let mut draws = std::iter::repeat_with(|| random.normal());
            let draw = draws.find(|draw| draw.abs() <= BOUND).expect("draws have no end");
            self.mean + self.deviation * draw
        });
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn stays_within_two_deviations_and_the_known_first_values() {
        // The deviation of a normal cut at ±2 is √(1 − 4·φ(2) / (2·Φ(2) − 1)).
        let expected =
            Distribution { mean: 0.0, deviation: 0.1 * 0.8796256610342398, limit: 0.1 * BOUND };
        let first = [0.1234541820550271, -0.14934674670939774, -0.13847915069807143];
        check_initializer(&TruncatedNormal::default(), expected, first);
    }
}
