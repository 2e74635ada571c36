//! What can be asked of the studio.
//!
//! | request                                       | answer                                                |
//! |-----------------------------------------------|-------------------------------------------------------|
//! | `GET /`, `/main.js`, …                        | the pages                                             |
//! | `GET /api/runs`                               | all runs, a row each                                  |
//! | `GET /api/runs/ID`                            | settings and layers of a run, and what one may do     |
//! | `GET /api/runs/ID/events`                     | its events as they come                               |
//! | `GET /api/runs/ID/images?set=test&samples=` | labels and pixels of some samples                     |
//! | `GET /api/runs/ID/activations?set=test&sample=`    | what the network says of a sample, layer by layer     |
//! | `POST /api/runs/ID/activations`                    | the same of the bytes that are sent                   |
//! | `GET /api/runs/ID/activation-statistics`                  | how the layers behave over some test samples          |
//! | `GET /api/runs/ID/parameter?name=`            | the numbers of a parameter                            |
//! | `POST /api/runs/ID/commands`                  | something is asked of the run                         |
//!
//! What is asked of a network may say `step=`: then it is the one that was saved nearest to that step.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use data::Dataset;
use events::Command;
use serde::{Deserialize, Serialize};

use crate::about::About;
use crate::activations::{self, Activations, LayerStatistics, PredictorCache};
use crate::assets;
use crate::guard::{self, Access, Guard};
use crate::images::{self, Images};
use crate::library::{Library, OpenRun};
use crate::live::ModelAtStep;
use crate::stream::{self, StreamLimit};
use crate::summary::RunSummary;

/// The largest body that is read: a picture and more.
const LARGEST_BODY: usize = 1 << 16;
/// Samples that are sent at a time.
const MOST_SAMPLES: usize = 2000;
/// Numbers of a parameter that are sent at a time.
const MOST_NUMBERS: usize = 1 << 22;
/// How long an answer may take, with the body that is asked about.
const TIME: Duration = Duration::from_secs(20);
/// The largest accepted learning rate: a larger one is a typing error.
const LARGEST_RATE: f64 = 1e6;

#[derive(Clone, Debug)]
struct ApiState {
    library: Arc<Library>,
    predictors: Arc<PredictorCache>,
    streams: StreamLimit,
}

/// Everything that the server answers to.
pub(crate) fn router(library: Arc<Library>, guard: Guard) -> Router {
    let shared = ApiState { library, predictors: Arc::default(), streams: StreamLimit::default() };
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
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(in_time))
        .layer(middleware::from_fn_with_state(guard, guard::pass))
}

/// Why a request is not answered.
struct ApiError(StatusCode, String);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

fn not_found(what: impl Into<String>) -> ApiError {
    ApiError(StatusCode::NOT_FOUND, what.into())
}

fn bad(what: impl Into<String>) -> ApiError {
    ApiError(StatusCode::BAD_REQUEST, what.into())
}

/// Ends what takes too long, and refuses a body that is too large before it comes.
async fn in_time(request: Request, next: Next) -> Response {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_BODY as u64) {
        let why = format!("expected a body of at most {LARGEST_BODY} bytes");
        return ApiError(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    }
    match tokio::time::timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError(StatusCode::REQUEST_TIMEOUT, "it took too long".into()).into_response(),
    }
}

/// Does what reads files or computes on a thread of its own, so that others are answered meanwhile.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ApiError(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?
}

fn open(library: &Library, id: &str) -> Result<Arc<OpenRun>, ApiError> {
    library.open(id).ok_or_else(|| not_found("there is no such run"))
}

/// All runs.
#[derive(Serialize)]
struct RunList {
    /// The run in progress in this process.
    live: Option<String>,
    runs: Vec<RunSummary>,
}

async fn list(State(shared): State<ApiState>) -> Result<Json<RunList>, ApiError> {
    let library = shared.library;
    let list =
        aside(move || Ok(RunList { live: library.live().map(|(id, _)| id), runs: library.rows() }));
    Ok(Json(list.await?))
}

async fn about(
    State(shared): State<ApiState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
) -> Result<Json<About>, ApiError> {
    let library = shared.library;
    let about = aside(move || {
        let run = open(&library, &id)?;
        let is_live = library.trainer_of(&run).is_some();
        let about = About::new(&run).map_err(not_found)?;
        Ok(About { is_live, can_control: is_live && access == Access::Owner, ..about })
    });
    Ok(Json(about.await?))
}

async fn events(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Some(permit) = shared.streams.permit() else {
        let why = format!("{} pages listen already", stream::MOST_STREAMS);
        return Err(ApiError(StatusCode::SERVICE_UNAVAILABLE, why));
    };
    let library = shared.library;
    let run = aside(move || open(&library, &id)).await?;
    // A page whose connection broke says how far it was.
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
    /// Numbers with commas between them.
    samples: String,
}

async fn some_images(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<ImagesQuery>,
) -> Result<Response, ApiError> {
    let samples: Result<Vec<usize>, _> = query.samples.split(',').map(str::parse).collect();
    let samples = samples.map_err(|_| bad("samples: expected numbers with commas between them"))?;
    if samples.len() > MOST_SAMPLES {
        return Err(bad(format!(
            "samples: expected at most {MOST_SAMPLES}, found {}",
            samples.len()
        )));
    }
    // No set has as many samples: what is beyond is not there.
    let number = |&sample: &usize| u32::try_from(sample).unwrap_or(u32::MAX);
    let samples: Vec<u32> = samples.iter().map(number).collect();
    let library = shared.library;
    let bytes = aside(move || {
        let data = open(&library, &id)?.data().map_err(not_found)?;
        let found = images::some(query.set.of(&data), &samples);
        let Images { labels, pixels } =
            found.ok_or_else(|| not_found("there are no such pictures"))?;
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

/// A line of JSON, and behind it numbers, four bytes each, the lowest first.
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
    let answer: Activations = aside(move || {
        let (run, snapshot) = network(&shared.library, &id, query.step)?;
        let data = run.data().map_err(not_found)?;
        let sample = activations::sample(query.set.of(&data), query.sample);
        let sample = sample.ok_or_else(|| not_found("there is no such sample"))?;
        shared.predictors.activations(&snapshot, &sample).map_err(bad)
    })
    .await?;
    Ok(numbers(&answer, &answer.activations))
}

async fn activations_of_body(
    State(shared): State<ApiState>,
    Path(id): Path<String>,
    Query(query): Query<StepQuery>,
    body: Bytes,
) -> Result<Response, ApiError> {
    let answer: Activations = aside(move || {
        let (_, snapshot) = network(&shared.library, &id, query.step)?;
        let sample: Vec<f32> = body.iter().copied().map(f32::from).collect();
        shared.predictors.activations(&snapshot, &sample).map_err(bad)
    })
    .await?;
    Ok(numbers(&answer, &answer.activations))
}

/// How a network behaves.
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
    let found = aside(move || {
        let (run, snapshot) = network(&shared.library, &id, query.step)?;
        let data = run.data().map_err(not_found)?;
        let layers = shared.predictors.statistics(&snapshot, &data.test).map_err(not_found)?;
        Ok(StatisticsAnswer { step: snapshot.step, layers })
    });
    Ok(Json(found.await?))
}

/// Which parameter, of which network.
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
    aside(move || {
        let (_, snapshot) = network(&shared.library, &id, query.step)?;
        let model =
            snapshot.model.model().map_err(|error| not_found(diagnostics::chain(&error)))?;
        let spec = model.parameters.iter().find(|spec| spec.name == query.name);
        let spec = spec.ok_or_else(|| not_found("there is no such parameter"))?;
        let values = &snapshot.model.parameters[spec.range.clone()];
        if values.len() > MOST_NUMBERS {
            return Err(bad(format!(
                "expected at most {MOST_NUMBERS} numbers, found {}",
                values.len()
            )));
        }
        Ok(numbers(&AboutParameter { step: snapshot.step, shape: spec.shape.clone() }, values))
    })
    .await
}

/// A run and its network: the latest that its trainer handed out, or the one that was saved nearest to `step`.
fn network(
    library: &Library,
    id: &str,
    step: Option<u64>,
) -> Result<(Arc<OpenRun>, ModelAtStep), ApiError> {
    let run = open(library, id)?;
    let handed_out = library.trainer_of(&run).and_then(|live| live.snapshot());
    let snapshot = match (handed_out, step) {
        (Some(snapshot), None) => snapshot,
        (Some(snapshot), Some(step)) => match run.saved(Some(step)) {
            Ok(saved) if saved.step.abs_diff(step) < snapshot.step.abs_diff(step) => saved,
            _ => snapshot,
        },
        (None, step) => run.saved(step).map_err(not_found)?,
    };
    Ok((run, snapshot))
}

async fn command(
    State(shared): State<ApiState>,
    Extension(access): Extension<Access>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ApiError> {
    if access != Access::Owner {
        return Err(ApiError(StatusCode::FORBIDDEN, "this link only shows".into()));
    }
    let command = Command::parse(&body).map_err(|error| bad(error.to_string()))?;
    if let Command::SetLearningRate { learning_rate: Some(rate) } = command
        && !(rate > 0.0 && rate <= LARGEST_RATE)
    {
        return Err(bad(format!(
            "learning_rate: expected above 0 and at most {LARGEST_RATE}, found {rate}"
        )));
    }
    aside(move || {
        let run = open(&shared.library, &id)?;
        let conflict = |why: &str| ApiError(StatusCode::CONFLICT, why.into());
        let Some(live) = shared.library.trainer_of(&run) else {
            return Err(conflict("the run is not in progress in this process"));
        };
        match live.send(command) {
            true => Ok(StatusCode::ACCEPTED),
            false => Err(conflict("the run has ended, or does not listen")),
        }
    })
    .await
}
