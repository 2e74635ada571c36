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
    fn fill(&self, fan_in: usize, fan_out: usize, random: &mut Stream, values: &mut [f64]) {
        fill_uniform(2.0, fan_in + fan_out, random, values);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn has_the_limit_of_the_paper_and_the_known_first_values() {
        let (deviation, limit) = ((2.0 / 150.0f64).sqrt(), (6.0 / 150.0f64).sqrt());
        let first = [0.04518395247576632, -0.17070730502336648, 0.1950874603658042];
        check_initializer(&XavierUniform {}, Distribution { mean: 0.0, deviation, limit }, first);
    }
}
