//! Normal without its tails: what lies beyond two deviations is drawn again.
//!
//! Source: TensorFlow's `truncated_normal`.

use super::*;

/// The largest distance from the mean, in deviations.
const BOUND: f64 = 2.0;

settings! {
    /// Normally distributed weights within two deviations of the mean, the same for every layer.
    ///
    /// Their deviation is 0.8796 times the setting. The default is that of the codelab's networks.
    pub struct TruncatedNormal {
        /// The mean, finite.
        mean: f64 = 0.0, finite;
        /// The standard deviation before the tails are cut, above 0.
        deviation: f64 = 0.1, positive;
    }
}

impl Initialize for TruncatedNormal {
    fn fill(&self, _: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        values.fill_with(|| {
            // One draw in 22 is refused, so the search ends soon.
            let mut draws = std::iter::repeat_with(|| random.normal());
            let draw = draws.find(|draw| draw.abs() <= BOUND).expect("draws have no end");
            self.mean + self.deviation * draw
        });
    }
}
