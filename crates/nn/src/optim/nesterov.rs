//! Nesterov's accelerated gradient: `v ← µ·v − η·g`, `w ← w + µ·v − η·g`.
//!
//! [Momentum](super::momentum) with the gradient taken one step ahead. The parameters kept here are those after
//! that step: a change of variables, so that the gradient is taken at the parameters themselves.
//! Source: Nesterov (1983), "A method of solving a convex programming problem with convergence rate
//! O(1/k²)", in the form of Bengio, Boulanger-Lewandowski, Pascanu (2013), "Advances in optimizing
//! recurrent networks", equations 6 and 7, and of "Deep Learning from Scratch".

use super::*;

settings! {
    /// Descent by a velocity with the gradient one step ahead. See the [module docs](self) for the formula.
    pub struct Nesterov {
        /// `µ` in `[0, 1)`, share of the velocity kept in each step.
        momentum: f64 = 0.9, fraction;
    }
}

impl<T: Float> Optimize<T> for Nesterov {
    fn update(
        &self,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [velocity, ..]: OptimizerState<'_, T>,
    ) {
        let momentum = T::from_f64(step.momentum.unwrap_or(self.momentum));
        let rate = T::from_f64(step.learning_rate);
        Pieces { params, grads, state: velocity }.update_each(inlined!(|w, g, v| {
            *v = momentum * *v - rate * g;
            *w += momentum * *v - rate * g;
        }));
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = StepFormula::new(step).with_state(&["v"]);
        let formula = formula.with("momentum", step.momentum.unwrap_or(self.momentum));
        Some(formula.line("v", "momentum * v - rate * g").line("w", "w + momentum * v - rate * g"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition: momentum on `u`, its gradient taken at `u + µ·v`, which is our `w`.
    #[test]
    fn is_momentum_with_the_gradient_of_the_point_ahead() {
        let gradient = |w: f64| w / 10.0;
        let (mut w, mut velocity) = ([3.0], [0.0]);
        let (mut u, mut v) = (3.0, 0.0);
        for step in 1..=20 {
            v = 0.9 * v - 0.1 * gradient(u + 0.9 * v);
            u += v;
            let (info, grads) = (StepInfo::new(0.1, step), [gradient(w[0])]);
            let state = [&mut velocity[..], &mut [], &mut [], &mut []];
            Nesterov::default().update(&info, &mut w, &grads, state);
            assert!((w[0] - (u + 0.9 * v)).abs() < 1e-12, "step {step}: {} {u}", w[0]);
        }
    }
}
