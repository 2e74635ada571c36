//! Lookahead: slow weights that follow those of any optimizer.
//!
//! Every `k` steps `s ← s + α·(w − s)`, then `w ← s`: the slow weights `s` begin where `w` does.
//! The optimizer keeps its state when `w` is put back, as in the paper's experiments.
//! A network is evaluated and saved with `w`, which are the slow weights after every `k`-th step.
//! Source: Zhang, Lucas, Hinton, Ba (NeurIPS 2019), "Lookahead optimizer: k steps forward, 1 step back", algorithm 1.

use super::*;
use crate::registry::{one_or_more, require};

settings! {
    /// Slow weights around an optimizer. See the [module docs](self) for the formula.
    pub struct Lookahead {
        /// `k`, the steps of the optimizer from one change of the slow weights to the next.
        steps: u64 = 5, one_or_more;
        /// `α` in `(0, 1]`, the share of the way to the optimizer's weights.
        alpha: f64 = 0.5, |name, alpha: &f64| {
            require(*alpha > 0.0 && *alpha <= 1.0, name, alpha, "a number above 0, at most 1")
        };
    }
}

impl Lookahead {
    /// What [`apply`](Self::apply) does to one slow weight, `slow`, and its parameter; no lines if that is nothing.
    pub fn formula(&self, step: u64) -> StepFormula {
        let formula = StepFormula::default();
        if !step.is_multiple_of(self.steps) {
            return formula;
        }
        let formula = formula.with("alpha", self.alpha);
        formula.line("slow", "slow + alpha * (w - slow)").line("w", "slow")
    }

    /// Changes a piece of the slow weights, if `step` is one to do so, and puts the parameters back to them.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    pub fn apply<T: Float>(&self, step: u64, params: &mut [T], slow: &mut [T]) {
        if !step.is_multiple_of(self.steps) {
            return;
        }
        assert_same_length([params.len(), slow.len()]);
        let alpha = T::from_f64(self.alpha);
        vectorize(inlined!(|| {
            for (w, slow) in params.iter_mut().zip(slow) {
                *slow += alpha * (*w - *slow);
                *w = *slow;
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_weights_follow_every_so_many_steps_and_are_where_the_optimizer_continues() {
        let lookahead = Lookahead { steps: 3, alpha: 0.25 };
        let (mut w, mut slow) = ([2.0f64, -4.0], [2.0, -4.0]);
        let mut expected = ([2.0, -4.0], [2.0, -4.0]);
        for step in 1..=100 {
            let change = 1.0 / step as f64;
            w.iter_mut().for_each(|w| *w += change);
            lookahead.apply(step, &mut w, &mut slow);
            for (w, slow) in expected.0.iter_mut().zip(&mut expected.1) {
                *w += change;
                if step % 3 == 0 {
                    *slow = 0.75 * *slow + 0.25 * *w;
                    *w = *slow;
                }
            }
            let error = w.iter().zip(expected.0).map(|(w, want)| (w - want).abs());
            assert!(error.sum::<f64>() < 1e-13, "step {step}: {w:?}, expected {expected:?}");
        }
        assert_ne!(w, slow, "3 does not divide 100");
    }
}
