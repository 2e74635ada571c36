//! Xavier's normal: variance 1 / fan, so that signals neither grow nor fade from layer to layer.
//!
//! Source: Glorot, Bengio (AISTATS 2010), "Understanding the difficulty of training deep
//! feedforward neural networks", equation 12; "Deep Learning from Scratch", section 6.2.2, for
//! [`FanMode::FanIn`].

use serde::{Deserialize, Serialize};

use super::*;

settings! {
    /// Normal weights for `tanh` and sigmoid layers.
    pub struct XavierNormal {
        /// Which fan the variance is 1 over: `"average"` or `"fan_in"`.
        mode: FanMode = FanMode::Average;
    }
}

/// A layer's fan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanMode {
    /// `(fan_in + fan_out) / 2`, the paper's compromise between the two passes.
    Average,
    /// `fan_in`, for the forward pass alone: Xavier as in "Deep Learning from Scratch",
    /// standard deviation `√(1 / fan_in)`.
    FanIn,
}

impl Initialize for XavierNormal {
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Stream, values: &mut [f64]) {
        match self.mode {
            FanMode::Average => fill_normal(2.0, fan_in + fan_out, random, values),
            FanMode::FanIn => fill_normal(1.0, fan_in, random, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_distribution, check_first_values};
    use super::*;

    #[test]
    fn average_has_the_deviation_of_the_paper_and_the_known_first_values() {
        let deviation = (2.0 / 150.0f64).sqrt();
        let expected = Distribution { mean: 0.0, deviation, limit: f64::INFINITY };
        check_distribution(&XavierNormal { mode: FanMode::Average }, expected);
    }

    #[test]
    fn fan_in_has_the_deviation_of_the_book() {
        let expected = Distribution { mean: 0.0, deviation: 0.1, limit: f64::INFINITY };
        check_distribution(&XavierNormal { mode: FanMode::FanIn }, expected);
        check_first_values(
            &XavierNormal::default(),
            [0.14255261048410994, -0.3412201691315225, -0.1724507688305313],
        );
    }

    #[test]
    fn the_mode_is_read_by_name() {
        let read = |toml| toml::from_str::<XavierNormal>(toml);
        assert_eq!(read("mode = 'fan_in'"), Ok(XavierNormal { mode: FanMode::FanIn }));
        let error = read("mode = 'fan_out'").unwrap_err();
        let message = "unknown variant `fan_out`, expected `average` or `fan_in`";
        assert_eq!(error.message(), message);
    }
}
