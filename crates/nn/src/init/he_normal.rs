//! He's normal: variance `2 / fan_in`, the 2 making up for the half of the signal that ReLU cuts.
//!
//! Source: He, Zhang, Ren, Sun (ICCV 2015), "Delving deep into rectifiers", equation 10.

use super::*;

settings! {
    /// Normal weights for ReLU layers, without settings. See the [module docs](self).
    pub struct HeNormal {}
}

impl Initialize for HeNormal {
    fn fill(&self, fan_in: usize, _: usize, random: &mut Stream, values: &mut [f64]) {
        fill_normal(2.0, fan_in, random, values);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn has_the_deviation_of_the_paper_and_the_known_first_values() {
        let deviation = 0.02f64.sqrt();
        let expected = Distribution { mean: 0.0, deviation, limit: f64::INFINITY };
        let first = [0.17459057859389648, -0.4179076521592027, -0.2112081946927297];
        check_initializer(&HeNormal {}, expected, first);
    }
}
