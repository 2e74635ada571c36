//! Rows that wait for a model, and the threads that predict them in batches.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use hyper::StatusCode;
use runs::RowPrediction;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use web::lock;

use crate::error::RequestError;
use crate::limits::MAX_WAITING_NUMBERS;
use crate::metrics::ServeMetrics;
use crate::model::ServedModel;

/// Rows of a request that wait for a model: at most as many as a batch has.
#[derive(Debug)]
pub(crate) struct WaitingRows {
    pub(crate) model: Arc<ServedModel>,
    pub(crate) features: Vec<f32>,
    pub(crate) rows: usize,
    pub(crate) reply: oneshot::Sender<Vec<RowPrediction>>,
}

/// All rows that wait.
#[derive(Debug)]
pub(crate) struct BatchQueue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// Requests without their predictions.
    requests: AtomicUsize,
    max_batch: usize,
    max_rows: usize,
}

/// A request without its predictions, counted until it is dropped.
struct CountedRequest<'q>(&'q AtomicUsize);

#[derive(Debug, Default)]
struct Waiting {
    parts: VecDeque<WaitingRows>,
    rows: usize,
    numbers: usize,
    is_closed: bool,
}

impl BatchQueue {
    /// For batches of `max_batch` rows, of which at most `max_rows` wait.
    pub(crate) fn new(max_batch: usize, max_rows: usize) -> Self {
        let (waiting, changed) = (Mutex::default(), Condvar::new());
        Self { waiting, changed, requests: AtomicUsize::new(0), max_batch, max_rows }
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.waiting).rows
    }

    /// The predictions for the rows of a request, in order.
    ///
    /// # Errors
    ///
    /// If too many rows wait already.
    pub(crate) async fn predict(
        &self,
        model: &Arc<ServedModel>,
        features: Vec<f32>,
        rows: usize,
        metrics: &ServeMetrics,
    ) -> Result<Vec<RowPrediction>, RequestError> {
        let requests = CountedRequest::new(&self.requests);
        if rows == 1 && model.is_quick {
            // Requests that came at the same time are read first: together they make a batch.
            yield_now().await;
            if requests.is_alone() {
                metrics.count_batch(&model.name, rows);
                return Ok(or_abort(|| model.predict_row(&features)));
            }
        }
        let mut predictions = Vec::with_capacity(rows);
        for part in self.add(model, features, rows)? {
            let lost = |_| {
                let message = "the prediction was lost";
                RequestError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
            };
            predictions.extend(part.await.map_err(lost)?);
        }
        Ok(predictions)
    }

    /// Adds the rows of a request, and returns where their predictions will come from, in order.
    fn add(
        &self,
        model: &Arc<ServedModel>,
        features: Vec<f32>,
        rows: usize,
    ) -> Result<Vec<oneshot::Receiver<Vec<RowPrediction>>>, RequestError> {
        let (numbers, width) = (features.len(), features.len() / rows.max(1));
        let mut waiting = lock(&self.waiting);
        let is_full =
            waiting.rows + rows > self.max_rows || waiting.numbers + numbers > MAX_WAITING_NUMBERS;
        if is_full && waiting.rows > 0 {
            return Err(RequestError::busy("too many rows wait for predictions: try again"));
        }
        let mut add = |features: Vec<f32>, rows| {
            let (reply, receiver) = oneshot::channel();
            let model = Arc::clone(model);
            waiting.parts.push_back(WaitingRows { model, features, rows, reply });
            waiting.rows += rows;
            waiting.numbers += rows * width;
            receiver
        };
        let receivers = match rows {
            0 => Vec::new(),
            _ if rows <= self.max_batch => vec![add(features, rows)],
            _ => {
                let parts = features.chunks(self.max_batch * width);
                parts.map(|part| add(part.to_vec(), part.len() / width)).collect()
            }
        };
        drop(waiting);
        match receivers.len() {
            0 => {}
            1 => self.changed.notify_one(),
            _ => self.changed.notify_all(),
        }
        Ok(receivers)
    }

    /// Ends the threads once nothing waits.
    pub(crate) fn close(&self) {
        lock(&self.waiting).is_closed = true;
        self.changed.notify_all();
    }

    /// Waits for rows, and takes those of one model that have waited longest, up to a batch. None once nothing waits and the
    /// queue is closed.
    fn take(&self) -> Option<Vec<WaitingRows>> {
        let waiting = lock(&self.waiting);
        let is_idle = |waiting: &mut Waiting| waiting.parts.is_empty() && !waiting.is_closed;
        let waiting = self.changed.wait_while(waiting, is_idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let first = waiting.parts.pop_front()?;
        let (mut rows, mut batch) = (first.rows, vec![first]);
        let mut others = 0;
        while let Some(next) = waiting.parts.get(others) {
            if !Arc::ptr_eq(&next.model, &batch[0].model) {
                others += 1;
                continue;
            }
            if rows + next.rows > self.max_batch {
                break;
            }
            rows += next.rows;
            batch.extend(waiting.parts.remove(others));
        }
        waiting.rows -= rows;
        waiting.numbers -= batch.iter().map(|part| part.features.len()).sum::<usize>();
        Some(batch)
    }

    /// Predicts what waits until the queue is closed.
    pub(crate) fn run(&self, metrics: &ServeMetrics) {
        or_abort(|| {
            while let Some(batch) = self.take() {
                predict(batch, metrics);
            }
        });
    }
}

impl<'q> CountedRequest<'q> {
    fn new(requests: &'q AtomicUsize) -> Self {
        requests.fetch_add(1, Ordering::Relaxed);
        Self(requests)
    }

    fn is_alone(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 1
    }
}

impl Drop for CountedRequest<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Does something in which a mistake of the program ends it: requests would wait for ever.
fn or_abort<R>(work: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| process::abort())
}

/// Predicts rows together, and hands out the predictions of each request.
fn predict(mut batch: Vec<WaitingRows>, metrics: &ServeMetrics) {
    let model = Arc::clone(&batch[0].model);
    let features = match &mut batch[..] {
        [only] => std::mem::take(&mut only.features),
        _ => batch.iter().flat_map(|part| &part.features).copied().collect(),
    };
    let mut predictions = model.predict(&features).into_iter();
    metrics.count_batch(&model.name, predictions.len());
    for WaitingRows { rows, reply, .. } in batch {
        // Whoever has left gets nothing.
        let _ = reply.send(predictions.by_ref().take(rows).collect());
    }
}
