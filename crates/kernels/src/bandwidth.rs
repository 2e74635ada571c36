//! How fast memory can be read, by all threads together.

use std::hint::black_box;
use std::ops::Add;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::reduce::fold;
use crate::{inlined, vectorize};

/// Numbers that each thread reads: 32 MB, more than a core's own caches hold, though maybe not a shared one.
const LEN: usize = 8 << 20;
/// The first round warms up, the best of all counts.
const ROUNDS: usize = 10;

/// Bytes a second that `threads` threads read together, 32 MB of its own each: the best of several rounds.
///
/// # Panics
///
/// For 0 threads.
pub fn read_bandwidth(threads: usize) -> f64 {
    assert!(threads > 0, "expected 1 thread or more to read, found 0");
    let barrier = Barrier::new(threads);
    let start = Instant::now();
    let nanos = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let rounds: [_; ROUNDS] =
        std::array::from_fn(|_| (AtomicU64::new(u64::MAX), AtomicU64::new(0)));
    let read = || {
        let memory = vec![1.0_f32; LEN];
        for (begin, end) in &rounds {
            barrier.wait();
            begin.fetch_min(nanos(), Ordering::Relaxed);
            // So many partial sums that reading takes the time, not the latency of additions.
            let memory = black_box(&memory);
            let sums: [f32; 128] = vectorize(inlined!(|| fold(memory, 0.0, f32::add)));
            black_box(sums);
            end.fetch_max(nanos(), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(read);
        }
    });
    let took = rounds.into_iter().map(|(begin, end)| end.into_inner() - begin.into_inner());
    let best = took.min().unwrap_or(0).max(1);
    (threads * LEN * size_of::<f32>()) as f64 / (best as f64 * 1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_read_together_to_the_end() {
        assert!(read_bandwidth(2) > 0.0);
    }
}
