//! Threads in place of processes, for tests.

use std::ops::Range;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;

use crate::ProcessGroup;

/// A process of a group whose processes are threads.
#[derive(Debug)]
struct ThreadGroup {
    rank: usize,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    barrier: Barrier,
    /// What each process has sent to each.
    sent: Vec<Mutex<Vec<Vec<u8>>>>,
}

/// Calls `run` with each process of a group of `n`, on threads of their own, and returns what each has returned, by rank.
///
/// # Panics
///
/// If one of them panics before it waits for another.
pub fn in_threads<R: Send>(n: usize, run: impl Fn(Arc<dyn ProcessGroup>) -> R + Sync) -> Vec<R> {
    let sent = (0..n).map(|_| Mutex::default()).collect();
    let shared = Arc::new(Shared { barrier: Barrier::new(n), sent });
    thread::scope(|scope| {
        let spawn = |rank| {
            let group = Arc::new(ThreadGroup { rank, shared: Arc::clone(&shared) });
            scope.spawn(|| run(group))
        };
        let threads: Vec<_> = (0..n).map(spawn).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a process has not panicked"))
            .collect()
    })
}

impl ThreadGroup {
    /// Sends each process a message, and gives `receive` that of each.
    fn exchange<'a>(
        &self,
        message: impl Fn(usize) -> &'a [u8],
        mut receive: impl FnMut(usize, &[u8]),
    ) {
        let Shared { barrier, sent } = &*self.shared;
        let lock = |rank: usize| sent[rank].lock().unwrap_or_else(PoisonError::into_inner);
        *lock(self.rank) = (0..sent.len()).map(|to| message(to).to_vec()).collect();
        barrier.wait();
        (0..sent.len()).for_each(|from| receive(from, &lock(from)[self.rank]));
        barrier.wait();
    }
}

impl ProcessGroup for ThreadGroup {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.sent.len()
    }

    fn all_gather_bytes(&self, all: &mut [u8], parts: &[Range<usize>]) {
        let own = all[parts[self.rank].clone()].to_vec();
        self.exchange(|_| &own, |from, part| all[parts[from].clone()].copy_from_slice(part));
    }

    fn all_to_all_bytes(
        &self,
        send: &[u8],
        to: &[Range<usize>],
        received: &mut [u8],
        from: &[Range<usize>],
    ) {
        self.exchange(
            |rank| &send[to[rank].clone()],
            |rank, part| received[from[rank].clone()].copy_from_slice(part),
        );
    }
}
