//! Exclusive or: four squares, of which those across a corner belong to one class.
//!
//! Both coordinates are from 0.05 to 1, or negative. Class 0 has two of the same sign, class 1 of different ones.

use kernels::random::Stream;

use super::points;
use crate::columns::Table;

/// Random draws: `"xor"`.
const XOR: u64 = 0x786f_7200;

/// Makes `n` points, with noise of the standard deviation `noise`. Columns `x`, `y`, `class`.
pub fn make(n: usize, noise: f64, seed: u64) -> Table {
    points("xor", n, noise, 2, &mut Stream::new(seed, XOR), |i, random| {
        let mut coordinate = || 0.05 + 0.95 * random.uniform();
        let [x, y] = [coordinate(), coordinate()];
        let sign = if random.below(2) == 0 { 1.0 } else { -1.0 };
        [sign * x, if i % 2 == 0 { sign * y } else { -sign * y }]
    })
}
