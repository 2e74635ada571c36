//! Exponential moving average of weights: `a ← a + (1 − d)·(w − a)` after each step.
//!
//! A network is evaluated and saved with the averaged weights `a`; training continues with `w`. The running
//! statistics of batch normalisation are averaged likewise. The average begins at the first weights, and with
//! `warmup` it forgets them soon: step `t` takes the smaller of `decay` and `(1 + t) / (10 + t)`, `t` counted from 0.
//! Source: Polyak, Juditsky (1992), "Acceleration of stochastic approximation by averaging"; the warm-up is that of
//! TensorFlow's `ExponentialMovingAverage`.

use super::*;

settings! {
    /// Averaged weights for evaluation. See the [module docs](self) for the formula.
    pub struct Ema {
        /// `d` in `[0, 1)`, share of the average kept in each step.
        decay: f64 = 0.999, fraction;
        /// Whether the first steps keep less.
        warmup: bool = true;
    }
}

impl Ema {
    /// The share of the average that step number `step` keeps.
    fn decay_at(&self, step: u64) -> f64 {
        let before = step.saturating_sub(1) as f64;
        let warm = (1.0 + before) / (10.0 + before);
        if self.warmup { self.decay.min(warm) } else { self.decay }
    }

    /// What [`apply`](Self::apply) does to one averaged value, `averaged`.
    pub fn formula(&self, step: u64) -> StepFormula {
        let formula = StepFormula::default().with("ema_decay", self.decay_at(step));
        formula.line("averaged", "averaged + (1 - ema_decay) * (w - averaged)")
    }

    /// Updates `averaged`, a piece of the averaged values, after step number `step`, 1 for the first.
    ///
    /// # Panics
    ///
    /// If the slices differ in length.
    pub fn apply<T: Float>(&self, step: u64, values: &[T], averaged: &mut [T]) {
        assert_same_length([values.len(), averaged.len()]);
        let fresh = T::from_f64(1.0 - self.decay_at(step));
        vectorize(inlined!(|| {
            for (&value, averaged) in values.iter().zip(averaged) {
                *averaged += fresh * (value - *averaged);
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_is_that_of_the_formula_over_100_steps() {
        for warmup in [true, false] {
            let ema = Ema { decay: 0.9, warmup };
            let (mut averaged, mut want) = ([3.0], 3.0);
            for t in 0..100 {
                let w = 1.0 / f64::from(t + 1);
                let warm = (1.0 + f64::from(t)) / (10.0 + f64::from(t));
                let decay = if warmup { warm.min(0.9) } else { 0.9 };
                want = decay * want + (1.0 - decay) * w;
                ema.apply(t as u64 + 1, &[w], &mut averaged);
                assert!((averaged[0] - want).abs() < 1e-14, "{t}: {averaged:?}, {want}");
            }
        }
    }

    #[test]
    fn what_does_not_change_keeps_its_bytes() {
        let (values, mut averaged) = ([0.1f32, -3e30, 1e-40], [0.1f32, -3e30, 1e-40]);
        (1..100).for_each(|step| Ema::default().apply(step, &values, &mut averaged));
        assert_eq!(averaged.map(f32::to_bits), values.map(f32::to_bits));
    }
}
