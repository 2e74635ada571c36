//! The events of a run as they come.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::response::sse::Event;
use futures_util::stream::{self, Stream};

use crate::library::OpenRun;
use crate::log::Lines;

/// StreamLimit at a time. More is not a school class but a faulty program.
pub(crate) const MOST_STREAMS: usize = 256;
/// How often it is looked whether something was written: as often as an eye can follow.
const PERIOD: Duration = Duration::from_millis(200);
/// Periods without a word after which one is said: only who speaks learns that the other is gone.
const QUIET_PERIODS: u32 = 50;

/// How many streams there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamLimit(Arc<AtomicUsize>);

/// One of the streams, as long as it lives.
#[derive(Debug)]
pub(crate) struct Permit(Arc<AtomicUsize>);

impl StreamLimit {
    /// Takes a place, if there is one.
    pub(crate) fn permit(&self) -> Option<Permit> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.0));
        (before < MOST_STREAMS).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The lines of a run: those that show all of it first, or those from byte `start` on, then new ones as they are
/// written, then the event `end`.
///
/// A message is asked for when the one before it has been taken. So nothing waits in a queue for a viewer who does not
/// read: it gets less later, and is told how many steps were left out.
pub(crate) fn events(
    run: Arc<OpenRun>,
    start: Option<u64>,
    permit: Permit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let state = EventStream { run, at: start, is_over: false, permit };
    stream::unfold(state, |mut state| async move {
        let message = state.next().await?;
        Some((Ok(message), state))
    })
}

struct EventStream {
    run: Arc<OpenRun>,
    /// Where the lines that have not been sent begin; none if no line has been sent.
    at: Option<u64>,
    is_over: bool,
    #[expect(dead_code, reason = "held until the stream ends")]
    permit: Permit,
}

impl EventStream {
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        for _ in 0..QUIET_PERIODS {
            let (run, at) = (Arc::clone(&self.run), self.at);
            let found = tokio::task::spawn_blocking(move || look(&run, at)).await;
            let (lines, is_finished) =
                match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
                    Ok(found) => found,
                    Err(error) => {
                        self.is_over = true;
                        return Some(
                            Event::default().event("problem").data(one_line(&error.to_string())),
                        );
                    }
                };
            let is_first = self.at.is_none();
            self.at = Some(lines.end);
            if !lines.text.is_empty() || is_first {
                let kind = if is_first { "history" } else { "lines" };
                let message = Event::default().event(kind).id(lines.end.to_string());
                let left_out = format!("{}\n", lines.left_out);
                return Some(message.data(left_out + lines.text.trim_end()));
            }
            if is_finished {
                self.is_over = true;
                // Without a word in it, a browser would not pass the event on.
                return Some(Event::default().event("end").data("over"));
            }
            tokio::time::sleep(PERIOD).await;
        }
        Some(Event::default().comment("still here"))
    }
}

fn look(run: &OpenRun, at: Option<u64>) -> io::Result<(Lines, bool)> {
    let mut log = run.log();
    log.refresh()?;
    let lines = match at {
        Some(start) => log.since(start)?,
        None => log.history()?,
    };
    Ok((lines, log.is_finished()))
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}
