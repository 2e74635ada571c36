//! The events of runs as a stream.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::library::OpenRun;
use crate::log::Lines;
use crate::share::AccessQuota;

/// Time between two reads of the log: the eye follows no faster changes.
const PERIOD: Duration = Duration::from_millis(200);
/// For so long what one stream has read is new enough for the others of the run.
const CACHE_TIME: Duration = Duration::from_millis(150);

/// The lines of a run: first those that show all of it, or those from byte `start` on, then new ones as they are
/// written, then the event `end`.
///
/// A message is made only when the one before it has been taken: a viewer who does not read gets fewer steps later.
pub(crate) fn events(
    run: Arc<OpenRun>,
    start: Option<u64>,
    keep_alive: Duration,
    share: AccessQuota,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let permit = Arc::new(permit);
    let prefix = String::new();
    let (position, generation, space) = (start, None, None);
    EventStream { run, prefix, position, generation, keep_alive, share, space, _permit: permit }
        .events()
}

/// As [`events`], of several runs, with the number of the run in the first line of each event; of a run that does not exist
/// a `problem`.
pub(crate) fn events_of_all(
    runs: Vec<(Option<Arc<OpenRun>>, Option<u64>)>,
    keep_alive: Duration,
    share: &AccessQuota,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let permit = Arc::new(permit);
    let streams = runs.into_iter().enumerate().map(|(number, (run, position))| {
        let prefix = format!("{number}\n");
        let Some(run) = run else {
            let missing = Event::default().event("problem").data(prefix + "no such run");
            return stream::iter([Ok(missing)]).left_stream();
        };
        let (share, _permit) = (share.clone(), Arc::clone(&permit));
        let (generation, space) = (None, None);
        let stream =
            EventStream { run, prefix, position, generation, keep_alive, share, space, _permit };
        stream.events().right_stream()
    });
    stream::select_all(streams.map(Box::pin))
}

struct EventStream {
    /// What the text of each event begins with.
    prefix: String,
    run: Arc<OpenRun>,
    /// The position after the lines that were sent; `None` before the first.
    position: Option<u64>,
    /// The generation of the log that the position is of.
    generation: Option<u64>,
    keep_alive: Duration,
    share: AccessQuota,
    /// Of the lines that were sent last.
    space: Option<OwnedSemaphorePermit>,
    /// Returned when the streams that have it are dropped.
    _permit: Arc<OwnedSemaphorePermit>,
}

impl EventStream {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        stream::unfold(Some(self), |stream| async move {
            let (event, stream) = stream?.next().await;
            Some((Ok(event), stream))
        })
    }

    /// The next event, and the stream unless that was the last.
    async fn next(mut self) -> (Event, Option<Self>) {
        let begin = Instant::now();
        while begin.elapsed() < self.keep_alive {
            let found = match self.known() {
                Some(found) => Ok(Some(found)),
                None => self.read().await,
            };
            let found = match found {
                Ok(found) => found,
                Err(error) => {
                    let text = error.to_string().replace(['\r', '\n'], " ");
                    return (Event::default().event("problem").data(self.prefix + &text), None);
                }
            };
            let Some(Found { lines, is_history, is_finished, generation }) = found else {
                tokio::task::yield_now().await;
                continue;
            };
            (self.position, self.generation) = (Some(lines.end), Some(generation));
            if !lines.text.is_empty() || is_history {
                let kind = if is_history { "history" } else { "lines" };
                let message = Event::default().event(kind).id(lines.end.to_string());
                let Self { prefix, .. } = &self;
                let text = format!("{prefix}{}\n{}", lines.left_out, lines.text.trim_end());
                return (message.data(text), Some(self));
            }
            if is_finished {
                // Browsers do not pass an event without data on.
                return (Event::default().event("end").data(self.prefix + "over"), None);
            }
            tokio::time::sleep(PERIOD).await;
        }
        (Event::default().comment("keep-alive"), Some(self))
    }

    /// What other streams of the run have found a moment ago.
    fn known(&self) -> Option<Found> {
        let log = self.run.free_log()?;
        let lines = log.cached_since(self.position?, CACHE_TIME)?;
        let (is_finished, generation) = (log.is_finished, log.generation);
        let found = Found { lines, is_history: false, is_finished, generation };
        (self.generation == Some(generation)).then_some(found)
    }

    async fn read(&mut self) -> io::Result<Option<Found>> {
        // What was read before has been taken.
        self.space = None;
        let mut space = self.share.reserve().await;
        let (run, position, generation) = (Arc::clone(&self.run), self.position, self.generation);
        let found = self.share.read(move || read(&run, position, generation)).await;
        let found = found.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        let kilobytes = found.as_ref().map_or(0, |found| found.lines.text.len().div_ceil(1 << 10));
        self.space = space.split(kilobytes.min(space.num_permits()));
        Ok(found)
    }
}

/// What there is to send.
struct Found {
    lines: Arc<Lines>,
    /// Whether the lines show the whole run.
    is_history: bool,
    is_finished: bool,
    generation: u64,
}

/// `None` if there is more to read first.
fn read(
    run: &OpenRun,
    position: Option<u64>,
    generation: Option<u64>,
) -> io::Result<Option<Found>> {
    let mut log = run.log();
    if !log.refresh()? {
        return Ok(None);
    }
    let is_same = generation.is_none_or(|generation| generation == log.generation);
    let (lines, is_history) = match position.filter(|_| is_same) {
        Some(start) => (log.since(start)?, false),
        None => (Arc::new(log.history()?), true),
    };
    let (is_finished, generation) = (log.is_finished, log.generation);
    log.close();
    Ok(Some(Found { lines, is_history, is_finished, generation }))
}
