//! Rows that wait for a model, and the threads that predict them in batches.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use runs::RowPrediction;
use tokio::sync::oneshot;
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
    max_batch: usize,
    max_rows: usize,
}

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
        Self { waiting, changed, max_batch, max_rows }
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> usize {
        lock(&self.waiting).rows
    }

    /// Adds the rows of a request, and returns where their predictions will come from, in order.
    ///
    /// # Errors
    ///
    /// If too many wait already.
    pub(crate) fn add(
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

    /// Predicts what waits until the queue is closed. A mistake of the program ends it: requests would wait for ever.
    pub(crate) fn run(&self, metrics: &ServeMetrics) {
        let run = || {
            while let Some(batch) = self.take() {
                predict(batch, metrics);
            }
        };
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            process::abort();
        }
    }
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
