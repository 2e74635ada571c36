//! What the visitors of one access have for themselves: threads that read files, and streams.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use crate::log::MAX_TEXT;

/// Threads that read files for the owner, and as many for viewers. Those that compute are beside them.
pub(crate) const READING_THREADS: usize = 4;
/// The most streams of viewers at a time, and of the owner: more than a class, so that a faulty program cannot take all
/// resources.
pub(crate) const MAX_STREAMS: usize = 256;
/// Kilobytes of lines that wait to be taken by all who listen.
const MAX_WAITING_KB: usize = 1 << 18;

/// What visitors with one access share: viewers take nothing from the owner.
#[derive(Clone, Debug)]
pub(crate) struct AccessQuota {
    /// A place for each thread that reads files. Whoever leaves before it is his turn gives it up.
    readers: Arc<Semaphore>,
    pub(crate) streams: Arc<Semaphore>,
    /// Kilobytes of lines that wait to be taken by those who listen.
    waiting: Arc<Semaphore>,
}

impl AccessQuota {
    pub(crate) fn new() -> Self {
        let [readers, streams, waiting] =
            [READING_THREADS, MAX_STREAMS, MAX_WAITING_KB].map(|n| Arc::new(Semaphore::new(n)));
        Self { readers, streams, waiting }
    }

    /// Space for the lines of an answer, however many they are.
    pub(crate) async fn reserve(&self) -> OwnedSemaphorePermit {
        const MOST: u32 = (MAX_TEXT >> 10) as u32 + 1;
        Arc::clone(&self.waiting).acquire_many_owned(MOST).await.expect("never closed")
    }

    /// Does what reads files on another thread, when there is one, so that other requests are answered meanwhile.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let permit = Arc::clone(&self.readers).acquire_owned().await.expect("never closed");
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        })
        .await
    }
}
