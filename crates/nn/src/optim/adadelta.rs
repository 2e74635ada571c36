//! AdaDelta: `w ← w + η·Δ` with `Δ = −√(u + ε) / √(h + ε) · g`.
//!
//! `h ← ρ·h + (1 − ρ)·g²` and then `u ← ρ·u + (1 − ρ)·Δ²` are moving averages of squared gradients and squared
//! changes, so that a change has the unit of its parameter and the paper needs no learning rate: its rate is 1.
//! Epsilon stands under both roots; it starts the changes, whose average begins at 0.
//! Source: Zeiler (2012), "ADADELTA: an adaptive learning rate method", algorithm 1, with the settings of its section 4.

use super::{adam::LEAST_SQUARE, *};

settings! {
    /// Descent by gradients over their recent size, times the recent size of changes. See the
    /// [module docs](self) for the formula.
    pub struct AdaDelta {
        /// `ρ` in `[0, 1)`, share of both means kept in each step.
        decay: f64 = 0.95, fraction;
        /// Added to both squares: above 0. PyTorch has this default too, Keras 1e-7.
        epsilon: f64 = 1e-6, positive;
    }
}

impl<T: Float> Optimize<T> for AdaDelta {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [squares, changes, ..]: OptimizerState<'_, T>,
    ) {
        assert_same_length([params.len(), grads.len(), squares.len(), changes.len()]);
        let (decay, fresh) = (T::from_f64(self.decay), T::from_f64(1.0 - self.decay));
        let (rate, epsilon) = (T::from_f64(step.learning_rate), T::from_f64(self.epsilon));
        let least = T::from_f64(LEAST_SQUARE);
        vectorize(inlined!(|| {
            let state = squares.iter_mut().zip(changes);
            for ((w, &g), (h, u)) in params.iter_mut().zip(grads).zip(state) {
                *h = (decay * *h + fresh * g * g).maximum(least);
                let change = (*u + epsilon).sqrt() / (*h + epsilon).sqrt() * g;
                *u = (decay * *u + fresh * change * change).maximum(least);
                *w -= rate * change;
            }
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["h", "u"]);
        let formula = formula.with("decay", self.decay).with("epsilon", self.epsilon);
        Some(
            formula
                .line("h", "decay * h + (1 - decay) * g ^ 2")
                .line("change", "sqrt(u + epsilon) / sqrt(h + epsilon) * g")
                .line("u", "decay * u + (1 - decay) * change ^ 2")
                .line("w", "w - rate * change"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::first_step, *};

    /// `√ε / √((1 − ρ)·g²)·g`, whatever the gradient.
    #[test]
    fn the_first_change_is_made_by_epsilon_alone() {
        let grads = [1e-1f64, -3.0, 1e4];
        let first = first_step(&AdaDelta::default(), &StepInfo::new(1.0, 1), [0.0; 3], grads);
        for (w, g) in first.iter().zip(grads) {
            let want = -(1e-6f64 / 0.05).sqrt() * g.signum();
            assert!((w / want - 1.0).abs() < 2e-3, "gradient {g}: {w}, expected {want}");
        }
    }
}
