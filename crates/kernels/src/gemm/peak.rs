//! The most that a core can compute: multiply-adds on registers, with nothing to load.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::vector::Vector;
use crate::{Float, Isa};

/// Sums that run side by side: more than latency times throughput of any machine, and few enough for the
/// registers of all.
const CHAINS: usize = 12;

/// Floating-point operations a second that one core reaches on registers alone, a multiply-add counted as
/// two: the best of several short measurements, together `patience` long.
pub fn peak_flops<T: Float>(patience: Duration) -> f64 {
    const ROUNDS: u64 = 100_000;
    let begin = Instant::now();
    let mut best = 0.0_f64;
    while begin.elapsed() < patience {
        let begin = Instant::now();
        // SAFETY: `Isa::current` is a set that this machine has.
        let done = unsafe { T::multiply_adds(Isa::current(), ROUNDS) };
        best = best.max(2.0 * done as f64 / begin.elapsed().as_secs_f64());
    }
    best
}

/// Multiplies and adds `rounds` times `CHAINS` vectors; returns the multiply-adds done.
///
/// # Safety
///
/// The machine has the instructions of `V`.
#[inline(always)]
pub(super) unsafe fn multiply_adds<V: Vector>(rounds: u64) -> u64 {
    // SAFETY: the caller's promise; stores stay inside `lanes`.
    unsafe {
        let factor = black_box(V::zero());
        let mut sums = [V::zero(); CHAINS];
        for _ in 0..rounds {
            for sum in &mut sums {
                *sum = factor.mul_add(factor, *sum);
            }
        }
        for sum in sums {
            black_box(sum.sum_lanes());
        }
    }
    rounds * (CHAINS * V::LANES) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_does_more_than_a_hundred_million_operations_a_second() {
        assert!(peak_flops::<f32>(Duration::from_millis(5)) > 1e8);
        assert!(peak_flops::<f64>(Duration::from_millis(5)) > 1e8);
    }
}
