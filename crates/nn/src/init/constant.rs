//! The same value for every weight.

use kernels::random::Stream;
use serde::{Deserialize, Serialize};

use super::Initialize;
use crate::registry::{InvalidSetting, Validate, finite};

/// One value for all weights: the usual start of biases, and a mistake for the weights of a hidden
/// layer, whose units would stay equal for ever.
///
/// | setting | default | unit | range  | meaning   |
/// |---------|---------|------|--------|-----------|
/// | `value` | 0       | 1    | finite | the value |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Constant {
    /// The value of every weight.
    pub value: f64,
}

impl Validate for Constant {
    fn validate(&self) -> Result<(), InvalidSetting> {
        finite("value", self.value)
    }
}

impl Initialize for Constant {
    fn fill(&self, _: usize, _: usize, _: &mut Stream, values: &mut [f64]) {
        values.fill(self.value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_its_value_and_draws_nothing() {
        let (mut values, mut random) = ([0.0; 3], Stream::new(1, 1));
        Constant { value: 0.1 }.fill(4, 5, &mut random, &mut values);
        assert_eq!(values, [0.1; 3]);
        assert_eq!(random.next_u64(), Stream::new(1, 1).next_u64());
    }
}
