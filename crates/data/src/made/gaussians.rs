//! Two normal distributions, around (1, 1) and (−1, −1).

use kernels::random::Stream;

use super::points;
use crate::columns::Table;

/// Random draws: `"gaus"`.
const GAUSSIANS: u64 = 0x6761_7573;

/// Makes `n` points; `deviation` is the standard deviation of both distributions. Columns `x`, `y`, `class`.
pub fn make(n: usize, deviation: f64, seed: u64) -> Table {
    points("gaussians", n, deviation, 2, &mut Stream::new(seed, GAUSSIANS), |i, _| {
        [[1.0; 2], [-1.0; 2]][i % 2]
    })
}
