//! Threads in place of processes, for tests.

use std::ops::Range;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;

use crate::{Float, ProcessGroup};

/// A process of a group whose processes are threads.
#[derive(Debug)]
struct ThreadGroup<T> {
    rank: usize,
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    barrier: Barrier,
    /// What each process has sent to each.
    sent: Vec<Mutex<Vec<Vec<T>>>>,
}

/// Calls `run` with each process of a group of `n`, on threads of their own, and returns what each has returned, by rank.
///
/// # Panics
///
/// If one of them panics before it waits for another.
pub fn in_threads<T: Float, R: Send>(
    n: usize,
    run: impl Fn(Arc<dyn ProcessGroup<T>>) -> R + Sync,
) -> Vec<R> {
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

impl<T: Float> ThreadGroup<T> {
    /// Sends each process a message, and gives `receive` that of each.
    fn exchange<'a>(&self, message: impl Fn(usize) -> &'a [T], mut receive: impl FnMut(usize, &[T]))
    where
        T: 'a,
    {
        let Shared { barrier, sent } = &*self.shared;
        let lock = |rank: usize| sent[rank].lock().unwrap_or_else(PoisonError::into_inner);
        *lock(self.rank) = (0..sent.len()).map(|to| message(to).to_vec()).collect();
        barrier.wait();
        (0..sent.len()).for_each(|from| receive(from, &lock(from)[self.rank]));
        barrier.wait();
    }
}

impl<T: Float> ProcessGroup<T> for ThreadGroup<T> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.shared.sent.len()
    }

    fn all_gather(&self, all: &mut [T], parts: &[Range<usize>]) {
        let own = all[parts[self.rank].clone()].to_vec();
        self.exchange(|_| &own, |from, part| all[parts[from].clone()].copy_from_slice(part));
    }

    fn all_to_all(
        &self,
        send: &[T],
        to: &[Range<usize>],
        received: &mut [T],
        from: &[Range<usize>],
    ) {
        self.exchange(
            |rank| &send[to[rank].clone()],
            |rank, part| received[from[rank].clone()].copy_from_slice(part),
        );
    }
}
