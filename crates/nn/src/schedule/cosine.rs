//! Half a cosine wave: `end + (start − end) · (1 + cos(π · step / steps)) / 2`, then `end`.
//!
//! Source: Loshchilov, Hutter (ICLR 2017), "SGDR: stochastic gradient descent with warm restarts",
//! equation 5, without the restarts.

use super::*;

settings! {
    /// A learning rate that goes from one value to another along half a cosine wave, and stays there.
    pub struct CosineDecay {
        /// The rate of the first step, above 0.
        start: f64 = 0.01, positive;
        /// The rate from step `steps` on, at least 0.
        end: f64 = 0.0, not_negative;
        /// The steps from `start` to `end`.
        steps: u64 = 10_000, one_or_more;
    }
}

impl LearningRate for CosineDecay {
    fn learning_rate(&self, step: u64) -> f64 {
        if step >= self.steps {
            return self.end;
        }
        let angle = std::f64::consts::PI * (step as f64 / self.steps as f64);
        self.end + (self.start - self.end) * 0.5 * (1.0 + Float::cos(angle))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_from_start_to_end_and_stays() {
        let schedule = CosineDecay { start: 0.5, end: 0.1, steps: 100 };
        // A third of the way is 60 degrees, whose cosine is 1/2.
        let thirds = CosineDecay { steps: 99, ..schedule };
        let cases = [(0, 0.5), (50, 0.3), (100, 0.1), (101, 0.1), (u64::MAX, 0.1)];
        for (step, want) in cases {
            let rate = schedule.learning_rate(step);
            assert!((rate - want).abs() < 1e-15, "step {step}: {rate}, expected {want}");
        }
        assert!((thirds.learning_rate(33) - 0.4).abs() < 1e-15);
        assert!((thirds.learning_rate(66) - 0.2).abs() < 1e-15);
    }

    #[test]
    fn the_last_rate_of_a_hundred_steps_from_a_half_is_small_and_not_zero() {
        let schedule = CosineDecay { start: 0.5, end: 0.0, steps: 100 };
        assert!((schedule.learning_rate(99) - 1.2336e-4).abs() < 1e-8);
    }
}
