//! Processes that share the batches of a program.

use std::fmt::Debug;
use std::ops::Range;

/// Processes, numbered by rank, each of which has consecutive shards of every batch.
///
/// All call the same methods in the same order. A method returns when what the process receives is there. There are no
/// errors: a group in which a process has failed ends.
pub trait ProcessGroup<T>: Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes.
    fn size(&self) -> usize;

    /// Fills `all`, of which `parts[r]` is that of process `r`; this process has filled its own. A part may be empty.
    fn all_gather(&self, all: &mut [T], parts: &[Range<usize>]);

    /// Sends `send[to[r]]` to each process `r`, and receives what it sends to this one in `received[from[r]]`. Parts may be
    /// empty.
    fn all_to_all(
        &self,
        send: &[T],
        to: &[Range<usize>],
        received: &mut [T],
        from: &[Range<usize>],
    );
}

/// The shards of a process: as many as any other has, or one more.
pub(crate) fn own_shards(shards: usize, rank: usize, size: usize) -> Range<usize> {
    let bound = |rank: usize| rank * shards / size;
    bound(rank)..bound(rank + 1)
}
