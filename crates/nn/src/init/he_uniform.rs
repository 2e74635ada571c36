//! He's uniform: variance `2 / fan_in`, that is `±√(6 / fan_in)`.
//!
//! Source: He, Zhang, Ren, Sun (ICCV 2015), "Delving deep into rectifiers", equation 10, which fixes
//! the variance and leaves the distribution open.

use super::*;

settings! {
    /// Uniform weights for ReLU layers, without settings. See the [module docs](self).
    pub struct HeUniform {}
}

impl Initialize for HeUniform {
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let [fan_in, _] = size.fans;
        fill_uniform(2.0, fan_in, random, values);
    }
}
