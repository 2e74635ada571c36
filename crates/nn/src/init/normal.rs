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
    use super::super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn has_its_mean_and_deviation_and_the_known_first_values() {
        let expected = Distribution { mean: 1.0, deviation: 0.5, limit: f64::INFINITY };
        let first = [1.6172709102751355, -0.4775266737576058, 0.2532662664530113];
        check_initializer(&Normal { mean: 1.0, deviation: 0.5 }, expected, first);
    }
}
