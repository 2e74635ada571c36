//! What the tests of several kernels need.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use crate::random::Stream;
use crate::{Float, Isa};

/// The lengths of vectors that every kernel is tried with, along each of its axes.
pub(crate) const LENGTHS: RangeInclusive<usize> = 0..=600;

/// Calls `test` with each set that the machine has in use, from narrow to wide.
///
/// Tests that run meanwhile see any of them, and must not mind.
pub(crate) fn on_each_isa(test: impl Fn(Isa)) {
    static FORCED: Mutex<()> = Mutex::new(());
    let _forced = FORCED.lock().unwrap_or_else(PoisonError::into_inner);
    for isa in Isa::available() {
        Isa::force(isa).unwrap();
        test(isa);
    }
}

/// Normal numbers, the same for the same stream.
pub(crate) fn normals<T: Float>(count: usize, stream: u64) -> Vec<T> {
    let mut stream = Stream::new(7, stream);
    (0..count).map(|_| T::from_f64(stream.normal())).collect()
}

pub(crate) fn is_refused<R>(run: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(run)).is_err()
}
