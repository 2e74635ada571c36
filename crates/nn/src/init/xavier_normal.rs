//! Xavier's normal: variance 1 / fan, so that signals neither grow nor fade from layer to layer.
//!
//! Source: Glorot, Bengio (AISTATS 2010), "Understanding the difficulty of training deep
//! feedforward neural networks", equation 12; [`FanMode::FanIn`]: "Deep Learning from Scratch", 6.2.2.

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
    /// `fan_in`, for the forward pass alone, as in "Deep Learning from Scratch".
    FanIn,
}

impl Initialize for XavierNormal {
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let [fan_in, fan_out] = size.fans;
        match self.mode {
            FanMode::Average => fill_normal(2.0, fan_in + fan_out, random, values),
            FanMode::FanIn => fill_normal(1.0, fan_in, random, values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_is_read_by_name() {
        let read = |toml| toml::from_str::<XavierNormal>(toml);
        assert_eq!(read("mode = 'fan_in'"), Ok(XavierNormal { mode: FanMode::FanIn }));
        let error = read("mode = 'fan_out'").unwrap_err();
        assert_eq!(error.message(), "unknown variant `fan_out`, expected `average` or `fan_in`");
    }
}
