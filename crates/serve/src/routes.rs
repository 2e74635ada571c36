//! Requests and their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use web::Connection;

use crate::access::TokenRules;
use crate::answer::AnswerForm;
use crate::batches::BatchQueue;
use crate::error::RequestError;
use crate::input::{BodyForm, InputRows, Reading};
use crate::limits::{BODY_UNIT, BODY_UNITS, SMALL_BODY, ServeLimits};
use crate::metrics::ServeMetrics;
use crate::model::ServedModel;
use crate::models::ModelSet;
use crate::{openapi, page};

/// Predictions that are written on the thread of the connections.
const FEW_PREDICTIONS: usize = 256;
/// What is refused is read to its end for so long, so that the client can read why.
const DISCARD: Duration = Duration::from_secs(1);

/// What all connections share.
pub(crate) struct ServerState {
    pub(crate) models: ModelSet,
    pub(crate) rules: TokenRules,
    pub(crate) queue: BatchQueue,
    pub(crate) metrics: ServeMetrics,
    pub(crate) limits: ServeLimits,
    /// Whether each answer is the last of its connection.
    pub(crate) is_stopping: AtomicBool,
    /// Bytes of large bodies, in units.
    bodies: Semaphore,
}

type HttpAnswer = Response<Full<Bytes>>;

/// A large body, and its share of the memory for these.
struct ReadBody<'a> {
    bytes: Bytes,
    _share: Option<SemaphorePermit<'a>>,
}

impl ServerState {
    pub(crate) fn new(models: ModelSet, rules: TokenRules, limits: ServeLimits) -> Self {
        Self {
            models,
            rules,
            queue: BatchQueue::new(limits.max_batch, limits.max_waiting),
            metrics: ServeMetrics::default(),
            limits,
            is_stopping: AtomicBool::new(false),
            bodies: Semaphore::new(BODY_UNITS),
        }
    }

    /// The answer to a request, whatever it asks.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        connection: &Connection,
        mut request: Request<Incoming>,
    ) -> HttpAnswer {
        let answered = self.route(connection, &mut request).await;
        let mut answer = match answered {
            Ok(answer) => answer,
            Err(error) => {
                let is_denied =
                    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&error.status);
                let most = if is_denied { SMALL_BODY } else { self.limits.max_body };
                discard(request, most).await;
                if is_denied {
                    connection.slot.delay_refusal().await;
                }
                let mut answer = refusal(error);
                if is_denied {
                    close(&mut answer);
                }
                answer
            }
        };
        if self.is_stopping.load(Ordering::Relaxed) {
            close(&mut answer);
        }
        answer
    }

    async fn route(
        self: &Arc<Self>,
        connection: &Connection,
        request: &mut Request<Incoming>,
    ) -> Result<HttpAnswer, RequestError> {
        self.rules.check_names(request, connection)?;
        let path = request.uri().path();
        if let Some((content_type, text)) = page::file(path) {
            check_reading(request)?;
            let mut answer = content(content_type, text);
            web::add_page_headers(answer.headers_mut(), connection.local);
            return Ok(answer);
        }
        if path == "/healthz" {
            check_reading(request)?;
            return Ok(content("text/plain;charset=utf-8", "ok\n"));
        }
        self.rules.check_token(request, connection)?;
        if let Some(name) = predicting(path) {
            let model = self.models.get(name);
            return self.predict(model, request).await;
        }
        let text = match path {
            "/metrics" => {
                check_reading(request)?;
                let text = self.metrics.text(self.queue.len());
                return Ok(content("text/plain; version=0.0.4", text));
            }
            "/openapi.json" => openapi::description(&self.models.all()),
            "/v1/models" => {
                let models = self.models.all();
                let about: Vec<_> = models.iter().map(|model| openapi::about(model)).collect();
                serde_json::json!({ "models": about })
            }
            _ => match path.strip_prefix("/v1/models/") {
                Some(name) => openapi::about(&*self.models.get(Some(name))?),
                None => {
                    let message = "expected /v1/models/NAME/predict, /v1/models, /openapi.json, /metrics, /healthz or /";
                    return Err(RequestError::new(StatusCode::NOT_FOUND, message));
                }
            },
        };
        check_reading(request)?;
        Ok(content("application/json", text.to_string()))
    }

    /// Predicts the rows of a request, and counts it.
    async fn predict(
        self: &Arc<Self>,
        model: Result<Arc<ServedModel>, RequestError>,
        request: &mut Request<Incoming>,
    ) -> Result<HttpAnswer, RequestError> {
        let begin = Instant::now();
        let (model, predicted) = match model {
            Ok(model) => {
                let predicted = self.predict_with(&model, request).await;
                (Some(model), predicted)
            }
            Err(error) => (None, Err(error)),
        };
        let status = predicted.as_ref().map_or_else(|error| error.status, Response::status);
        let name = model.as_ref().map(|model| &*model.name);
        self.metrics.count_request(name, status.as_u16(), begin.elapsed());
        predicted
    }

    async fn predict_with(
        self: &Arc<Self>,
        model: &Arc<ServedModel>,
        request: &mut Request<Incoming>,
    ) -> Result<HttpAnswer, RequestError> {
        if request.method() != Method::POST {
            return Err(RequestError::wrong_method("POST"));
        }
        let answer_form = AnswerForm::of(text_header(request, header::ACCEPT)?)?;
        let form = BodyForm::of(text_header(request, header::CONTENT_TYPE)?)?;
        let scales = scales(request.uri().query())?;
        let body = self.read_body(request).await?;
        let InputRows { features, rows, warnings } =
            self.read_rows(model, form, scales, &body.bytes).await?;
        drop(body);
        let predictions = self.queue.predict(model, features, rows, &self.metrics).await?;
        let text = match predictions.len() {
            ..=FEW_PREDICTIONS => answer_form.write(model, &predictions, &warnings),
            _ => {
                let model = Arc::clone(model);
                on_reading_thread(move || answer_form.write(&model, &predictions, &warnings))
                    .await?
            }
        };
        Ok(content(answer_form.content_type(), text))
    }

    async fn read_rows(
        self: &Arc<Self>,
        model: &Arc<ServedModel>,
        form: BodyForm,
        scales: bool,
        body: &Bytes,
    ) -> Result<InputRows, RequestError> {
        if body.len() <= SMALL_BODY && form != BodyForm::Picture {
            return Reading { model, limits: &self.limits, scales }.read(form, body);
        }
        let (server, model, body) = (Arc::clone(self), Arc::clone(model), body.clone());
        on_reading_thread(move || {
            Reading { model: &model, limits: &server.limits, scales }.read(form, &body)
        })
        .await?
    }

    /// Reads a body within the limits of size and time.
    async fn read_body(
        &self,
        request: &mut Request<Incoming>,
    ) -> Result<ReadBody<'_>, RequestError> {
        let most = self.limits.max_body;
        let too_large = |found: String| RequestError::too_large("bytes of the body", found, most);
        let announced = request.body().size_hint().exact();
        if let Some(found) = announced.filter(|&found| found > most as u64) {
            return Err(too_large(found.to_string()));
        }
        let bytes = announced.map_or(most, |length| length as usize);
        let share = match bytes {
            ..=SMALL_BODY => None,
            _ => {
                let units = bytes.div_ceil(BODY_UNIT).min(BODY_UNITS);
                let busy = |_| RequestError::busy("too many large requests: try again");
                Some(self.bodies.try_acquire_many(units as u32).map_err(busy)?)
            }
        };
        let body = request.body_mut();
        let read = async {
            let mut all = Vec::new();
            let mut first = None;
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                let broken = |error| RequestError::bad(format!("body: {error}"));
                let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
                length += data.len();
                if length > most {
                    return Err(too_large(format!("{length} or more")));
                }
                match (&mut first, all.is_empty()) {
                    // Most bodies arrive whole, and are not copied.
                    (None, true) => first = Some(data),
                    (Some(before), true) => {
                        all.reserve(bytes.min(SMALL_BODY).max(before.len() + data.len()));
                        all.extend_from_slice(before);
                        all.extend_from_slice(&data);
                    }
                    (_, false) => all.extend_from_slice(&data),
                }
            }
            Ok(if all.is_empty() { first.unwrap_or_default() } else { all.into() })
        };
        let late = |_| {
            let seconds = self.limits.body.as_secs();
            let message = format!("expected the whole body within {seconds} s");
            RequestError::new(StatusCode::REQUEST_TIMEOUT, message)
        };
        let bytes = timeout(self.limits.body, read).await.map_err(late)??;
        Ok(ReadBody { bytes, _share: share })
    }
}

/// Does something that takes long on a thread that reads bodies.
async fn on_reading_thread<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, RequestError> {
    spawn_blocking(work).await.map_err(|_| {
        RequestError::new(StatusCode::INTERNAL_SERVER_ERROR, "the request cannot be read")
    })
}

/// The model of a path that predicts: a name, or none for the only one.
fn predicting(path: &str) -> Option<Option<&str>> {
    match path {
        "/v1/predict" => Some(None),
        _ => Some(Some(path.strip_prefix("/v1/models/")?.strip_suffix("/predict")?)),
    }
}

/// Whether pictures of another size are scaled, by the query of a request.
fn scales(query: Option<&str>) -> Result<bool, RequestError> {
    match query {
        None | Some("" | "scale=false") => Ok(false),
        Some("scale=true") => Ok(true),
        Some(other) => Err(RequestError::bad(format!(
            "query: found {other:?}, expected scale=true, scale=false or nothing"
        ))),
    }
}

fn text_header(
    request: &Request<Incoming>,
    name: HeaderName,
) -> Result<Option<&str>, RequestError> {
    let Some(value) = request.headers().get(&name) else { return Ok(None) };
    let message = || RequestError::bad(format!("{name}: expected a text of ASCII"));
    value.to_str().map(Some).map_err(|_| message())
}

fn check_reading(request: &Request<Incoming>) -> Result<(), RequestError> {
    match *request.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(RequestError::wrong_method("GET, HEAD")),
    }
}

/// Reads the rest of what is refused, within bounds. Whoever waits to be asked for it is not asked.
async fn discard(mut request: Request<Incoming>, most: usize) {
    if request.headers().contains_key(header::EXPECT) {
        return;
    }
    let mut left = most;
    let read = async {
        while let Some(Ok(frame)) = request.body_mut().frame().await {
            let read = frame.into_data().map_or(0, |data| data.len());
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(DISCARD, read).await;
}

fn content(content_type: &'static str, body: impl Into<Bytes>) -> HttpAnswer {
    let mut answer = Response::new(Full::new(body.into()));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    web::add_data_headers(headers);
    answer
}

fn refusal(error: RequestError) -> HttpAnswer {
    let RequestError { status, message, header } = error;
    let mut answer =
        content("application/json", serde_json::json!({ "error": message }).to_string());
    *answer.status_mut() = status;
    answer.headers_mut().extend(header);
    answer
}

/// Ends the connection behind an answer.
fn close(answer: &mut HttpAnswer) {
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}
