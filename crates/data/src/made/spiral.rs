//! Two spirals, each the other one after half a turn.
//!
//! A point at the distance `r` from the origin, up to 1, has made `1.75·r` turns.

use std::f64::consts::{PI, TAU};

use kernels::random::Stream;

use super::points;
use crate::columns::Table;

/// Random draws: `"spir"`.
const SPIRAL: u64 = 0x7370_6972;
const TURNS: f64 = 1.75;

/// Makes `n` points, with noise of the standard deviation `noise`. Columns `x`, `y`, `class`.
pub fn make(n: usize, noise: f64, seed: u64) -> Table {
    points("spiral", n, noise, 2, &mut Stream::new(seed, SPIRAL), |i, random| {
        let distance = random.uniform();
        let angle = TURNS * TAU * distance + PI * (i % 2) as f64;
        [distance * libm::sin(angle), distance * libm::cos(angle)]
    })
}
