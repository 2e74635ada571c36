//! He's normal: variance `2 / fan_in`, the 2 making up for the half of the signal that ReLU cuts.
//!
//! Source: He, Zhang, Ren, Sun (ICCV 2015), "Delving deep into rectifiers", equation 10.

use super::*;

settings! {
    /// Normal weights for ReLU layers, without settings. See the [module docs](self).
    pub struct HeNormal {}
}

impl Initialize for HeNormal {
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let [fan_in, _] = size.fans;
        fill_normal(2.0, fan_in, random, values);
    }
}
