//! Stochastic gradient descent: `w ← w − η·g`.
//!
//! Source: Robbins, Monro (1951), "A stochastic approximation method".

use super::*;

settings! {
    /// Plain gradient descent, without settings. See the [module docs](self) for the formula.
    pub struct Sgd {}
}

impl<T: Float> Optimize<T> for Sgd {
    fn state_vectors(&self) -> usize {
        0
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], _: OptimizerState<'_, T>) {
        let rate = T::from_f64(step.learning_rate);
        // A vector of nothing, which takes no memory.
        let state = &mut vec![(); params.len()];
        Pieces { params, grads, state }.update_each(inlined!(|w, g, _| *w -= rate * g));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        Some(StepFormula::new(step).line("w", "w - rate * g"))
    }
}
