//! Two classes: a disc, and a ring around it.
//!
//! Points of class 0 are up to 0.5 from the origin, those of class 1 from 0.7 to 1, uniform in angle and distance.

use std::f64::consts::TAU;

use kernels::random::Stream;

use super::points;
use crate::columns::Table;

/// Random draws: `"circ"`.
const CIRCLE: u64 = 0x6369_7263;

/// Makes `n` points, with noise of the standard deviation `noise`. Columns `x`, `y`, `class`.
pub fn make(n: usize, noise: f64, seed: u64) -> Table {
    points("circle", n, noise, 2, &mut Stream::new(seed, CIRCLE), |i, random| {
        let [from, to] = [[0.0, 0.5], [0.7, 1.0]][i % 2];
        let distance = from + (to - from) * random.uniform();
        let angle = TAU * random.uniform();
        [distance * libm::sin(angle), distance * libm::cos(angle)]
    })
}
