//! The requests that the studio answers.
//!
//! | request                                         | answer                                               |
//! |-------------------------------------------------|------------------------------------------------------|
//! | `GET /`, `/main.js`, …                          | the pages                                            |
//! | `GET /api/runs`                                 | a summary of each run                                |
//! | `GET /api/runs/ID`                              | settings and layers of a run, and the permissions    |
//! | `GET /api/runs/ID/events`                       | its events, as a stream                              |
//! | `GET /api/runs/ID/images?set=test&samples=`     | labels and pixels of some samples                    |
//! | `GET /api/runs/ID/activations?set=test&sample=` | activations of a model for a sample, layer by layer  |
//! | `POST /api/runs/ID/activations`                 | the same for the bytes of the body                   |
//! | `GET /api/runs/ID/activation-statistics`        | statistics of the activations over some test samples |
//! | `GET /api/runs/ID/parameter?name=`              | the numbers of a parameter                           |
//! | `POST /api/runs/ID/commands`                    | a command to the run                                 |
//!
//! Requests to a model take `step=` for the one saved nearest to that step.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use data::Dataset;
use diagnostics::chain;
use events::Command;
use serde::{Deserialize, Serialize};

use crate::about::About;
use crate::activations::{self, Activations, LayerStatistics, PredictorCache};
use crate::assets;
use crate::error::RunError;
use crate::guard::{self, Access, Guard};
use crate::images::{self, Images};
use crate::library::{Library, OpenRun};
use crate::live::ModelAtStep;
use crate::stream::{self, StreamLimit};
use crate::summary::RunSummary;

/// The largest body that is read: larger than an image.
const MAX_BODY: usize = 1 << 16;
/// Images in an answer.
const MAX_SAMPLES: usize = 2000;
/// Numbers of a parameter in an answer.
const MAX_NUMBERS: usize = 1 << 22;
/// The largest learning rate that is not a typing error.
const MAX_RATE: f64 = 1e6;

#[derive(Clone, Debug)]
struct ApiState {
    library: Arc<Library>,
    predictors: Arc<PredictorCache>,
    streams: StreamLimit,
}

/// How long the server waits.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the head of a request.
    pub head: Duration,
    /// For the body of a request and its answer.
    pub answer: Duration,
    /// Before it writes to an idle stream of events, to learn whether the other side still exists.
    pub keep_alive: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let [head, answer, keep_alive] = [10, 20, 10].map(Duration::from_secs);
        Self { head, answer, keep_alive }
    }
}

/// The routes of the server.
pub(crate) fn router(library: Arc<Library>, guard: Guard, timeouts: Timeouts) -> Router {
    let streams = StreamLimit::new(timeouts.keep_alive);
    let shared = ApiState { library, predictors: Arc::default(), streams };
    Router::new()
        .route("/api/runs", get(list))
        .route("/api/runs/{id}", get(about))
        .route("/api/runs/{id}/events", get(events))
        .route("/api/runs/{id}/images", get(some_images))
        .route("/api/runs/{id}/activations", get(activations_of_sample).post(activations_of_body))
        .route("/api/runs/{id}/activation-statistics", get(activation_statistics))
        .route("/api/runs/{id}/parameter", get(parameter))
        .route("/api/runs/{id}/commands", post(command))
        .route(
            "/api/{*rest}",
            get(|| async { ApiError(StatusCode::NOT_FOUND, "no such request".into()) }),
        )
        .fallback(get(assets::serve))
        .with_state(shared)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(timeouts.answer, in_time))
        .layer(middleware::from_fn_with_state(guard, guard::pass))
}

/// Why a request is refused.
struct ApiError(StatusCode, String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

fn not_found(what: impl Into<String>) -> ApiError {
    ApiError(StatusCode::NOT_FOUND, what.into())
}

/// Something of a run that is missing or damaged.
fn unavailable(error: RunError) -> ApiError {
    not_found(chain(&error))
}

/// A request that does not fit the run.
fn invalid(error: RunError) -> ApiError {
    bad(chain(&error))
}

fn bad(what: impl Into<String>) -> ApiError {
    ApiError(StatusCode::BAD_REQUEST, what.into())
}

/// Ends answers that take too long, and refuses a body that is announced as too large.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY as u64) {
        let why = format!("expected a body of at most {MAX_BODY} bytes");
        return ApiError(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    }
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            ApiError(StatusCode::REQUEST_TIMEOUT, "the answer took too long".into()).into_response()
        }
    }
}

/// Runs what reads files or computes on another thread, so that other requests are answered meanwhile.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
}

fn open(library: &Library, id: &str) -> Result<Arc<OpenRun>, ApiError> {
    library.open(id).ok_or_else(|| not_found("no such run"))
}

/// All runs.
#[derive(Serialize)]
struct RunList {
    /// The run that this process trains.
    live: Option<String>,
    runs: Vec<RunSummary>,
}

async fn list(State(shared): State<ApiState>) -> Result<Json<RunList>, ApiError> {
    let library = shared.library;
    let list = on_thread(move || {
        Ok(RunList {
            live: library.live().map(|(id, _)| id),
            runs: library.summaries(SystemTime::now()),
        })
    });
    Ok(Json(list.await?))
}

async fn about(
    State(shared): State<ApiState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
) -> Result<Json<About>, ApiError> {
    let library = shared.library;
    let about = on_thread(move || {
        let run = open(&library, &id)?;
        let is_live = library.trainer_of(&run).is_some();
        let about = About::new(&run, is_live).map_err(unavailable)?;
        Ok(About { can_control: is_live && access == Access::Owner, ..about })
    });
    Ok(Json(about.await?))
}

async fn events(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(permit) = shared.streams.permit() else {
        let why = format!("{} pages are listening already", stream::MAX_STREAMS);
        return Err(ApiError(StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let library = shared.library;
    let run = on_thread(move || open(&library, &id)).await?;
    // After a broken connection, a page continues where it was.
    let start = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    Ok(Sse::new(stream::events(run, start, permit)).into_response())
}

/// Which set of the data.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DataSet {
    Train,
    Test,
}

impl DataSet {
    fn of(self, split: &runs::Split) -> &Dataset {
        match self {
            Self::Train => &split.train,
            Self::Test => &split.test,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagesQuery {
    set: DataSet,
    /// Numbers separated by commas.
    samples: String,
}

async fn some_images(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<ImagesQuery>,
) -> Result<Response, ApiError> {
    let samples: Result<Vec<usize>, _> = query.samples.split(',').map(str::parse).collect();
    let samples = samples.map_err(|_| bad("samples: expected numbers separated by commas"))?;
    if samples.len() > MAX_SAMPLES {
        return Err(bad(format!(
            "samples: expected at most {MAX_SAMPLES}, found {}",
            samples.len()
        )));
    }
    // No set has so many samples.
    let number = |&sample: &usize| u32::try_from(sample).unwrap_or(u32::MAX);
    let samples: Vec<u32> = samples.iter().map(number).collect();
    let library = shared.library;
    let bytes = on_thread(move || {
        let data = open(&library, &id)?.data().map_err(unavailable)?;
        let found = images::some(query.set.of(&data), &samples);
        let Images { labels, pixels } = found.ok_or_else(|| not_found("no such images"))?;
        let labels = labels.into_iter().flat_map(u32::to_le_bytes);
        Ok(labels.chain(pixels).collect::<Vec<u8>>())
    });
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes.await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SampleQuery {
    set: DataSet,
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
fn numbers(about: &impl Serialize, values: &[f32]) -> Response {
    let mut bytes = serde_json::to_vec(about).expect("plain structs have a text form");
    bytes.push(b'\n');
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response()
}

async fn activations_of_sample(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<SampleQuery>,
) -> Result<Response, ApiError> {
    let answer: Activations = on_thread(move || {
        let (run, model) = model(&shared.library, &id, query.step)?;
        let data = run.data().map_err(unavailable)?;
        let sample = activations::sample(query.set.of(&data), query.sample);
        let sample = sample.ok_or_else(|| not_found("no such sample"))?;
        shared.predictors.activations(&model, &sample).map_err(invalid)
    })
    .await?;
    Ok(numbers(&answer, &answer.values))
}

async fn activations_of_body(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<StepQuery>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let answer: Activations = on_thread(move || {
        let (_, model) = model(&shared.library, &id, query.step)?;
        let sample: Vec<f32> = body.iter().copied().map(f32::from).collect();
        shared.predictors.activations(&model, &sample).map_err(invalid)
    })
    .await?;
    Ok(numbers(&answer, &answer.values))
}

/// The activation statistics of a model.
#[derive(Serialize)]
struct StatisticsAnswer {
    step: u64,
    layers: Vec<LayerStatistics>,
}

async fn activation_statistics(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<StepQuery>,
) -> Result<Json<StatisticsAnswer>, ApiError> {
    let found = on_thread(move || {
        let (run, model) = model(&shared.library, &id, query.step)?;
        let data = run.data().map_err(unavailable)?;
        let layers = shared.predictors.statistics(&model, &data.test).map_err(unavailable)?;
        Ok(StatisticsAnswer { step: model.step, layers })
    });
    Ok(Json(found.await?))
}

/// The shape of a parameter, and the step of its model.
#[derive(Serialize)]
struct AboutParameter {
    step: u64,
    shape: Vec<usize>,
}

async fn parameter(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<ParameterQuery>,
) -> Result<Response, ApiError> {
    on_thread(move || {
        let (_, model) = model(&shared.library, &id, query.step)?;
        let ModelAtStep { step, model: saved } = model;
        let network = saved.model().map_err(|error| unavailable(error.into()))?;
        let spec = network.parameters.iter().find(|spec| spec.name == query.name);
        let spec = spec.ok_or_else(|| not_found("no such parameter"))?;
        let values = &saved.parameters[spec.range.clone()];
        if values.len() > MAX_NUMBERS {
            return Err(bad(format!(
                "expected at most {MAX_NUMBERS} numbers, found {}",
                values.len()
            )));
        }
        Ok(numbers(&AboutParameter { step, shape: spec.shape.clone() }, values))
    })
    .await
}

/// A run and its model: the latest that its trainer provided, or the one nearest to `step`.
fn model(
    library: &Library,
    id: &str,
    step: Option<u64>,
) -> Result<(Arc<OpenRun>, ModelAtStep), ApiError> {
    let run = open(library, id)?;
    let latest = library.trainer_of(&run).and_then(|live| live.model());
    let model = match (latest, step) {
        (Some(latest), None) => latest,
        (Some(latest), Some(step)) => match run.saved(Some(step)) {
            Ok(saved) if saved.step.abs_diff(step) < latest.step.abs_diff(step) => saved,
            _ => latest,
        },
        (None, step) => run.saved(step).map_err(unavailable)?,
    };
    Ok((run, model))
}

async fn command(
    State(shared): State<ApiState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    if access != Access::Owner {
        return Err(ApiError(StatusCode::FORBIDDEN, "this link is read-only".into()));
    }
    let command = Command::parse(&body).map_err(|error| bad(error.to_string()))?;
    if let Command::SetLearningRate { learning_rate: Some(rate) } = command
        && !(rate > 0.0 && rate <= MAX_RATE)
    {
        return Err(bad(format!(
            "learning_rate: expected above 0 and at most {MAX_RATE}, found {rate}"
        )));
    }
    on_thread(move || {
        let run = open(&shared.library, &id)?;
        let conflict = |why: &str| ApiError(StatusCode::CONFLICT, why.into());
        let Some(live) = shared.library.trainer_of(&run) else {
            return Err(conflict("this process does not train the run"));
        };
        match live.send(command) {
            true => Ok(StatusCode::ACCEPTED),
            false => Err(conflict("the run has ended, or too many commands wait")),
        }
    })
    .await
}
