//! Uniform between two values.

use serde::{Deserialize, Serialize};

use super::*;
use crate::registry::{InvalidSetting, Settings, Validate, require};

/// Uniformly distributed weights, the same for every layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Uniform {
    /// The least value, finite. Default: `-0.05`.
    pub low: f64,
    /// The bound above, not met: finite and above `low`. Default: `0.05`.
    pub high: f64,
}

impl Settings for Uniform {
    const SETTINGS: &'static [&'static str] = &["low", "high"];
}

impl Default for Uniform {
    fn default() -> Self {
        Self { low: -0.05, high: 0.05 }
    }
}

impl Validate for Uniform {
    fn validate(&self) -> Result<(), InvalidSetting> {
        finite("low", &self.low)?;
        finite("high", &self.high)?;
        let expected = format!("a number above low = {}", self.low);
        require(self.high > self.low, "high", self.high, expected)
    }
}

impl Initialize for Uniform {
    fn fill(&self, _: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let width = self.high - self.low;
        values.fill_with(|| self.low + width * random.uniform());
    }
}
