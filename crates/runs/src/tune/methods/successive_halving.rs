//! Successive halving: all trials are trained for a short time, the best of them longer, and so on. Every rung costs about
//! as many steps as any other.
//!
//! Source: Jamieson, Talwalkar (AISTATS 2016), "Non-stochastic best arm identification and hyperparameter optimization",
//! with a `factor` in place of 2, as in Li et al. (JMLR 2018), "Hyperband". As there, a rung has the best
//! `⌊n / factor⌋` of the `n` trials before it, and its length is `factor` times as long.

use nn::registry::{optional, require};

use super::*;

settings! {
    /// The method `successive_halving`. The last rung is as long as the experiment says.
    pub struct SuccessiveHalving {
        /// How many times fewer trials a rung has than the one before, and how many times longer they are trained: 2 to 100.
        factor: usize = 3, |name, &factor| require((2..=100).contains(&factor), name, factor, "2 to 100");
        /// Rungs, 2 or more; if not given, as many as leave a trial in the last one.
        #[serde(skip_serializing_if = "Option::is_none")]
        rungs: Option<usize> = None, optional(|name, &rungs| require((2..=20).contains(&rungs), name, rungs, "2 to 20"));
    }
}

impl PlanRungs for SuccessiveHalving {
    fn rungs(&self, trials: usize) -> Vec<Rung> {
        let mut counts = vec![trials];
        let is_complete = |counts: &[usize], next: usize| match self.rungs {
            Some(rungs) => counts.len() >= rungs,
            None => next == 0,
        };
        loop {
            let next = counts[counts.len() - 1] / self.factor;
            if is_complete(&counts, next) {
                break;
            }
            counts.push(next.max(1));
        }
        let last = counts.len() - 1;
        let share = |rung| (self.factor as f64).powi(rung as i32 - last as i32);
        counts.iter().enumerate().map(|(i, &trials)| Rung { trials, share: share(i) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rung_has_fewer_trials_and_is_longer_and_all_cost_alike() {
        for (factor, rungs, trials, expected) in [
            (3, None, 24, &[(24, 1.0 / 9.0), (8, 1.0 / 3.0), (2, 1.0)][..]),
            (2, None, 8, &[(8, 0.125), (4, 0.25), (2, 0.5), (1, 1.0)]),
            (4, Some(2), 24, &[(24, 0.25), (6, 1.0)]),
            (3, Some(4), 5, &[(5, 1.0 / 27.0), (1, 1.0 / 9.0), (1, 1.0 / 3.0), (1, 1.0)]),
            (3, None, 2, &[(2, 1.0)]),
        ] {
            let found = SuccessiveHalving { factor, rungs }.rungs(trials);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (rung, &(trials, share)) in found.iter().zip(expected) {
                assert_eq!(rung.trials, trials, "{found:?}");
                assert!((rung.share - share).abs() < 1e-12, "{found:?}");
            }
        }
    }
}
