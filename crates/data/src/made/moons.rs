//! Two half circles that reach into each other.
//!
//! Class 0 is the upper half of the circle around the origin, class 1 the lower half of the one around (1, 0.5), both of
//! radius 1.

use std::f64::consts::PI;

use kernels::random::Stream;

use super::points;
use crate::columns::Table;

/// Random draws: `"moon"`.
const MOONS: u64 = 0x6d6f_6f6e;

/// Makes `n` points, with noise of the standard deviation `noise`. Columns `x`, `y`, `class`.
pub fn make(n: usize, noise: f64, seed: u64) -> Table {
    points("moons", n, noise, 2, &mut Stream::new(seed, MOONS), |i, random| {
        let angle = PI * random.uniform();
        let [x, y] = [libm::cos(angle), libm::sin(angle)];
        [[x, y], [1.0 - x, 0.5 - y]][i % 2]
    })
}
