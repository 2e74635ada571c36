//! The events of a run as a stream.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};
use tokio::time::Instant;

use crate::library::OpenRun;
use crate::log::Lines;

/// The most streams at a time: more than a class, so that a faulty program cannot take all resources.
pub(crate) const MAX_STREAMS: usize = 256;
/// Time between two reads of the log: the eye follows no faster changes.
const PERIOD: Duration = Duration::from_millis(200);

/// How many streams are open, and how often an idle one is written to.
#[derive(Clone, Debug)]
pub(crate) struct StreamLimit {
    open: Arc<AtomicUsize>,
    keep_alive: Duration,
}

/// The permission for one stream, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(StreamLimit);

impl StreamLimit {
    /// No streams yet. An idle stream gets a comment every `keep_alive`: only writing shows that the other side is gone.
    pub(crate) fn new(keep_alive: Duration) -> Self {
        Self { open: Arc::default(), keep_alive }
    }

    /// A permit, unless too many streams are open.
    pub(crate) fn permit(&self) -> Option<Permit> {
        let before = self.open.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(self.clone());
        (before < MAX_STREAMS).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The lines of a run: first those that show all of it, or those from byte `start` on, then new ones as they are
/// written, then the event `end`.
///
/// A message is made only when the one before it has been taken. So nothing queues up for a viewer who does not read: it
/// gets fewer steps later, and is told how many were left out.
pub(crate) fn events(
    run: Arc<OpenRun>,
    start: Option<u64>,
    permit: Permit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let stream = EventStream { run, position: start, is_over: false, permit };
    stream::unfold(stream, |mut stream| async move {
        let message = stream.next().await?;
        Some((Ok(message), stream))
    })
}

struct EventStream {
    run: Arc<OpenRun>,
    /// The position after the lines that were sent; `None` before the first.
    position: Option<u64>,
    is_over: bool,
    permit: Permit,
}

impl EventStream {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        let begin = Instant::now();
        while begin.elapsed() < self.permit.0.keep_alive {
            let (run, position) = (Arc::clone(&self.run), self.position);
            let found = tokio::task::spawn_blocking(move || read(&run, position)).await;
            let found = found.unwrap_or_else(|error| Err(io::Error::other(error)));
            let (lines, is_finished) = match found {
                Ok(found) => found,
                Err(error) => {
                    self.is_over = true;
                    let text = error.to_string().replace(['\r', '\n'], " ");
                    return Some(Event::default().event("problem").data(text));
                }
            };
            let is_first = self.position.is_none();
            self.position = Some(lines.end);
            if !lines.text.is_empty() || is_first {
                let kind = if is_first { "history" } else { "lines" };
                let message = Event::default().event(kind).id(lines.end.to_string());
                let left_out = format!("{}\n", lines.left_out);
                return Some(message.data(left_out + lines.text.trim_end()));
            }
            if is_finished {
                self.is_over = true;
                // Browsers do not pass an event without data on.
                return Some(Event::default().event("end").data("over"));
            }
            tokio::time::sleep(PERIOD).await;
        }
        Some(Event::default().comment("keep-alive"))
    }
}

fn read(run: &OpenRun, position: Option<u64>) -> io::Result<(Lines, bool)> {
    let mut log = run.log();
    log.refresh()?;
    let lines = match position {
        Some(start) => log.since(start)?,
        None => log.history()?,
    };
    Ok((lines, log.is_finished()))
}
