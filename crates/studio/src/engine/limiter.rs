//! Limits on work that computes: a permit before it starts, few works at a time, and a place that is kept for the owner.
//!
//! A place that becomes free goes to the visitor who has the fewest works running, and among those to the one who was
//! served least recently: one with a long queue delays the others by a single work.
//!
//! Nobody knows beforehand how long a work takes. Each begins at a place for short works, and one that turns out to be long
//! leaves it and continues at a place for long works: who asks for a sum does not wait for those who train.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;

use crate::lock;
use crate::visitor::{Access, Visitor};

/// Works of viewers, short ones and long ones, that run at a time; and beside a run that this process trains.
const VIEWER_PLACES: usize = 2;
const VIEWER_PLACES_BESIDE_RUN: usize = 1;
/// Long works that run at a time at most: one place more, which only the owner gets. As many short ones run beside them.
pub(crate) const PLACES: usize = VIEWER_PLACES + 1;
/// Long works of viewers, and as many of the owner, that wait for a place with all they hold: others stay where they are.
const MAX_LONG_WAITING: usize = 8;
/// Works that have begun and have not ended, at most: short and long ones that run, long ones of viewers and of the owner
/// that wait.
pub(crate) const MAX_BEGUN: usize = 2 * (PLACES + MAX_LONG_WAITING);
/// Works of a visitor that run or wait. A class behind one address is a single visitor.
const MAX_OF_VISITOR: usize = 32;
/// Works of all that run or wait.
const MAX_WORKS: usize = 256;

/// Why a work does not start: the visitor may ask again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This visitor has too many.
    OfVisitor,
    /// There are too many, or all places stayed taken.
    Busy,
}

/// The works that run and wait.
#[derive(Clone, Debug)]
pub(crate) struct Limiter(Arc<Mutex<Works>>);

#[derive(Debug, Default)]
struct Works {
    /// Works of viewers of one length that run at a time.
    viewer_places: usize,
    /// In the order in which they came.
    works: Vec<Work>,
    /// When each visitor with works was served last.
    served: HashMap<Visitor, u64>,
    /// Works that came and works that started so far.
    n_came: u64,
    n_started: u64,
}

#[derive(Debug)]
struct Work {
    number: u64,
    visitor: Visitor,
    length: WorkLength,
    /// While it waits.
    start: Option<oneshot::Sender<()>>,
}

/// What is known of how long a work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkLength {
    /// It has just begun.
    Short,
    /// It has run for a while.
    Long,
}

/// A place in the queue, and then the permit to run. Returned when it is dropped.
#[derive(Debug)]
pub(crate) struct WorkPermit {
    limiter: Limiter,
    number: u64,
    start: Option<oneshot::Receiver<()>>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, why) = match self {
            Self::OfVisitor => {
                (StatusCode::TOO_MANY_REQUESTS, "too many requests wait; ask again in a second\n")
            }
            Self::Busy => {
                (StatusCode::SERVICE_UNAVAILABLE, "the server is busy; ask again in a second\n")
            }
        };
        (status, [(header::RETRY_AFTER, "1")], why).into_response()
    }
}

impl Limiter {
    /// A limiter of a process that trains a run or does not.
    pub(crate) fn new(is_training: bool) -> Self {
        let viewer_places = if is_training { VIEWER_PLACES_BESIDE_RUN } else { VIEWER_PLACES };
        Self(Arc::new(Mutex::new(Works { viewer_places, ..Works::default() })))
    }

    /// A place in the queue.
    pub(crate) fn admit(&self, visitor: Visitor) -> Result<WorkPermit, Refusal> {
        let mut works = lock(&self.0);
        if works.of(visitor).count() >= MAX_OF_VISITOR {
            return Err(Refusal::OfVisitor);
        }
        if works.works.len() >= MAX_WORKS {
            return Err(Refusal::Busy);
        }
        let (sender, start) = oneshot::channel();
        works.n_came += 1;
        let number = works.n_came;
        works.works.push(Work { number, visitor, length: WorkLength::Short, start: Some(sender) });
        works.start();
        Ok(WorkPermit { limiter: self.clone(), number, start: Some(start) })
    }

    /// A permit to run, if there is one within `patience`.
    pub(crate) async fn permit(
        &self,
        visitor: Visitor,
        patience: Duration,
    ) -> Result<WorkPermit, Refusal> {
        let mut permit = self.admit(visitor)?;
        tokio::time::timeout(patience, permit.started()).await.map_err(|_| Refusal::Busy)?;
        Ok(permit)
    }
}

impl WorkPermit {
    /// Waits until the work may run.
    pub(crate) async fn started(&mut self) {
        if let Some(start) = &mut self.start {
            start.await.expect("the sender is dropped with this permit");
            self.start = None;
        }
    }

    /// Leaves the place for short works, and queues for one for long works: [`started`](Self::started) waits for it.
    /// Returns false if it has done so before, or so many wait there that it stays.
    pub(crate) fn lengthen(&mut self) -> bool {
        let mut works = lock(&self.limiter.0);
        let own = works.works.iter().position(|work| work.number == self.number);
        let own = own.expect("it is there as long as its permit");
        let Work { visitor: Visitor { access, .. }, length, .. } = works.works[own];
        if length == WorkLength::Long {
            return false;
        }
        let waiting = works.waiting(WorkLength::Long);
        if waiting.filter(|work| work.visitor.access == access).count() >= MAX_LONG_WAITING {
            return false;
        }
        let (sender, start) = oneshot::channel();
        let work = &mut works.works[own];
        (work.length, work.start) = (WorkLength::Long, Some(sender));
        self.start = Some(start);
        works.start();
        true
    }

    /// Works of the same length that came before and wait too.
    pub(crate) fn n_before(&self) -> usize {
        let works = lock(&self.limiter.0);
        let own = works.works.iter().find(|work| work.number == self.number);
        let length = own.expect("it is there as long as its permit").length;
        works.waiting(length).filter(|work| work.number < self.number).count()
    }
}

impl Drop for WorkPermit {
    fn drop(&mut self) {
        let mut works = lock(&self.limiter.0);
        works.works.retain(|work| work.number != self.number);
        let Works { works: remaining, served, .. } = &mut *works;
        served.retain(|visitor, _| remaining.iter().any(|work| work.visitor == *visitor));
        works.start();
    }
}

impl Works {
    fn of(&self, visitor: Visitor) -> impl Iterator<Item = &Work> {
        self.works.iter().filter(move |work| work.visitor == visitor)
    }

    fn waiting(&self, length: WorkLength) -> impl Iterator<Item = &Work> {
        self.works.iter().filter(move |work| work.length == length && work.start.is_some())
    }

    /// Starts works as long as there are places for them.
    fn start(&mut self) {
        while let Some(next) = self.next(WorkLength::Short).or_else(|| self.next(WorkLength::Long))
        {
            self.n_started += 1;
            let work = &mut self.works[next];
            self.served.insert(work.visitor, self.n_started);
            if let Some(start) = work.start.take() {
                // Nobody waits for a permit that is being dropped.
                let _ = start.send(());
            }
        }
    }

    /// The index of the work of this length that starts next.
    fn next(&self, length: WorkLength) -> Option<usize> {
        let of_length = || self.works.iter().filter(move |work| work.length == length);
        let running = |access: Access| {
            let works = of_length().filter(move |work| work.visitor.access == access);
            works.filter(|work| work.start.is_none()).count()
        };
        let (owners, viewers) = (running(Access::Owner), running(Access::Viewer));
        if owners + viewers > self.viewer_places {
            return None;
        }
        let may_start = |work: &Work| {
            work.length == length
                && work.start.is_some()
                && (work.visitor.access == Access::Owner || viewers < self.viewer_places)
        };
        let order = |work: &Work| {
            let n_running = self.of(work.visitor).filter(|work| work.start.is_none()).count();
            let served = self.served.get(&work.visitor).copied().unwrap_or(0);
            (work.visitor.access != Access::Owner, n_running, served, work.number)
        };
        let waiting = self.works.iter().enumerate().filter(|(_, work)| may_start(work));
        waiting.min_by_key(|(_, work)| order(work)).map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn viewer(number: u8) -> Visitor {
        Visitor::new(Access::Viewer, [10, 0, 0, number].into())
    }

    fn owner() -> Visitor {
        Visitor::new(Access::Owner, [127, 0, 0, 1].into())
    }

    fn is_running(permit: &mut WorkPermit) -> bool {
        if permit.start.as_mut().is_some_and(|start| start.try_recv().is_ok()) {
            permit.start = None;
        }
        permit.start.is_none()
    }

    #[test]
    fn viewers_leave_a_place_to_the_owner() {
        let limiter = Limiter::new(false);
        let mut viewers: Vec<_> = (0..4).map(|i| limiter.admit(viewer(i)).unwrap()).collect();
        let running: Vec<_> = viewers.iter_mut().map(is_running).collect();
        assert_eq!(running, [true, true, false, false]);
        assert_eq!(viewers.iter().map(WorkPermit::n_before).collect::<Vec<_>>(), [0, 0, 0, 1]);
        let mut own: Vec<_> = (0..2).map(|_| limiter.admit(owner()).unwrap()).collect();
        assert_eq!(own.iter_mut().map(is_running).collect::<Vec<_>>(), [true, false]);
        // The next free place is the owner's, before those who came earlier.
        drop(viewers.remove(0));
        assert!(is_running(&mut own[1]) && !is_running(&mut viewers[1]));
        drop(own);
        assert!(is_running(&mut viewers[1]) && !is_running(&mut viewers[2]));
    }

    #[test]
    fn a_long_queue_delays_others_by_one_work() {
        let limiter = Limiter::new(false);
        let mut greedy: Vec<_> = (0..10).map(|_| limiter.admit(viewer(1)).unwrap()).collect();
        for i in 2..5 {
            let n_running = greedy.iter_mut().map(is_running).filter(|&is| is).count();
            let mut other = limiter.admit(viewer(i)).unwrap();
            assert_eq!((n_running, is_running(&mut other)), (2, false));
            let first = greedy.iter_mut().position(is_running).unwrap();
            drop(greedy.remove(first));
            assert!(is_running(&mut other), "behind more than one");
        }
    }

    #[test]
    fn long_works_delay_no_short_ones() {
        let limiter = Limiter::new(true);
        let mut long: Vec<_> =
            (0..MAX_LONG_WAITING as u8 + 2).map(|i| limiter.admit(viewer(i)).unwrap()).collect();
        // Each turns out to be long and makes place for the next; the last one finds too many who wait.
        for (i, permit) in long.iter_mut().enumerate() {
            assert!(is_running(permit));
            assert_eq!(permit.lengthen(), i <= MAX_LONG_WAITING, "{i}");
            assert_eq!(is_running(permit), i == 0 || i > MAX_LONG_WAITING, "{i}");
        }
        assert_eq!(long[3].n_before(), 2);
        assert!(!long[0].lengthen() && is_running(&mut long[0]), "once is enough");
        let mut short = limiter.admit(viewer(100)).unwrap();
        assert!(!is_running(&mut short));
        drop(long.pop());
        assert!(is_running(&mut short));
        // The owner waits for none of them.
        let mut own = limiter.admit(owner()).unwrap();
        assert!(is_running(&mut own) && own.lengthen() && is_running(&mut own));
        drop(long.remove(0));
        assert!(is_running(&mut long[0]) && !is_running(&mut long[1]));
    }

    #[test]
    fn too_many_are_refused_until_some_have_ended() {
        let limiter = Limiter::new(false);
        let mut permits = Vec::new();
        for i in 0..MAX_WORKS {
            let visitor = viewer((i / MAX_OF_VISITOR) as u8);
            permits.push(limiter.admit(visitor).unwrap());
            if i + 1 == MAX_OF_VISITOR {
                assert_eq!(limiter.admit(visitor).unwrap_err(), Refusal::OfVisitor);
            }
        }
        assert_eq!(limiter.admit(viewer(200)).unwrap_err(), Refusal::Busy);
        permits.pop();
        assert!(limiter.admit(viewer(200)).is_ok());
        drop(permits);
        let works = lock(&limiter.0);
        assert!(works.works.is_empty() && works.served.is_empty());
    }
}
