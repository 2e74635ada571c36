//! Adam: moving averages of the gradient and of its square, `w ← w − η·m̂ / (√v̂ + ε)`.
//!
//! `m ← β₁·m + (1 − β₁)·g` and `v ← β₂·v + (1 − β₂)·g²` start at 0 and are corrected for it:
//! `m̂ = m / (1 − β₁ᵗ)`, `v̂ = v / (1 − β₂ᵗ)`.
//!
//! Epsilon stands outside the root and is added after the correction, as in the paper's algorithm 1
//! and PyTorch. TensorFlow 1 (1e-8) and "Deep Learning from Scratch" (1e-7) use the paper's faster
//! form, where it acts like our `ε / √(1 − β₂ᵗ)`: 32 times as much in the first step.
//! Source: Kingma, Ba (ICLR 2015), "Adam: a method for stochastic optimization".

use std::array::{from_mut, from_ref};

use super::*;

settings! {
    /// Adaptive moments. See the [module docs](self) for the formula.
    pub struct Adam {
        /// `β₁` in `[0, 1)`, share of the average gradient kept in each step.
        beta1: f64 = 0.9, fraction;
        /// `β₂` in `[0, 1)`, share of the average square kept in each step.
        beta2: f64 = 0.999, fraction;
        /// Added to the root, against a division by zero: above 0, in units of the gradient.
        epsilon: f64 = 1e-8, positive;
    }
}

/// Added and taken away again, they let gradients below about 6e-18 and means below 6e-30 become 0; squares stay
/// above the third. They would otherwise become subnormal, and each multiplication of a subnormal `f32` takes a hundred
/// times as long. Such a mean moves no weight, and the root of such a square is nothing beside any useful epsilon.
const COARSE: f64 = 1e-10;
pub(super) const FINE: f64 = 1e-22;
pub(super) const LEAST_SQUARE: f64 = 1e-37;

/// Parameters updated side by side: four vectors, since each waits long for its own root.
const BLOCK: usize = 64;

impl<T: Float> Optimize<T> for Adam {
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        self.update_shrunk(1.0, step, params, grads, state);
    }

    fn formula(&self, step: &StepInfo, _: &ParameterRule) -> Option<StepFormula> {
        let formula = moments_formula(step, [self.beta1, self.beta2]).with("epsilon", self.epsilon);
        Some(formula.descend(None, "rate * m_hat / (sqrt(v_hat) + epsilon)"))
    }
}

impl Adam {
    /// The update, from parameters that are first multiplied by `shrink`.
    #[inline]
    pub(super) fn update_shrunk<T: Float>(
        &self,
        shrink: f64,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        state: OptimizerState<'_, T>,
    ) {
        let moments = Moments::new(step, [self.beta1, self.beta2]);
        let shrink = T::from_f64(shrink);
        let rate = T::from_f64(step.learning_rate * moments.correction1);
        let epsilon = T::from_f64(self.epsilon);
        moments.update_each(
            params,
            grads,
            state,
            inlined!(|w: &mut T, _, m, root| {
                *w = shrink * *w - rate * m / (root + epsilon);
            }),
        );
    }
}

/// The formulas of both means, and of both corrected for their beginning at 0.
pub(super) fn moments_formula(step: &StepInfo, [beta1, beta2]: [f64; 2]) -> StepFormula {
    StepFormula::new(step)
        .with_state(&["m", "v"])
        .with("beta1", step.momentum.unwrap_or(beta1))
        .with("beta2", beta2)
        .with("t", step.step as f64)
        .line("m", "beta1 * m + (1 - beta1) * g")
        .line("v", "beta2 * v + (1 - beta2) * g ^ 2")
        .line("m_hat", "m / (1 - beta1 ^ t)")
        .line("v_hat", "v / (1 - beta2 ^ t)")
}

/// Moving averages of gradients and of their squares, as one step needs them: the same for all parameters, and so
/// computed once, in `f64`.
pub(super) struct Moments {
    betas: [f64; 2],
    /// `1 / (1 − β₁ᵗ)` and `1 / (1 − β₂ᵗ)`.
    pub(super) correction1: f64,
    pub(super) correction2: f64,
}

impl Moments {
    pub(super) fn new(step: &StepInfo, [beta1, beta2]: [f64; 2]) -> Self {
        let betas = [step.momentum.unwrap_or(beta1), beta2];
        let [correction1, correction2] =
            betas.map(|beta| 1.0 / (1.0 - Float::powf(beta, step.step as f64)));
        Self { betas, correction1, correction2 }
    }

    /// Updates both means, the first two vectors of `state`, then each parameter by
    /// `rule(w, g, m, √v̂)`.
    #[inline(always)]
    pub(super) fn update_each<T: Float>(
        &self,
        params: &mut [T],
        grads: &[T],
        [means, squares, ..]: OptimizerState<'_, T>,
        rule: impl Fn(&mut T, T, T, T),
    ) {
        assert_same_length([params.len(), grads.len(), means.len(), squares.len()]);
        let factors = Factors {
            betas: self.betas.map(T::from_f64),
            fresh: self.betas.map(|beta| T::from_f64(1.0 - beta)),
            correction2: T::from_f64(self.correction2),
        };
        vectorize(inlined!(|| {
            let (params, last_params) = params.as_chunks_mut::<BLOCK>();
            let (grads, last_grads) = grads.as_chunks::<BLOCK>();
            let (means, last_means) = means.as_chunks_mut::<BLOCK>();
            let (squares, last_squares) = squares.as_chunks_mut::<BLOCK>();
            for (((w, g), m), v) in params.iter_mut().zip(grads).zip(means).zip(squares) {
                factors.update(w, g, m, v, &rule);
            }
            let rest = last_params.iter_mut().zip(last_grads).zip(last_means).zip(last_squares);
            for (((w, g), m), v) in rest {
                factors.update(from_mut(w), from_ref(g), from_mut(m), from_mut(v), &rule);
            }
        }));
    }
}

/// The numbers of [`Moments`] in the type of the parameters.
struct Factors<T> {
    betas: [T; 2],
    fresh: [T; 2],
    correction2: T,
}

impl<T: Float> Factors<T> {
    #[inline(always)]
    fn update<const N: usize>(
        &self,
        params: &mut [T; N],
        grads: &[T; N],
        means: &mut [T; N],
        squares: &mut [T; N],
        rule: impl Fn(&mut T, T, T, T),
    ) {
        let ([beta1, beta2], [fresh1, fresh2]) = (self.betas, self.fresh);
        let [coarse, fine, least] = [COARSE, FINE, LEAST_SQUARE].map(T::from_f64);
        let mut corrected = [T::ZERO; N];
        for i in 0..N {
            let g = (grads[i] + coarse) - coarse;
            means[i] = (beta1 * means[i] + fresh1 * g + fine) - fine;
            let v = (beta2 * squares[i] + fresh2 * g * g).maximum(least);
            squares[i] = v;
            corrected[i] = v * self.correction2;
        }
        let roots = T::square_roots(corrected);
        for (((w, &g), &m), root) in params.iter_mut().zip(grads).zip(&*means).zip(roots) {
            rule(w, g, m, root);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::first_step, *};

    #[test]
    fn the_first_step_has_the_size_of_the_learning_rate_whatever_the_gradient() {
        // Far above epsilon, and with squares that are still normal numbers in f32.
        let grads = [1e-2f32, -1.0, 37.0, -1e6, 1e15];
        for (w, g) in
            first_step(&Adam::default(), &StepInfo::new(0.01, 1), [0.0; 5], grads).iter().zip(grads)
        {
            let want = -0.01 * g.signum();
            assert!((w - want).abs() < 2e-6 * 0.01, "gradient {g}: {w}");
        }
    }

    /// `m̂ / √v̂` would be 1; halving it needs `ε = √v̂ = |g|`, after the correction, outside the root.
    #[test]
    fn epsilon_is_added_to_the_corrected_root() {
        let adam = Adam { epsilon: 3.0, ..Adam::default() };
        let [w] = first_step(&adam, &StepInfo::new(1.0, 1), [0.0f64], [3.0]);
        assert!((w + 0.5).abs() < 1e-14, "{w}");
    }

    #[test]
    fn the_corrections_stay_finite_after_very_many_steps() {
        let info = StepInfo::new(0.01, u64::MAX);
        let (mut w, mut m, mut v) = ([1.0f32], [0.5], [0.25]);
        Adam::default().update(&info, &mut w, &[0.5], [&mut m, &mut v, &mut [], &mut []]);
        assert!((w[0] - 0.99).abs() < 1e-6, "{w:?}");
    }
}
