//! Computations: calls of endpoints, each computed once for all who ask the same.
//!
//! A request waits a moment for its answer. If it is not there yet, the page is told how the work stands and asks again with
//! the same body. Work that nobody asks for ends.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::limiter::{Limiter, Refusal, WorkPermit};
use super::{Call, Endpoint, EndpointError};
use crate::library::Library;
use crate::lock;
use crate::visitor::Visitor;

/// How long a request waits for a permit and for its answer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);
/// A work that nobody has asked for so long has lost its visitor. A page asks again within two seconds.
const ABANDONED: Duration = Duration::from_secs(6);
/// The time after which a work is a long one.
const SHORT_TIME: Duration = Duration::from_millis(100);
/// The most time that a work takes.
const MAX_TIME: Duration = Duration::from_secs(60);
/// The most bytes of an answer, and of those that are kept.
const MAX_ANSWER: usize = 4 << 20;
const MAX_KEPT: usize = 64 << 20;

/// The endpoints, the computations in progress, and answers that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Computations(Arc<ComputationState>);

#[derive(Debug)]
struct ComputationState {
    library: Arc<Library>,
    limiter: Limiter,
    endpoints: Vec<Box<dyn Endpoint>>,
    /// The oldest first.
    known: Mutex<Vec<Arc<Computation>>>,
}

/// A call of an endpoint, from its first request until its answer is no longer kept.
#[derive(Debug)]
struct Computation {
    /// The index of its endpoint.
    endpoint: usize,
    body: Bytes,
    /// When somebody asked last.
    asked: Mutex<Instant>,
    stage: watch::Sender<WorkStage>,
}

#[derive(Clone, Debug)]
enum WorkStage {
    /// Behind so many others.
    Waiting(usize),
    Running(Instant),
    Done {
        status: StatusCode,
        bytes: Bytes,
        at: Instant,
    },
}

/// Answers a request to an endpoint.
pub(crate) async fn answer_call(
    State(computations): State<Computations>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Path<String>,
    body: Bytes,
) -> Response {
    let mut endpoints = computations.0.endpoints.iter();
    let Some(endpoint) = endpoints.position(|endpoint| endpoint.name() == name) else {
        return (StatusCode::NOT_FOUND, "no such endpoint\n").into_response();
    };
    match computations.find_or_begin(endpoint, visitor, body) {
        Ok(computation) => computation.answer().await,
        Err(refusal) => refusal.into_response(),
    }
}

impl Computations {
    pub(crate) fn new(
        library: Arc<Library>,
        limiter: Limiter,
        endpoints: Vec<Box<dyn Endpoint>>,
    ) -> Self {
        let known = Mutex::default();
        Self(Arc::new(ComputationState { library, limiter, endpoints, known }))
    }

    fn find_or_begin(
        &self,
        endpoint: usize,
        visitor: Visitor,
        body: Bytes,
    ) -> Result<Arc<Computation>, Refusal> {
        let mut known = lock(&self.0.known);
        known.retain(|old| !old.is_outdated(self.0.endpoints[old.endpoint].keep()));
        let same = |old: &&Arc<Computation>| old.endpoint == endpoint && old.body == body;
        if let Some(found) = known.iter().find(same) {
            *lock(&found.asked) = Instant::now();
            return Ok(Arc::clone(found));
        }
        let permit = self.0.limiter.admit(visitor)?;
        let stage = watch::Sender::new(WorkStage::Waiting(permit.n_before()));
        let computation =
            Arc::new(Computation { endpoint, body, asked: Mutex::new(Instant::now()), stage });
        known.push(Arc::clone(&computation));
        drop_excess(&mut known);
        tokio::spawn(self.clone().compute(Arc::clone(&computation), permit));
        Ok(computation)
    }

    /// Waits for the permit and computes the answer. A computation that has been left is forgotten.
    async fn compute(self, computation: Arc<Computation>, mut permit: WorkPermit) {
        if !computation.has_place(&mut permit).await {
            return self.forget(&computation);
        }
        let (state, work) = (Arc::clone(&self.0), Arc::clone(&computation));
        let runtime = Handle::current();
        let done = tokio::task::spawn_blocking(move || {
            let time = RefCell::new(WorkTime { permit, begin: Instant::now() });
            let is_over = || time.borrow_mut().is_over(&work, &runtime);
            let call = Call { body: &work.body, library: &state.library, is_over: &is_over };
            let answer = state.endpoints[work.endpoint].answer(&call);
            answer_bytes(answer.map(|answer| answer.to_string()))
        });
        let failed = |error: tokio::task::JoinError| {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n").into())
        };
        let (status, bytes) = done.await.unwrap_or_else(failed);
        if status == StatusCode::GATEWAY_TIMEOUT && computation.is_abandoned() {
            self.forget(&computation);
        }
        computation.stage.send_replace(WorkStage::Done { status, bytes, at: Instant::now() });
    }

    fn forget(&self, computation: &Arc<Computation>) {
        lock(&self.0.known).retain(|other| !Arc::ptr_eq(other, computation));
    }
}

/// Forgets the oldest answers until those that remain are not too large.
fn drop_excess(known: &mut Vec<Arc<Computation>>) {
    let mut total: usize = known.iter().map(|computation| computation.size()).sum();
    known.retain(|computation| {
        let is_kept = total <= MAX_KEPT || !computation.is_done();
        total -= if is_kept { 0 } else { computation.size() };
        is_kept
    });
}

/// The status and the bytes of an answer.
fn answer_bytes(answer: Result<String, EndpointError>) -> (StatusCode, Bytes) {
    let status = match &answer {
        Ok(json) if json.len() <= MAX_ANSWER => return (StatusCode::OK, json.clone().into()),
        Ok(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Err(EndpointError::Request(_)) => StatusCode::BAD_REQUEST,
        Err(EndpointError::NotFound(_)) => StatusCode::NOT_FOUND,
        Err(EndpointError::OutOfTime) => StatusCode::GATEWAY_TIMEOUT,
    };
    let why = match answer {
        Ok(json) => {
            let found = json.len();
            format!("expected an answer of at most {MAX_ANSWER} bytes, found {found}\n")
        }
        Err(error) => format!("{error}\n"),
    };
    (status, why.into())
}

/// How long a work has run, and its permit.
struct WorkTime {
    permit: WorkPermit,
    begin: Instant,
}

impl WorkTime {
    /// Whether the work is to end. Waits for a place for long works when it turns out to be one.
    fn is_over(&mut self, work: &Computation, runtime: &Handle) -> bool {
        let ran = self.begin.elapsed();
        if ran > SHORT_TIME && self.permit.lengthen() {
            if !runtime.block_on(work.has_place(&mut self.permit)) {
                return true;
            }
            self.begin = Instant::now() - ran;
        }
        ran > MAX_TIME || work.is_abandoned()
    }
}

impl Computation {
    /// Waits for a place, and tells meanwhile how many are before it. False if the visitor has left.
    async fn has_place(&self, permit: &mut WorkPermit) -> bool {
        /// How often the length of the queue is looked at.
        const PERIOD: Duration = Duration::from_millis(500);
        while tokio::time::timeout(PERIOD, permit.started()).await.is_err() {
            if self.is_abandoned() {
                return false;
            }
            self.stage.send_replace(WorkStage::Waiting(permit.n_before()));
        }
        self.stage.send_replace(WorkStage::Running(Instant::now()));
        true
    }

    fn is_abandoned(&self) -> bool {
        lock(&self.asked).elapsed() > ABANDONED
    }

    fn is_done(&self) -> bool {
        matches!(*self.stage.borrow(), WorkStage::Done { .. })
    }

    fn is_outdated(&self, keep: Duration) -> bool {
        /// The reason why there is no answer may soon be gone.
        const KEPT_WITHOUT_ANSWER: Duration = Duration::from_secs(5);
        let WorkStage::Done { status, at, .. } = *self.stage.borrow() else { return false };
        let is_answer = status == StatusCode::OK;
        at.elapsed() > if is_answer { keep } else { keep.min(KEPT_WITHOUT_ANSWER) }
    }

    /// Bytes that it takes.
    fn size(&self) -> usize {
        let answer = match &*self.stage.borrow() {
            WorkStage::Done { bytes, .. } => bytes.len(),
            _ => 0,
        };
        self.body.len() + answer
    }

    /// The answer, or how the work stands if it is not done soon.
    async fn answer(&self) -> Response {
        let mut stage = self.stage.subscribe();
        let is_done = |stage: &WorkStage| matches!(stage, WorkStage::Done { .. });
        // Late or not, the stage says it.
        let _ = tokio::time::timeout(PATIENCE, stage.wait_for(is_done)).await;
        let told = match &*stage.borrow() {
            WorkStage::Waiting(before) => json!({ "state": "waiting", "before": before }),
            WorkStage::Running(begin) => {
                json!({ "state": "running", "seconds": begin.elapsed().as_secs_f64() })
            }
            WorkStage::Done { status: StatusCode::OK, bytes, .. } => {
                return ([(header::CONTENT_TYPE, "application/json")], bytes.clone())
                    .into_response();
            }
            WorkStage::Done { status, bytes, .. } => {
                let kind = (header::CONTENT_TYPE, "text/plain;charset=utf-8");
                return (*status, [kind], bytes.clone()).into_response();
            }
        };
        *lock(&self.asked) = Instant::now();
        (StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")], axum::Json(told)).into_response()
    }
}
