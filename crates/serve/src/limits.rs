//! The resources that clients can take.

use std::time::Duration;

/// Connections that have shown the token.
pub(crate) const MOST_CONNECTIONS: &[usize] = &[512];
/// Numbers of the features of a request, and of all requests that wait.
pub(crate) const MAX_NUMBERS: usize = 1 << 24;
pub(crate) const MAX_WAITING_NUMBERS: usize = 1 << 26;
/// Bodies up to this size are read on the thread of the connections.
pub(crate) const SMALL_BODY: usize = 1 << 14;
/// Bytes of all larger bodies that are held, in units of [`BODY_UNIT`].
pub(crate) const BODY_UNITS: usize = 1 << 10;
pub(crate) const BODY_UNIT: usize = 1 << 18;
/// Threads that read large bodies.
pub(crate) const READING_THREADS: usize = 2;
/// After a stop, connections on which nothing is asked stay open for so long: a request may be under way.
pub(crate) const GRACE: Duration = Duration::from_millis(250);

/// The resources that clients can take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServeLimits {
    /// Rows that go through a model together: one or more.
    pub max_batch: usize,
    /// Rows of a request.
    pub max_rows: usize,
    /// Bytes of the body of a request, at most 256 MiB.
    pub max_body: usize,
    /// Rows that wait for a model.
    pub max_waiting: usize,
    /// How long a connection waits for the head of a request.
    pub head: Duration,
    /// How long it waits for the body.
    pub body: Duration,
    /// How long it waits for the client to take something of the answer.
    pub answer: Duration,
    /// How long a stop waits for answers.
    pub stop: Duration,
}

impl Default for ServeLimits {
    fn default() -> Self {
        let [head, body, answer, stop] = [30, 30, 20, 60].map(Duration::from_secs);
        Self {
            max_batch: 64,
            max_rows: 10_000,
            max_body: 16 << 20,
            max_waiting: 20_000,
            head,
            body,
            answer,
            stop,
        }
    }
}
