//! Zeros.

use super::*;

settings! {
    /// 0 for all weights, without settings: for biases, and for the last layer of a residual branch.
    pub struct Zeros {}
}

impl Initialize for Zeros {
    fn fill(&self, _: ParameterSize<'_>, _: &mut Stream, values: &mut [f64]) {
        values.fill(0.0);
    }
}
