//! A thread pool: workers spin, then park; the caller takes part.
//!
//! A step of a small network takes tens of microseconds; waking a parked thread can take more. So workers spin
//! before they park, and the caller does the work of a worker that has not joined, and closes the job.
//!
//! Each thread begins with items of its own, the same in every job of as many, which its cache still holds; then
//! it steals. So an item's work must depend on the item alone: every method hands out items, not threads.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Rounds of spinning before a worker yields its core: some tens of microseconds, as between two jobs.
const SPINS: u32 = 2_000;
/// Rounds of yielding before it parks: other processes may need the core.
const YIELDS: u32 = 100;

/// A fixed number of threads, the caller's among them. They end when it is dropped.
///
/// # Examples
///
/// ```
/// let pool = gradus_kernels::Pool::new(4);
/// let mut squares = [0u64; 100];
/// pool.each(&mut squares, |i, square| *square = (i * i) as u64);
/// assert_eq!(squares[9], 81);
/// ```
#[derive(Debug)]
pub struct Pool {
    state: Arc<PoolState>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the caller of the one job at a time.
    submission: Mutex<()>,
}

/// The state word: jobs so far, how many workers have joined the last one, and whether more may.
const OPEN: u64 = 1;
const WORKER: u64 = 2;
const WORKERS: u64 = 0xFFFE;
const JOB: u64 = 0x1_0000;
/// Set once, when the pool is dropped.
const QUIT: u64 = 1 << 63;

#[derive(Debug)]
struct PoolState {
    word: AtomicU64,
    /// For each thread the items of its range that are left.
    ranges: Vec<ItemRange>,
    /// Workers that are parked or about to park.
    parked: AtomicUsize,
    /// What the threads call: `job(thread, item)`.
    job: UnsafeCell<Job>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

type Job = *const (dyn Fn(usize, usize) + Sync);

// SAFETY: `job` is written only while the state is closed and without workers, and read only by workers that
// have joined, which acquires what opening released. It is called only while the call that lent it waits.
unsafe impl Sync for PoolState {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for PoolState {}

impl Pool {
    /// A pool of `threads` threads, the caller's included; 0 counts as 1. There are fewer if the system refuses
    /// them (wasm32 has none), and never more than 32,767: see [`threads`](Self::threads).
    pub fn new(threads: usize) -> Self {
        let n_workers = threads.clamp(1, (WORKERS / WORKER) as usize) - 1;
        let state = Arc::new(PoolState {
            word: AtomicU64::new(0),
            ranges: (0..=n_workers).map(|_| ItemRange::default()).collect(),
            parked: AtomicUsize::new(0),
            job: UnsafeCell::new(&|_, _| ()),
            panic: Mutex::new(None),
        });
        let worker = |i| {
            let state = Arc::clone(&state);
            let builder = thread::Builder::new().name(format!("gradus-{i}"));
            builder.spawn(move || state.serve_jobs(i)).ok()
        };
        let workers = (1..=n_workers).map_while(worker).collect();
        Self { state, workers, submission: Mutex::new(()) }
    }

    /// The number of threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `run(i)` for each `i` below `items`, once, in no particular order.
    ///
    /// # Panics
    ///
    /// If `run` panics: with the first panic, after all threads have stopped.
    pub fn run(&self, items: usize, run: impl Fn(usize) + Sync) {
        self.run_on_threads(items, |_, item| run(item));
    }

    fn run_on_threads(&self, items: usize, run: impl Fn(usize, usize) + Sync) {
        if self.workers.is_empty() || items <= 1 {
            return (0..items).for_each(|item| run(0, item));
        }
        assert!(u32::try_from(items).is_ok(), "{items} items are too many for one job");
        let _submission = lock(&self.submission);
        let job = self.open(items, &run);
        self.state.work(job, 0);
        self.close();
        if let Some(panic) = lock(&self.state.panic).take() {
            resume_unwind(panic);
        }
    }

    /// Calls `run(i, &mut items[i])` for each item.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn each<I: Send>(&self, items: &mut [I], run: impl Fn(usize, &mut I) + Sync) {
        let base = DisjointPtr(items.as_mut_ptr());
        self.run(items.len(), |i| {
            // SAFETY: `run` hands out each index once, and `items` stays borrowed until all are done.
            run(i, unsafe { &mut *base.at(i) });
        });
    }

    /// As [`each`](Self::each), and lends each call its thread's own one of `locals`, with what an earlier call
    /// left there. Callers that use the same locals wait for each other.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run), and with fewer locals than threads.
    pub fn each_with<I: Send, L: Send>(
        &self,
        items: &mut [I],
        locals: &[Mutex<L>],
        run: impl Fn(usize, &mut I, &mut L) + Sync,
    ) {
        let (threads, n_locals) = (self.threads(), locals.len());
        assert!(n_locals >= threads, "{n_locals} locals for {threads} threads");
        let base = DisjointPtr(items.as_mut_ptr());
        self.run_on_threads(items.len(), |thread, i| {
            // SAFETY: as in `each`.
            run(i, unsafe { &mut *base.at(i) }, &mut lock(&locals[thread]));
        });
    }

    /// Cuts `slice` and each of `others` at `bounds` and calls `run(i, part, other_parts)` with the parts from
    /// `bounds[i]` to `bounds[i + 1]`. Empty slices give empty parts.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run), and if the bounds decrease or leave a slice that is not empty.
    pub fn split<T: Send, const N: usize>(
        &self,
        slice: &mut [T],
        others: [&mut [T]; N],
        bounds: &[usize],
        run: impl Fn(usize, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        self.split_on_threads(slice, others, bounds, |_, i, part, others| run(i, part, others));
    }

    /// As [`split`](Self::split), and shows each call its thread's own one of `locals`, unlocked unless another caller
    /// uses the same.
    ///
    /// # Panics
    ///
    /// As [`split`](Self::split), and with fewer locals than threads.
    pub fn split_with<T: Send, L: Send, const N: usize>(
        &self,
        slice: &mut [T],
        others: [&mut [T]; N],
        bounds: &[usize],
        locals: &[Mutex<L>],
        run: impl Fn(usize, &mut [T], [&mut [T]; N], &Mutex<L>) + Sync,
    ) {
        let (threads, n_locals) = (self.threads(), locals.len());
        assert!(n_locals >= threads, "{n_locals} locals for {threads} threads");
        self.split_on_threads(slice, others, bounds, |thread, i, part, others| {
            run(i, part, others, &locals[thread]);
        });
    }

    fn split_on_threads<T: Send, const N: usize>(
        &self,
        slice: &mut [T],
        others: [&mut [T]; N],
        bounds: &[usize],
        run: impl Fn(usize, usize, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        assert!(bounds.is_sorted(), "bounds decrease");
        let end = bounds.last().copied().unwrap_or(0);
        let checked = |slice: &mut [T]| {
            assert!(slice.is_empty() || end <= slice.len(), "bound {end} of {}", slice.len());
            (DisjointPtr(slice.as_mut_ptr()), slice.is_empty())
        };
        let (slice, others) = (checked(slice), others.map(checked));
        self.run_on_threads(bounds.len().saturating_sub(1), |thread, i| {
            let part = |(slice, is_empty): &(DisjointPtr<T>, bool)| {
                let range = if *is_empty { 0..0 } else { bounds[i]..bounds[i + 1] };
                // SAFETY: the parts lie inside the slice and are disjoint, since the bounds do not decrease;
                // `run` hands out each part once while the slices stay borrowed.
                unsafe { std::slice::from_raw_parts_mut(slice.at(range.start), range.len()) }
            };
            run(thread, i, part(&slice), others.each_ref().map(part));
        });
    }

    fn open(&self, items: usize, run: &(dyn Fn(usize, usize) + Sync)) -> Job {
        let state = &*self.state;
        // Also those of workers that could not be started: the others steal them.
        for (i, range) in state.ranges.iter().enumerate() {
            let bound = |i| i * items / state.ranges.len();
            range.fill(bound(i)..bound(i + 1));
        }
        // SAFETY: only the lifetime changes. `close` returns after the last worker has left, and `run`
        // calls it before its borrow ends: nothing between the two can panic (`work` catches).
        let job: &'static (dyn Fn(usize, usize) + Sync) = unsafe { std::mem::transmute(run) };
        // SAFETY: the state is closed and without workers, so nothing reads the job.
        unsafe { *state.job.get() = job };
        let jobs = state.word.load(Ordering::Relaxed) & !(JOB - 1);
        // Sequentially consistent, as in `serve_jobs`: the worker sees the job, or this thread sees it parked.
        state.word.store((jobs + JOB) | OPEN, Ordering::SeqCst);
        if state.parked.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
        job
    }

    fn close(&self) {
        let word = &self.state.word;
        word.fetch_and(!OPEN, Ordering::Relaxed);
        let mut backoff = Backoff::default();
        while word.load(Ordering::Acquire) & WORKERS != 0 {
            backoff.wait();
        }
    }

    fn wake(&self) {
        for worker in &self.workers {
            worker.thread().unpark();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.state.word.fetch_or(QUIT, Ordering::SeqCst);
        self.wake();
        for worker in self.workers.drain(..) {
            // A worker cannot have panicked: it catches the panics of its jobs.
            let _ = worker.join();
        }
    }
}

impl PoolState {
    /// Takes items until none is left, its own first. A panic ends the job early and is kept for the caller.
    fn work(&self, job: Job, me: usize) {
        let work = || {
            let others = self.ranges[me + 1..].iter().chain(&self.ranges[..me]);
            let items = std::iter::from_fn(|| self.ranges[me].take_first())
                .chain(others.flat_map(|range| std::iter::from_fn(|| range.take_last())));
            for item in items {
                // SAFETY: the job's closure lives until `close` has returned, which waits for this thread.
                unsafe { (*job)(me, item) };
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            self.ranges.iter().for_each(|range| range.fill(0..0));
            lock(&self.panic).get_or_insert(panic);
        }
    }

    /// The loop of worker `me`: wait for a job, join it, work, leave; until the end.
    fn serve_jobs(&self, me: usize) {
        let mut last_job = 0;
        let mut backoff = Backoff::default();
        loop {
            let is_new = |word: u64| word & OPEN != 0 && word & !(JOB - 1) != last_job;
            let join = |word| is_new(word).then(|| word + WORKER);
            match self.word.fetch_update(Ordering::Acquire, Ordering::Relaxed, join) {
                Ok(word) => {
                    last_job = word & !(JOB - 1);
                    // SAFETY: joined, so the job is not written until this worker has left.
                    self.work(unsafe { *self.job.get() }, me);
                    self.word.fetch_sub(WORKER, Ordering::Release);
                }
                Err(word) if word & QUIT != 0 => return,
                Err(_) if backoff.wait() => continue,
                Err(_) => {
                    self.parked.fetch_add(1, Ordering::SeqCst);
                    let word = self.word.load(Ordering::SeqCst);
                    if word & QUIT == 0 && !is_new(word) {
                        thread::park();
                    }
                    self.parked.fetch_sub(1, Ordering::SeqCst);
                }
            }
            backoff = Backoff::default();
        }
    }
}

/// The items that a thread has left, from upper to lower half of the word. On a cache line of its own, since
/// its thread writes it for every item.
#[derive(Debug, Default)]
#[repr(align(128))]
struct ItemRange(AtomicU64);

impl ItemRange {
    fn fill(&self, items: Range<usize>) {
        // Relaxed, here and below: what an item's work reads is ordered by opening and joining the job.
        self.0.store((items.start as u64) << 32 | items.end as u64, Ordering::Relaxed);
    }

    fn take_first(&self) -> Option<usize> {
        let left = self.take(1 << 32)?;
        Some((left >> 32) as usize)
    }

    fn take_last(&self) -> Option<usize> {
        // One less than the end, and no borrow: the end is above 0 as long as an item is left.
        let left = self.take(1_u64.wrapping_neg())?;
        Some((left as u32 - 1) as usize)
    }

    /// Adds `step` if an item is left; returns what was there.
    fn take(&self, step: u64) -> Option<u64> {
        let next = |left: u64| (left >> 32 < left & 0xFFFF_FFFF).then(|| left.wrapping_add(step));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()
    }
}

/// Spins, then yields, until it is time to park.
#[derive(Default)]
struct Backoff(u32);

impl Backoff {
    fn wait(&mut self) -> bool {
        self.0 = self.0.saturating_add(1);
        if self.0 < SPINS {
            std::hint::spin_loop();
        } else {
            thread::yield_now();
        }
        self.0 < SPINS + YIELDS
    }
}

/// A pointer to elements that are handed out to one thread each.
struct DisjointPtr<T>(*mut T);

impl<T> DisjointPtr<T> {
    fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

// SAFETY: the users of `at` give each element to one thread only, and `T: Send` allows that.
unsafe impl<T: Send> Sync for DisjointPtr<T> {}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data is whole even if a holder panicked: it is taken and put in one statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::is_refused;

    #[test]
    fn every_item_runs_once_with_any_number_of_threads() {
        for threads in [0, 1, 2, 3, 7] {
            let pool = Pool::new(threads);
            for items in [0, 1, 2, 5, 100] {
                for _ in 0..50 {
                    let mut counts = vec![0; items];
                    pool.each(&mut counts, |_, count| *count += 1);
                    assert!(counts.iter().all(|&c| c == 1), "{threads} threads, {items} items");
                }
            }
        }
    }

    #[test]
    fn parked_workers_are_woken() {
        let pool = Pool::new(3);
        for _ in 0..5 {
            thread::sleep(std::time::Duration::from_millis(30));
            let mut values = [0; 64];
            pool.each(&mut values, |i, value| *value = i);
            assert!(values.iter().enumerate().all(|(i, &v)| i == v));
        }
    }

    #[test]
    fn callers_on_several_threads_wait_for_each_other() {
        let pool = Pool::new(2);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let mut values = [0; 9];
                        pool.each(&mut values, |i, value| *value = i + 1);
                        assert_eq!(values.iter().sum::<usize>(), 45);
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_stays_usable() {
        let pool = Pool::new(3);
        assert!(is_refused(|| pool.run(20, |i| assert!(i != 11, "item {i}"))));
        let mut values = [1; 20];
        pool.each(&mut values, |_, value| *value += 1);
        assert_eq!(values, [2; 20]);
    }

    #[test]
    fn no_two_calls_share_a_local_even_after_a_panic() {
        let pool = Pool::new(4);
        let locals: Vec<_> = (0..4).map(|_| Mutex::new(0usize)).collect();
        pool.each_with(&mut [(); 500], &locals, |_, (), local| *local += 1);
        assert!(is_refused(|| {
            pool.each_with(&mut [(); 9], &locals, |_, (), _| panic!("with a local borrowed"));
        }));
        pool.each_with(&mut [(); 500], &locals, |_, (), local| *local += 1);
        pool.split_with(&mut [0; 40], [], &Vec::from_iter(0..=40), &locals, |_, _, [], local| {
            *lock(local) += 1;
        });
        assert_eq!(locals.iter().map(|l| *lock(l)).sum::<usize>(), 1040);
    }

    #[test]
    fn split_gives_each_part_to_one_call_and_refuses_bounds_outside() {
        let pool = Pool::new(3);
        let (mut a, mut b) = ([0; 10], [0; 10]);
        pool.split(&mut a, [&mut b, &mut []], &[0, 3, 3, 10], |i, a, [b, empty]| {
            a.fill(i + 1);
            b.fill(a.len());
            assert!(empty.is_empty());
        });
        assert_eq!(a, [1, 1, 1, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(b, [3, 3, 3, 7, 7, 7, 7, 7, 7, 7]);
        for bounds in [&[0, 11][..], &[5, 2]] {
            let refused = is_refused(|| pool.split(&mut [0; 10], [], bounds, |_, _, []| ()));
            assert!(refused, "{bounds:?}");
        }
    }
}
