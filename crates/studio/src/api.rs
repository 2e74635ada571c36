//! The requests that the studio answers.
//!
//! | request                                         | answer                                               |
//! |-------------------------------------------------|------------------------------------------------------|
//! | `GET /`, `/main.js`, …                          | the pages                                            |
//! | `GET /api/runs`                                 | a summary of each run                                |
//! | `GET /api/runs/ID`                              | settings and layers of a run, and the permissions    |
//! | `GET /api/runs/ID/flow?width=`                   | positions of the boxes and edges of its network      |
//! | `GET /api/runs/ID/events`                       | its events, as a stream                              |
//! | `GET /api/events?runs=[["ID",POSITION],…]`      | those of several runs, each with the run's number    |
//! | `GET /api/runs/ID/images?set=test&samples=`     | labels and pixels of some samples; with `step=`, as  |
//! |                                                 | augmented in the batch of a step, which they begin   |
//! | `GET /api/runs/ID/activations?set=test&sample=` | activations of a model for a sample, layer by layer  |
//! | `POST /api/runs/ID/activations`                 | the same for the bytes of the body                   |
//! | `GET /api/runs/ID/activation-statistics`        | statistics of the activations over some test samples |
//! | `GET /api/runs/ID/parameter?name=`              | the numbers of a parameter                           |
//! | `POST /api/runs/ID/commands`                    | a command to the run                                 |
//! | `POST /api/runs/ID/resume`                      | continues a run that was stopped or killed           |
//! | `POST /api/engine/NAME`                         | the answer of an endpoint to the JSON of the body    |
//! | `POST /api/data?name=`                          | the run that begins with the file of the body        |
//! | `GET /api/sweeps`                               | a summary of each sweep                              |
//! | `GET /api/sweeps/ID`                            | its trials, the best first                           |
//! | `GET /api/sweeps/ID/picture`                    | the metric over the values of each range             |
//!
//! A `set` is `train`, `validation` or `test`. Requests to a model take `step=` for the one saved nearest to that step.
//!
//! A request that computes needs a permit: too many of a visitor are refused with 429, too many of all with 503, both with
//! `Retry-After`. An endpoint that has not answered after a moment answers 202; whoever asks again gets the same work.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter, get, on, post};
use axum::{Extension, Json, Router};
use data::Dataset;
use diagnostics::{chain, shell_word};
use events::{Command, Part};
use nn::Mode;
use runs::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinError;

use crate::about::about;
use crate::activations::PredictorCache;
use crate::assets;
use crate::engine::{Computations, Endpoint, Limiter, PATIENCE, answer_call};
use crate::error::RunError;
use crate::flow::flow;
use crate::guard::{self, Guard};
use crate::images::{self, Images, MAX_PIXELS};
use crate::library::{Library, OpenRun};
use crate::live::{LiveRun, ModelAtStep};
use crate::picture::sweep_picture;
use crate::share::{AccessQuota, MAX_STREAMS};
use crate::stream;
use crate::summary::RunSummary;
use crate::sweeps;
use crate::upload::{self, UploadState, Uploads};
use crate::visitor::Visitor;

/// The largest body that is read: larger than an image.
const MAX_BODY: usize = 1 << 16;
/// Runs that a page listens to.
const MAX_RUNS: usize = 16;
/// Images in an answer.
const MAX_SAMPLES: usize = 2000;
/// Numbers of a parameter in an answer.
const MAX_NUMBERS: usize = 1 << 22;
/// Commands that are handed on at a time: each has a thread of its own, which waits for no reader.
const MAX_COMMANDS: usize = 8;

#[derive(Clone, Debug)]
struct ApiState {
    library: Arc<Library>,
    predictors: Arc<PredictorCache>,
    limiter: Limiter,
    shares: [AccessQuota; 2],
    commands: Arc<Semaphore>,
    uploads: UploadState,
    keep_alive: Duration,
}

impl ApiState {
    fn share(&self, visitor: Visitor) -> &AccessQuota {
        &self.shares[visitor.access as usize]
    }

    /// Does what reads files for a visitor on another thread.
    async fn read<T: IntoResponse + Send + 'static>(
        self,
        visitor: Visitor,
        work: impl FnOnce(Self) -> Answer<T> + Send + 'static,
    ) -> Response {
        let share = self.share(visitor).clone();
        done(share.read(move || work(self)).await)
    }

    fn run(self, id: &str) -> Answer<NamedRun> {
        let run = self.library.open(id).ok_or_else(|| not_found("no such run"))?;
        Ok(NamedRun { state: self, run })
    }
}

/// How long the server waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request.
    pub head: Duration,
    /// For the body of a request and its answer.
    pub answer: Duration,
    /// Before it writes to an idle stream of events: only that shows whether the other side still exists.
    pub keep_alive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let [head, answer, keep_alive] = [10, 20, 10].map(Duration::from_secs);
        Self { head, answer, keep_alive }
    }
}

/// The routes of the server.
pub(crate) fn router(
    library: Library,
    endpoints: Vec<Box<dyn Endpoint>>,
    uploads: Option<Uploads>,
    guard: Guard,
    timeouts: Timeouts,
) -> Router {
    const GET: MethodFilter = MethodFilter::GET;
    const POST: MethodFilter = MethodFilter::POST;
    let limiter = Limiter::new(library.live_id().is_some());
    let library = Arc::new(library);
    let computations = Computations::new(Arc::clone(&library), limiter.clone(), endpoints);
    let uploads = UploadState::new(uploads);
    let state = ApiState {
        library,
        predictors: Arc::default(),
        limiter,
        shares: [AccessQuota::new(), AccessQuota::new()],
        commands: Arc::new(Semaphore::new(MAX_COMMANDS)),
        uploads: uploads.clone(),
        keep_alive: timeouts.keep_alive,
    };
    Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{id}", of_run(description))
        .route("/api/runs/{id}/flow", computed_of_run(GET, placed_network))
        .route("/api/runs/{id}/events", of_run(events))
        .route("/api/events", get(events_of_all))
        .route("/api/runs/{id}/images", computed_of_run(GET, some_images))
        .route("/api/runs/{id}/activations", computed_of_run(GET, sample_activations))
        .route("/api/runs/{id}/activations", computed_of_run(POST, body_activations))
        .route("/api/runs/{id}/activation-statistics", computed_of_run(GET, statistics))
        .route("/api/runs/{id}/parameter", computed_of_run(GET, parameter))
        .route("/api/runs/{id}/commands", post(command))
        .route("/api/runs/{id}/resume", post(resume))
        .route("/api/sweeps", get(sweep_list))
        .route("/api/sweeps/{id}", get(sweep))
        .route("/api/sweeps/{id}/picture", get(picture_of_sweep))
        .route("/api/{*rest}", get(|| async { not_found("no such request") }))
        .fallback(get(assets::serve))
        .with_state(state)
        .merge(
            Router::new().route("/api/engine/{name}", post(answer_call)).with_state(computations),
        )
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(timeouts.answer, in_time))
        // A file may be large, and take its time.
        .merge(Router::new().route("/api/data", post(upload::receive)).with_state(uploads))
        .layer(middleware::from_fn_with_state(guard, guard::pass))
}

type Answer<T> = Result<T, ApiError>;

/// Why a request is refused.
struct ApiError(StatusCode, String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

impl From<RunError> for ApiError {
    fn from(error: RunError) -> Self {
        let status = match error {
            RunError::SampleSize { .. } | RunError::Activations { .. } => StatusCode::BAD_REQUEST,
            // Something of the run is missing or damaged.
            _ => StatusCode::NOT_FOUND,
        };
        Self(status, chain(&error))
    }
}

fn not_found(what: &str) -> ApiError {
    ApiError(StatusCode::NOT_FOUND, what.into())
}

fn bad(what: impl Into<String>) -> ApiError {
    ApiError(StatusCode::BAD_REQUEST, what.into())
}

/// Ends answers that take too long, and refuses a body that is announced as too large.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    if request.body().size_hint().lower() > MAX_BODY as u64 {
        let why = format!("expected a body of at most {MAX_BODY} bytes");
        return ApiError(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    }
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        ApiError(StatusCode::REQUEST_TIMEOUT, "the answer took too long".into()).into_response()
    })
}

/// The response to a request whose work was done on another thread.
fn done<T: IntoResponse>(done: Result<Answer<T>, JoinError>) -> Response {
    done.map_or_else(|error| internal(error).into_response(), IntoResponse::into_response)
}

fn internal(error: impl std::fmt::Display) -> ApiError {
    ApiError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// The run that the path of a request names.
struct NamedRun {
    state: ApiState,
    run: Arc<OpenRun>,
}

impl NamedRun {
    fn trainer(&self) -> Option<&LiveRun> {
        self.state.library.trainer_of(&self.run)
    }

    /// Whether something here trains the run and takes commands.
    fn takes_commands(&self) -> bool {
        let of_data = self.state.uploads.trainer();
        self.trainer().is_some() || of_data.is_some_and(|of| of.trains(&self.run.folder))
    }

    /// Sends a command to whoever trains the run, if something here does. False if that has ended or too many wait.
    fn send(&self, command: Command) -> Option<bool> {
        match self.trainer() {
            Some(live) => Some(live.send(command)),
            None => self.state.uploads.trainer()?.send(&self.run.folder, command),
        }
    }

    fn model(&self, step: Option<u64>) -> Result<ModelAtStep, RunError> {
        self.state.library.model(&self.run, step)
    }

    fn activations(&self, step: Option<u64>, sample: &[f32]) -> Answer<Vec<u8>> {
        let (about, values) = self.state.predictors.activations(&self.model(step)?, sample)?;
        Ok(numbers(&about, &values))
    }
}

/// A route whose path names a run: `answer` gets the run and what it extracts from the request.
fn of_run<Q, M, T>(answer: fn(NamedRun, Q) -> Answer<T>) -> MethodRouter<ApiState>
where
    Q: FromRequest<ApiState, M> + Send + 'static,
    M: Send + 'static,
    T: IntoResponse + Send + 'static,
{
    get(
        move |State(state): State<ApiState>,
              Path(id): Path<String>,
              Extension(visitor): Extension<Visitor>,
              request: Q| {
            state.read(visitor, move |state| answer(state.run(&id)?, request))
        },
    )
}

/// As [`of_run`], for requests that compute: each needs a permit.
fn computed_of_run<Q, M, T>(
    method: MethodFilter,
    answer: fn(NamedRun, Q) -> Answer<T>,
) -> MethodRouter<ApiState>
where
    Q: FromRequest<ApiState, M> + Send + 'static,
    M: Send + 'static,
    T: IntoResponse + Send + 'static,
{
    on(
        method,
        move |State(state): State<ApiState>,
              Path(id): Path<String>,
              Extension(visitor): Extension<Visitor>,
              request: Q| {
            let limiter = state.limiter.clone();
            with_permit(limiter, visitor, move || answer(state.run(&id)?, request))
        },
    )
}

/// Does what computes on another thread, with a permit that is returned when the work has ended, whether its client still
/// waits or not.
async fn with_permit<T: IntoResponse + Send + 'static>(
    limiter: Limiter,
    visitor: Visitor,
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Response {
    match limiter.permit(visitor, PATIENCE).await {
        Err(refusal) => refusal.into_response(),
        Ok(permit) => {
            let work = move || {
                let _permit = permit;
                work()
            };
            done(tokio::task::spawn_blocking(work).await)
        }
    }
}

async fn list(State(state): State<ApiState>, Extension(visitor): Extension<Visitor>) -> Response {
    let work = move |state: ApiState| {
        let runs = state.library.summaries(SystemTime::now());
        let runs: Vec<Value> =
            runs.iter().map(|run| listed(run, &state.uploads, visitor)).collect();
        let takes_data = state.uploads.takes_from(visitor);
        let live = state.library.live_id();
        Ok(Json(json!({ "live": live, "takes_data": takes_data, "runs": runs })))
    };
    state.read(visitor, work).await
}

/// A run in the list; for whoever may control it with the command that continues it and why that failed, which name folders.
fn listed(run: &RunSummary, uploads: &UploadState, visitor: Visitor) -> Value {
    let mut listed = json!(run);
    if visitor.may_control() && run.can_resume() {
        let folder = run.folder.to_str().and_then(shell_word);
        listed["resume"] = json!(folder.map(|folder| format!("gradus train --resume {folder}")));
        if let Some(failure) = uploads.trainer().and_then(|of| of.failure(&run.folder)) {
            listed["problem"] = json!(failure);
        }
    }
    listed
}

/// Continues a run in another process.
async fn resume(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    if !visitor.may_control() {
        let why = "only the owner of `gradus studio` continues a run";
        return ApiError(StatusCode::FORBIDDEN, why.into()).into_response();
    }
    let work = move |state: ApiState| {
        let conflict = |why: String| ApiError(StatusCode::CONFLICT, why);
        let folder =
            state.library.open(&id).ok_or_else(|| not_found("no such run"))?.folder.clone();
        let trainer = state.uploads.trainer();
        let trainer = trainer.ok_or_else(|| conflict("this process continues no runs".into()))?;
        trainer.resume(&folder).map_err(conflict)?;
        Ok(StatusCode::ACCEPTED)
    };
    state.read(visitor, work).await
}

async fn sweep_list(
    State(state): State<ApiState>,
    Extension(visitor): Extension<Visitor>,
) -> Response {
    let work = |state: ApiState| {
        let sweeps = state.library.sweeps().into_iter();
        let summaries = sweeps.map(|(id, folder)| sweeps::summary(&id, &folder));
        Ok(Json(summaries.collect::<Value>()))
    };
    state.read(visitor, work).await
}

async fn sweep(
    State(state): State<ApiState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    let work = move |state: ApiState| {
        let folder = state.library.sweep(&id).ok_or_else(|| not_found("no such sweep"))?;
        Ok(Json(sweeps::about(&id, &folder).map_err(RunError::from)?))
    };
    state.read(visitor, work).await
}

async fn picture_of_sweep(
    State(state): State<ApiState>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Response {
    with_permit(state.limiter.clone(), visitor, move || {
        let folder = state.library.sweep(&id).ok_or_else(|| not_found("no such sweep"))?;
        let picture = sweep_picture(&folder).map_err(RunError::from)?;
        Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture.svg()))
    })
    .await
}

fn description(request: NamedRun, visitor: Extension<Visitor>) -> Answer<Json<Value>> {
    let is_live = request.trainer().is_some();
    let mut about = about(&request.run, is_live)?;
    about["can_control"] = json!(visitor.may_control() && request.takes_commands());
    Ok(Json(about))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlowQuery {
    /// Points that the page has.
    width: f64,
}

fn placed_network(request: NamedRun, Query(query): Query<FlowQuery>) -> Answer<Json<Value>> {
    let network = request.run.experiment()?.network(Mode::Evaluate).map_err(RunError::from)?;
    let placed = flow(&network, query.width).map_err(RunError::from)?;
    Ok(Json(json!(placed)))
}

fn events(
    NamedRun { state, run }: NamedRun,
    (Extension(visitor), headers): (Extension<Visitor>, HeaderMap),
) -> Answer<impl IntoResponse + use<>> {
    let share = state.share(visitor).clone();
    let permit = stream_permit(&share)?;
    // After a broken connection, a page continues where it was.
    let start = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    Ok(Sse::new(stream::events(run, start, state.keep_alive, share, permit)))
}

fn stream_permit(share: &AccessQuota) -> Answer<OwnedSemaphorePermit> {
    Arc::clone(&share.streams).try_acquire_owned().map_err(|_| {
        let why = format!("{MAX_STREAMS} pages are listening already");
        ApiError(StatusCode::SERVICE_UNAVAILABLE, why)
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// A JSON list of runs, each its id and the position after the lines that are known, or null.
    runs: String,
}

/// A browser opens at most six connections to a server for all its pages: a page has one for all its runs.
async fn events_of_all(
    State(state): State<ApiState>,
    Extension(visitor): Extension<Visitor>,
    Query(query): Query<EventsQuery>,
) -> Answer<impl IntoResponse> {
    let asked = serde_json::from_str::<Vec<(String, Option<u64>)>>(&query.runs);
    let asked = asked.map_err(|error| bad(format!("runs: {error}")))?;
    let n = asked.len();
    if !(1..=MAX_RUNS).contains(&n) {
        return Err(bad(format!("runs: expected 1 to {MAX_RUNS}, found {n}")));
    }
    let share = state.share(visitor).clone();
    let permit = stream_permit(&share)?;
    let open = move || {
        let runs = asked.into_iter().map(|(id, position)| (state.library.open(&id), position));
        (runs.collect(), state.keep_alive)
    };
    let (runs, keep_alive) = share.read(open).await.map_err(internal)?;
    Ok(Sse::new(stream::events_of_all(runs, keep_alive, &share, permit)))
}

fn set(data: &Parts, part: Part) -> Answer<&Dataset> {
    data.get(part).ok_or_else(|| not_found("the run has no such set"))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagesQuery {
    set: Part,
    /// Numbers separated by commas.
    samples: String,
    /// Of a training batch: the step, which augments its first samples. Then these are the samples, in their order.
    step: Option<u64>,
}

fn some_images(request: NamedRun, Query(query): Query<ImagesQuery>) -> Answer<Vec<u8>> {
    let samples: Result<Vec<usize>, _> = query.samples.split(',').map(str::parse).collect();
    let samples = samples.map_err(|_| bad("samples: expected numbers separated by commas"))?;
    let n = samples.len();
    if n > MAX_SAMPLES {
        return Err(bad(format!("samples: expected at most {MAX_SAMPLES}, found {n}")));
    }
    // No set has so many samples.
    let number = |&sample: &usize| u32::try_from(sample).unwrap_or(u32::MAX);
    let samples: Vec<u32> = samples.iter().map(number).collect();
    let data = request.run.data()?;
    let set = set(&data, query.set)?;
    let n_pixels = n.saturating_mul(set.sample_len());
    if n_pixels > MAX_PIXELS {
        return Err(bad(format!("expected at most {MAX_PIXELS} pixels, found {n_pixels}")));
    }
    let found = match query.step {
        Some(step) => images::of_batch(&request.run.experiment()?, set, &samples, step),
        None => images::some(set, &samples),
    };
    let Images { labels, pixels } = found.ok_or_else(|| not_found("no such images"))?;
    Ok(labels.into_iter().flat_map(u32::to_le_bytes).chain(pixels).collect())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleQuery {
    set: Part,
    sample: usize,
    step: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StepQuery {
    step: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ParameterQuery {
    name: String,
    step: Option<u64>,
}

/// A line of JSON, then numbers of four bytes each, little-endian.
fn numbers(about: &Value, values: &[f32]) -> Vec<u8> {
    let values = values.iter().flat_map(|value| value.to_le_bytes());
    format!("{about}\n").into_bytes().into_iter().chain(values).collect()
}

fn sample_activations(request: NamedRun, Query(query): Query<SampleQuery>) -> Answer<Vec<u8>> {
    let data = request.run.data()?;
    let sample = set(&data, query.set)?.sample(query.sample);
    request.activations(query.step, &sample.ok_or_else(|| not_found("no such sample"))?)
}

fn body_activations(
    request: NamedRun,
    (Query(query), body): (Query<StepQuery>, Bytes),
) -> Answer<Vec<u8>> {
    let sample: Vec<f32> = body.iter().copied().map(f32::from).collect();
    request.activations(query.step, &sample)
}

fn statistics(request: NamedRun, Query(query): Query<StepQuery>) -> Answer<Json<Value>> {
    let model = request.model(query.step)?;
    let layers = request.state.predictors.statistics(&model, &request.run.data()?.test)?;
    Ok(Json(json!({ "step": model.step, "layers": layers })))
}

fn parameter(request: NamedRun, Query(query): Query<ParameterQuery>) -> Answer<Vec<u8>> {
    let ModelAtStep { step, model: saved } = request.model(query.step)?;
    let network = saved.model().map_err(RunError::from)?;
    let spec = network.parameters.iter().find(|spec| spec.path == query.name);
    let spec = spec.ok_or_else(|| not_found("no such parameter"))?;
    let values = &saved.parameters[spec.range.clone()];
    let n = values.len();
    if n > MAX_NUMBERS {
        return Err(bad(format!("expected at most {MAX_NUMBERS} numbers, found {n}")));
    }
    Ok(numbers(&json!({ "step": step, "shape": spec.shape }), values))
}

async fn command(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Extension(visitor): Extension<Visitor>,
    body: Bytes,
) -> Answer<StatusCode> {
    let refused = |status, why: &str| ApiError(status, why.into());
    if !visitor.may_control() {
        let why = "read-only; the whole link that gradus printed for the owner controls the run";
        return Err(refused(StatusCode::FORBIDDEN, why));
    }
    let command = Command::parse(&body).map_err(|error| bad(error.to_string()))?;
    let busy = |_| refused(StatusCode::SERVICE_UNAVAILABLE, "too many commands at once");
    let permit = Arc::clone(&state.commands).try_acquire_owned().map_err(busy)?;
    let (answer, answered) = oneshot::channel();
    let thread = std::thread::Builder::new().name("command".into());
    let spawned = thread.spawn(move || {
        let _permit = permit;
        // A client that has left needs no answer.
        let _ = answer.send(state.run(&id).map(|run| run.send(command)));
    });
    spawned.map_err(internal)?;
    match answered.await.map_err(internal)?? {
        Some(true) => Ok(StatusCode::ACCEPTED),
        Some(false) => {
            Err(refused(StatusCode::CONFLICT, "the run has ended, or too many commands wait"))
        }
        None => Err(refused(StatusCode::CONFLICT, "this process does not train the run")),
    }
}
