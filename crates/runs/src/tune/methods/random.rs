//! Random search: every trial is trained as long as the experiment says.
//!
//! Source: Bergstra, Bengio (JMLR 2012), "Random search for hyper-parameter optimization".

use super::*;

settings! {
    /// The method `random`.
    pub struct RandomSearch {}
}

impl PlanRungs for RandomSearch {
    fn rungs(&self, trials: usize) -> Vec<Rung> {
        vec![Rung { trials, share: 1.0 }]
    }
}
