//! Xavier's uniform: variance `2 / (fan_in + fan_out)`, that is `±√(6 / (fan_in + fan_out))`.
//!
//! Source: Glorot, Bengio (AISTATS 2010), "Understanding the difficulty of training deep
//! feedforward neural networks", equation 16.

use super::*;

settings! {
    /// Uniform weights for `tanh` and sigmoid layers, without settings. See the [module docs](self).
    pub struct XavierUniform {}
}

impl Initialize for XavierUniform {
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let [fan_in, fan_out] = size.fans;
        fill_uniform(2.0, fan_in + fan_out, random, values);
    }
}
