//! Processes that share the batches of a program.

use std::fmt::Debug;
use std::ops::Range;

use kernels::Float;

/// Processes, numbered by rank, each of which has consecutive shards of every batch.
///
/// All call the same methods in the same order. A method returns when what the process receives is there. There are no
/// errors: a group in which a process has failed ends. Processes exchange bytes, so all run on machines with one order of
/// bytes.
pub trait ProcessGroup: Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// The number of processes.
    fn size(&self) -> usize;

    /// Fills `all`, of which `parts[r]` is that of process `r`; this process has filled its own. A part may be empty.
    fn all_gather_bytes(&self, all: &mut [u8], parts: &[Range<usize>]);

    /// Sends `send[to[r]]` to each process `r`, and receives what it sends to this one in `received[from[r]]`. Parts may be
    /// empty.
    fn all_to_all_bytes(
        &self,
        send: &[u8],
        to: &[Range<usize>],
        received: &mut [u8],
        from: &[Range<usize>],
    );
}

impl dyn ProcessGroup {
    /// [`ProcessGroup::all_gather_bytes`] for numbers.
    pub fn all_gather<T: Float>(&self, all: &mut [T], parts: &[Range<usize>]) {
        self.all_gather_bytes(T::bytes_mut(all), &of_bytes::<T>(parts));
    }

    /// [`ProcessGroup::all_to_all_bytes`] for numbers.
    pub fn all_to_all<T: Float>(
        &self,
        send: &[T],
        to: &[Range<usize>],
        received: &mut [T],
        from: &[Range<usize>],
    ) {
        let (to, from) = (of_bytes::<T>(to), of_bytes::<T>(from));
        self.all_to_all_bytes(T::bytes(send), &to, T::bytes_mut(received), &from);
    }

    /// Some of `n` consecutive things for each process: as many as for any other, or one more.
    pub fn shares(&self, n: usize) -> Vec<Range<usize>> {
        let bound = |rank: usize| rank * n / self.size();
        (0..self.size()).map(|rank| bound(rank)..bound(rank + 1)).collect()
    }
}

fn of_bytes<T>(parts: &[Range<usize>]) -> Vec<Range<usize>> {
    parts.iter().map(|part| part.start * size_of::<T>()..part.end * size_of::<T>()).collect()
}
