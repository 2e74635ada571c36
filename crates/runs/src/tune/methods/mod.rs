//! How trials are trained, chosen by name.

pub mod random;
pub mod successive_halving;

// What the files of methods take by `use super::*`.
use nn::settings;

nn::registry! {
    /// How many trials are trained, and how long.
    pub enum TuneMethod: dyn PlanRungs {
        random::RandomSearch,
        successive_halving::SuccessiveHalving,
    }
}

/// Trials that are trained equally long: all of them at first, then the best of the rung before.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Rung {
    /// Trials.
    pub trials: usize,
    /// The part of the experiment's length that each is trained: above 0, up to 1.
    pub share: f64,
}

/// The rungs of a method.
pub trait PlanRungs {
    /// The rungs for so many trials, 1 or more. The first has all of them, each later one as many as the one before or
    /// fewer.
    fn rungs(&self, trials: usize) -> Vec<Rung>;
}
