//! Normal with a given mean and standard deviation.

use super::*;

settings! {
    /// Normally distributed weights, the same for every layer.
    ///
    /// The default deviation is that of the first networks of "Deep Learning from Scratch".
    pub struct Normal {
        /// The mean, finite.
        mean: f64 = 0.0, finite;
        /// The standard deviation, above 0.
        deviation: f64 = 0.01, positive;
    }
}

impl Initialize for Normal {
    fn fill(&self, _: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        random.fill_normal(values);
        values.iter_mut().for_each(|value| *value = self.mean + self.deviation * *value);
    }
}
