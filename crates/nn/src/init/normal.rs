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
    fn fill(&self, _: usize, _: usize, random: &mut Stream, values: &mut [f64]) {
        random.fill_normal(values);
        values.iter_mut().for_each(|value| *value = self.mean + self.deviation * *value);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn has_its_mean_and_deviation_and_the_known_first_values() {
        let expected = Distribution { mean: 1.0, deviation: 0.5, limit: f64::INFINITY };
        let first = [1.6172709102751355, -0.4775266737576058, 0.2532662664530113];
        check_initializer(&Normal { mean: 1.0, deviation: 0.5 }, expected, first);
    }
}
