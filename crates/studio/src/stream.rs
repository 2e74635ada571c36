//! The events of a run as a stream.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::library::OpenRun;
use crate::log::Lines;

/// The most streams at a time: more than a class, so that a faulty program cannot take all resources.
pub(crate) const MAX_STREAMS: usize = 256;
/// Time between two reads of the log: the eye follows no faster changes.
const PERIOD: Duration = Duration::from_millis(200);

/// The lines of a run: first those that show all of it, or those from byte `start` on, then new ones as they are
/// written, then the event `end`.
///
/// A message is made only when the one before it has been taken: a viewer who does not read gets fewer steps later.
pub(crate) fn events(
    run: Arc<OpenRun>,
    start: Option<u64>,
    keep_alive: Duration,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let stream =
        EventStream { run, position: start, generation: None, keep_alive, _permit: permit };
    stream::unfold(Some(stream), |stream| async move {
        let (event, stream) = stream?.next().await;
        Some((Ok(event), stream))
    })
}

struct EventStream {
    run: Arc<OpenRun>,
    /// The position after the lines that were sent; `None` before the first.
    position: Option<u64>,
    /// The generation of the log that the position is of.
    generation: Option<u64>,
    keep_alive: Duration,
    /// Returned when the stream is dropped.
    _permit: OwnedSemaphorePermit,
}

impl EventStream {
    /// The next event, and the stream unless that was the last.
    async fn next(mut self) -> (Event, Option<Self>) {
        let begin = Instant::now();
        while begin.elapsed() < self.keep_alive {
            let (run, position, generation) =
                (Arc::clone(&self.run), self.position, self.generation);
            let found = tokio::task::spawn_blocking(move || read(&run, position, generation)).await;
            let Found { lines, is_history, is_finished, generation } =
                match found.unwrap_or_else(|e| Err(io::Error::other(e))) {
                    Ok(found) => found,
                    Err(error) => {
                        let text = error.to_string().replace(['\r', '\n'], " ");
                        return (Event::default().event("problem").data(text), None);
                    }
                };
            (self.position, self.generation) = (Some(lines.end), Some(generation));
            if !lines.text.is_empty() || is_history {
                let kind = if is_history { "history" } else { "lines" };
                let message = Event::default().event(kind).id(lines.end.to_string());
                let text = format!("{}\n{}", lines.left_out, lines.text.trim_end());
                return (message.data(text), Some(self));
            }
            if is_finished {
                // Browsers do not pass an event without data on.
                return (Event::default().event("end").data("over"), None);
            }
            tokio::time::sleep(PERIOD).await;
        }
        (Event::default().comment("keep-alive"), Some(self))
    }
}

/// What there is to send.
struct Found {
    lines: Lines,
    /// Whether the lines show the whole run.
    is_history: bool,
    is_finished: bool,
    generation: u64,
}

fn read(run: &OpenRun, position: Option<u64>, generation: Option<u64>) -> io::Result<Found> {
    let mut log = run.log();
    log.refresh()?;
    let is_same = generation.is_none_or(|generation| generation == log.generation);
    let (lines, is_history) = match position.filter(|_| is_same) {
        Some(start) => (log.since(start)?, false),
        None => (log.history()?, true),
    };
    let (is_finished, generation) = (log.is_finished, log.generation);
    Ok(Found { lines, is_history, is_finished, generation })
}
