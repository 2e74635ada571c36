//! One cycle: the rate rises to its maximum and falls far below its start, each along half a cosine wave, and the
//! momentum does the opposite.
//!
//! From `max / div_factor` to `max` until step `pct_start · steps − 1`, then to `max / (div_factor · final_div_factor)`
//! at step `steps − 1`.
//! Source: Smith, Topin (2018), "Super-convergence: very fast training of neural networks using large learning rates",
//! and Smith (2018), "A disciplined approach to neural network hyper-parameters: part 1"; in the form of PyTorch's
//! `OneCycleLR`, with its defaults.

use super::*;

settings! {
    /// A learning rate that rises and falls once, with a momentum that falls and rises.
    pub struct OneCycle {
        /// The highest rate, above 0.
        max_learning_rate: f64 = 0.01, positive;
        /// The highest rate over the first one, above 0.
        div_factor: f64 = 25.0, positive;
        /// The first rate over the last one, above 0.
        final_div_factor: f64 = 1e4, positive;
        /// The share of the steps in which the rate rises, in `[0, 1)`.
        pct_start: f64 = 0.3, fraction;
        /// Whether the momentum (or `beta1`) of the optimizer changes as well, if it has one.
        cycle_momentum: bool = true;
        /// The momentum at the highest rate, in `[0, 1)`.
        base_momentum: f64 = 0.85, fraction;
        /// The momentum at both ends, in `[0, 1)`.
        max_momentum: f64 = 0.95, fraction;
        /// The length of the cycle; if not given, the steps of the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64> = None, optional(one_or_more);
    }
}

impl LearningRate for OneCycle {
    fn learning_rate(&self, at: StepOf) -> f64 {
        let first = self.max_learning_rate / self.div_factor;
        self.value_at(at, [first, self.max_learning_rate, first / self.final_div_factor])
    }

    fn momentum(&self, at: StepOf) -> Option<f64> {
        let [max, base] = [self.max_momentum, self.base_momentum];
        self.cycle_momentum.then(|| self.value_at(at, [max, base, max]))
    }
}

impl OneCycle {
    /// A number that has these values at the beginning, at the highest rate and in the end.
    fn value_at(&self, at: StepOf, [begin, middle, end]: [f64; 3]) -> f64 {
        let steps = self.steps.unwrap_or(at.steps) as f64;
        let (step, last) = (at.step as f64, steps - 1.0);
        // Of so few steps that none rises, the first has the highest rate.
        let top = (self.pct_start * steps - 1.0).max(0.0);
        if step < top {
            half_cosine(begin, middle, step / top)
        } else if step < last {
            half_cosine(middle, end, (step - top) / (last - top))
        } else if last > top {
            end
        } else {
            middle
        }
    }
}
