//! Normal with a given mean and standard deviation.

use kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::Initialize;
use crate::registry::{InvalidSetting, Validate, finite, positive};

/// Normally distributed weights, the same for every layer.
///
/// | setting     | default | unit | range   | meaning                |
/// |-------------|---------|------|---------|------------------------|
/// | `mean`      | 0       | 1    | finite  | the mean               |
/// | `deviation` | 0.01    | 1    | above 0 | the standard deviation |
///
/// The default deviation is that of the first networks of "Deep Learning from Scratch".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Normal {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub deviation: f64,
}

impl Default for Normal {
    fn default() -> Self {
        Self { mean: 0.0, deviation: 0.01 }
    }
}

impl Validate for Normal {
    fn validate(&self) -> Result<(), InvalidSetting> {
        finite("mean", self.mean)?;
        positive("deviation", self.deviation)
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
    use super::super::testing::{Distribution, check_distribution, check_first_values};
    use super::*;

    #[test]
    fn has_its_mean_and_deviation() {
        let expected = Distribution { mean: 1.0, deviation: 0.5, limit: f64::INFINITY };
        check_distribution(&Normal { mean: 1.0, deviation: 0.5 }, expected);
    }

    #[test]
    fn begins_with_the_known_values() {
        let expected = [1.6172709102751355, -0.4775266737576058, 0.2532662664530113];
        check_first_values(&Normal { mean: 1.0, deviation: 0.5 }, expected);
    }

    #[test]
    fn a_deviation_of_zero_is_refused() {
        let error = Normal { deviation: 0.0, ..Normal::default() }.validate().unwrap_err();
        assert_eq!(error.to_string(), "deviation: expected a number above 0, found 0");
    }
}
