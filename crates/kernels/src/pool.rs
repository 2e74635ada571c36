//! Threads that share the work of a step.
//!
//! A step of a small network takes tens of microseconds; waking a sleeping thread can take more. So
//! the helpers spin for a moment after each job before they go to sleep, and whoever hands out a job
//! never waits for a helper that has not joined it: it does the work itself and closes the job.
//!
//! Each thread begins with a share of its own, the same in every job of as many items, so that what it
//! has in its cache from the last step is there again; when that is done it takes from the others. So
//! which thread takes which item is left to chance. Results do not depend on it as long as an item's work
//! depends on the item alone; that is for the caller to keep, and the reason why every method hands out
//! items, not threads.

use std::any::Any;
use std::cell::UnsafeCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Rounds of spinning before a helper yields its core: some tens of microseconds, which bridges the
/// serial part between two jobs of a step.
const SPINS: u32 = 2_000;
/// Rounds of yielding before a helper goes to sleep: on a busy machine it should not burn a core that
/// others need.
const YIELDS: u32 = 100;

/// A fixed number of threads, the caller's among them.
///
/// Dropping the pool ends its threads.
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
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// One job at a time.
    turn: Mutex<()>,
}

/// The state word: the number of jobs so far, how many helpers are at work on the current one, and
/// whether more may join. The last job's word stays when it is done, closed and with nobody in it.
const OPEN: u64 = 1;
const HELPER: u64 = 2;
const HELPERS: u64 = 0xFFFE;
const JOB: u64 = 0x1_0000;
/// Set once, when the pool is dropped.
const QUIT: u64 = 1 << 63;

struct Shared {
    state: AtomicU64,
    /// For each thread what is left of its share.
    shares: Vec<Share>,
    /// Helpers that are about to sleep or asleep.
    sleepers: AtomicUsize,
    job: UnsafeCell<Job>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// What the threads call: `run(thread, item)`.
#[derive(Clone, Copy)]
struct Job {
    run: *const (dyn Fn(usize, usize) + Sync),
}

// SAFETY: `job` is written only while the state is closed with no helper in it, and read only by
// helpers that have joined; joining acquires what opening released. The pointer in it is used only
// while the call that lent it waits.
unsafe impl Sync for Shared {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for Shared {}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller's included; 0 counts as 1.
    ///
    /// Where the system gives fewer threads there are fewer, and never more than 32,767:
    /// [`threads`](Self::threads) tells.
    pub fn new(threads: usize) -> Self {
        let n_helpers = threads.clamp(1, (HELPERS / HELPER) as usize) - 1;
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            shares: (0..=n_helpers).map(|_| Share::default()).collect(),
            sleepers: AtomicUsize::new(0),
            job: UnsafeCell::new(Job { run: &|_, _| () }),
            panic: Mutex::new(None),
        });
        let helper = |i| {
            let shared = Arc::clone(&shared);
            let builder = thread::Builder::new().name(format!("gradus-{i}"));
            builder.spawn(move || shared.help(i)).ok()
        };
        let helpers = (1..=n_helpers).map_while(helper).collect();
        Self { shared, helpers, turn: Mutex::new(()) }
    }

    /// The number of threads, the caller's included.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Calls `run(i)` for each `i` below `items`, once, in no particular order.
    ///
    /// # Panics
    ///
    /// If `run` panics: with the first panic, after all threads have come to rest.
    pub fn run(&self, items: usize, run: impl Fn(usize) + Sync) {
        self.share(items, |_, item| run(item));
    }

    /// Calls `run(thread, item)` for each item.
    fn share(&self, items: usize, run: impl Fn(usize, usize) + Sync) {
        if self.helpers.is_empty() || items <= 1 {
            return (0..items).for_each(|item| run(0, item));
        }
        assert!(u32::try_from(items).is_ok(), "{items} items are too many for one job");
        let _turn = lock(&self.turn);
        let job = self.open(items, &run);
        self.shared.work(job, 0);
        self.close();
        if let Some(panic) = lock(&self.shared.panic).take() {
            resume_unwind(panic);
        }
    }

    /// Calls `run(i, &mut items[i])` for each item.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub fn each<I: Send>(&self, items: &mut [I], run: impl Fn(usize, &mut I) + Sync) {
        let base = Shares(items.as_mut_ptr());
        self.run(items.len(), |i| {
            // SAFETY: `run` hands out each index once, so no two threads see the same item, and `items`
            // stays borrowed until all are done.
            run(i, unsafe { &mut *base.at(i) });
        });
    }

    /// As [`each`](Self::each), and lends each call its thread's own one of `locals`.
    ///
    /// What a local holds when a call begins is what some earlier call left there: scratch space. Callers
    /// that use the same locals from different threads wait for each other.
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
        assert!(
            locals.len() >= self.threads(),
            "{} locals for {} threads",
            locals.len(),
            self.threads()
        );
        let base = Shares(items.as_mut_ptr());
        self.share(items.len(), |thread, i| {
            // SAFETY: as in `each`.
            run(i, unsafe { &mut *base.at(i) }, &mut lock(&locals[thread]));
        });
    }

    /// Cuts each of `slices` at `bounds` and calls `run(i, parts)` with the parts from `bounds[i]` to
    /// `bounds[i + 1]`. Empty slices give empty parts.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run), and if the bounds fall or leave a slice that is not empty.
    pub fn split<T: Send, const N: usize>(
        &self,
        slices: [&mut [T]; N],
        bounds: &[usize],
        run: impl Fn(usize, [&mut [T]; N]) + Sync,
    ) {
        assert!(bounds.is_sorted(), "bounds fall");
        let end = bounds.last().copied().unwrap_or(0);
        let slices = slices.map(|slice| {
            assert!(slice.is_empty() || end <= slice.len(), "bound {end} of {}", slice.len());
            (Shares(slice.as_mut_ptr()), slice.is_empty())
        });
        self.run(bounds.len().saturating_sub(1), |i| {
            let (start, len) = (bounds[i], bounds[i + 1] - bounds[i]);
            let parts = std::array::from_fn(|s| {
                let (slice, is_empty) = &slices[s];
                let (start, len) = if *is_empty { (0, 0) } else { (start, len) };
                // SAFETY: the parts lie inside the slice and are disjoint, since the bounds do not fall;
                // `run` hands out each part once while the slices stay borrowed.
                unsafe { std::slice::from_raw_parts_mut(slice.at(start), len) }
            });
            run(i, parts);
        });
    }

    fn open(&self, items: usize, run: &(dyn Fn(usize, usize) + Sync)) -> Job {
        let shared = &*self.shared;
        // Also those of helpers that could not be started: others will do them.
        for (i, share) in shared.shares.iter().enumerate() {
            let bound = |i| i * items / shared.shares.len();
            share.fill(bound(i)..bound(i + 1));
        }
        // SAFETY: only the lifetime changes. `close` returns after the last helper has left, and `run`
        // calls it before its borrow ends: nothing between the two can panic (`work` catches).
        let run: &'static (dyn Fn(usize, usize) + Sync) = unsafe { std::mem::transmute(run) };
        let job = Job { run };
        // SAFETY: the state is closed with no helper in it, so nobody reads the job.
        unsafe { *shared.job.get() = job };
        let jobs = shared.state.load(Ordering::Relaxed) & !(JOB - 1);
        // Sequentially consistent here and in `sleep`: either the helper sees the job or we see it asleep.
        shared.state.store((jobs + JOB) | OPEN, Ordering::SeqCst);
        if shared.sleepers.load(Ordering::SeqCst) > 0 {
            self.wake();
        }
        job
    }

    fn close(&self) {
        let state = &self.shared.state;
        state.fetch_and(!OPEN, Ordering::Relaxed);
        let mut patience = Patience::new();
        while state.load(Ordering::Acquire) & HELPERS != 0 {
            patience.wait();
        }
    }

    fn wake(&self) {
        for helper in &self.helpers {
            helper.thread().unpark();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.fetch_or(QUIT, Ordering::SeqCst);
        self.wake();
        for helper in self.helpers.drain(..) {
            // A helper cannot have panicked: it catches what its jobs throw.
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// Takes items until none is left, thread `me`'s own first. A panic ends the job early and is kept for
    /// the caller.
    fn work(&self, job: Job, me: usize) {
        let work = || {
            let others = self.shares[me + 1..].iter().chain(&self.shares[..me]);
            let items = std::iter::from_fn(|| self.shares[me].take_first())
                .chain(others.flat_map(|share| std::iter::from_fn(|| share.take_last())));
            for item in items {
                // SAFETY: the job's closure lives until `close` has returned, which waits for this thread.
                unsafe { (*job.run)(me, item) };
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            self.shares.iter().for_each(|share| share.fill(0..0));
            lock(&self.panic).get_or_insert(panic);
        }
    }

    /// The life of helper `me`: wait for a job, join it, work, leave.
    fn help(&self, me: usize) {
        let mut last_job = 0;
        loop {
            let state = self.wait_for(last_job);
            if state & QUIT != 0 {
                return;
            }
            last_job = state & !(JOB - 1);
            // Joining fails if the job was closed, or someone else joined, in between: look again.
            let mut seen = state;
            while seen & OPEN != 0 && seen & !(JOB - 1) == last_job {
                match self.state.compare_exchange_weak(
                    seen,
                    seen + HELPER,
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => {
                        // SAFETY: joined, so the job is not written until this helper has left.
                        self.work(unsafe { *self.job.get() }, me);
                        self.state.fetch_sub(HELPER, Ordering::Release);
                        break;
                    }
                    Err(now) => seen = now,
                }
            }
        }
    }

    /// Waits until there is an open job other than `last_job`, or the end.
    fn wait_for(&self, last_job: u64) -> u64 {
        let is_news =
            |state: u64| state & QUIT != 0 || (state & OPEN != 0 && state & !(JOB - 1) != last_job);
        let mut patience = Patience::new();
        loop {
            let state = self.state.load(Ordering::Acquire);
            if is_news(state) {
                return state;
            }
            if patience.wait() {
                continue;
            }
            self.sleepers.fetch_add(1, Ordering::SeqCst);
            if !is_news(self.state.load(Ordering::SeqCst)) {
                thread::park();
            }
            self.sleepers.fetch_sub(1, Ordering::SeqCst);
            patience = Patience::new();
        }
    }
}

/// The items of a thread that nobody has taken yet: the first in the upper half of the word, the end in
/// the lower one. On a cache line of its own, since its thread writes it for every item.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Share(AtomicU64);

impl Share {
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

/// Spins, then yields, then says that it is time to sleep.
struct Patience(u32);

impl Patience {
    fn new() -> Self {
        Self(0)
    }

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

/// A pointer whose targets are handed out to one thread each.
struct Shares<T>(*mut T);

impl<T> Shares<T> {
    /// The place of element `i`.
    fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

// SAFETY: whoever uses `at` lets only one thread at each element, and `T: Send` lets it go there.
unsafe impl<T: Send> Sync for Shares<T> {}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The data is whole even if a holder panicked: it is taken and put in one statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn helpers_wake_from_sleep() {
        let pool = Pool::new(3);
        for _ in 0..5 {
            thread::sleep(std::time::Duration::from_millis(30));
            let mut values = [0; 64];
            pool.each(&mut values, |i, value| *value = i);
            assert!(values.iter().enumerate().all(|(i, &v)| i == v));
        }
    }

    #[test]
    fn two_callers_take_turns() {
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
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(3);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.run(20, |i| assert!(i != 11, "item {i}"));
        }));
        assert!(caught.is_err());
        let mut values = [1; 20];
        pool.each(&mut values, |_, value| *value += 1);
        assert_eq!(values, [2; 20]);
    }

    #[test]
    fn no_two_calls_share_a_local_even_after_a_panic() {
        let pool = Pool::new(4);
        let locals: Vec<_> = (0..4).map(|_| Mutex::new(0usize)).collect();
        pool.each_with(&mut [(); 500], &locals, |_, (), local| *local += 1);
        let caught = catch_unwind(AssertUnwindSafe(|| {
            pool.each_with(&mut [(); 9], &locals, |_, (), _| panic!("with a local in hand"));
        }));
        assert!(caught.is_err());
        pool.each_with(&mut [(); 500], &locals, |_, (), local| *local += 1);
        assert_eq!(locals.iter().map(|l| *lock(l)).sum::<usize>(), 1000);
    }

    #[test]
    fn split_gives_each_part_to_one_call() {
        let pool = Pool::new(3);
        let (mut a, mut b) = ([0; 10], [0; 10]);
        pool.split([&mut a, &mut b, &mut []], &[0, 3, 3, 10], |i, [a, b, empty]| {
            a.fill(i + 1);
            b.fill(a.len());
            assert!(empty.is_empty());
        });
        assert_eq!(a, [1, 1, 1, 3, 3, 3, 3, 3, 3, 3]);
        assert_eq!(b, [3, 3, 3, 7, 7, 7, 7, 7, 7, 7]);
    }

    #[test]
    fn bounds_outside_are_refused() {
        let pool = Pool::new(2);
        for bounds in [&[0, 11][..], &[5, 2]] {
            let refused = catch_unwind(AssertUnwindSafe(|| {
                pool.split([&mut [0; 10][..]], bounds, |_, _| ());
            }));
            assert!(refused.is_err(), "{bounds:?}");
        }
    }
}
