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
    fn fill(&self, fan_in: usize, _: usize, random: &mut Stream, values: &mut [f64]) {
        fill_uniform(2.0, fan_in, random, values);
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Distribution, check_initializer};
    use super::*;

    #[test]
    fn has_the_limit_that_gives_the_papers_variance_and_the_known_first_values() {
        let (deviation, limit) = (0.02f64.sqrt(), 0.06f64.sqrt());
        let first = [0.05533881406389609, -0.2090728963364477, 0.23893236655582858];
        check_initializer(&HeUniform {}, Distribution { mean: 0.0, deviation, limit }, first);
    }
}
