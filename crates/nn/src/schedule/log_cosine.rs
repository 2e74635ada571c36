//! Cosine waves that become longer: `max · (1 − cos(2π · log₂(1 + (2ᶜ − 1) · step / steps))) / 2` with `c` cycles.
//!
//! Each cycle rises from 0 to the maximum, falls to 0, and takes twice as long as the one before. The first step has a
//! rate of 0, and so has all that follows the last.
//! Source: Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024), "Better by default: strong pre-tuned MLPs and boosted trees
//! on tabular data", where four cycles are called coslog4.

use std::f64::consts::{LN_2, TAU};

use super::*;
use crate::registry::{InvalidSetting, within_limit};

settings! {
    /// A learning rate that rises and falls in cycles, each twice as long as the one before.
    pub struct LogCosine {
        /// The highest rate, above 0.
        max_learning_rate: f64 = 0.01, positive;
        /// How often the rate rises and falls, 1 to 16.
        cycles: usize = 4, cycle_limit;
        /// The length of all cycles; if not given, the steps of the run.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64> = None, optional(one_or_more);
    }
}

fn cycle_limit(name: &str, found: &usize) -> Result<(), InvalidSetting> {
    within_limit(name, *found, 16)
}

impl LearningRate for LogCosine {
    fn learning_rate(&self, at: StepOf) -> f64 {
        let length = (1u64 << self.cycles) as f64;
        let cycle = Float::ln(1.0 + (length - 1.0) * at.fraction_of(self.steps)) / LN_2;
        self.max_learning_rate * (0.5 - 0.5 * Float::cos(TAU * cycle))
    }
}
