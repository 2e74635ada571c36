//! The slots of connections: unauthenticated ones, viewers and owners each have their own, so that no one takes those of others.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::lock;
use crate::visitor::{Access, network_of};

/// Connections that have shown no secret yet, as all are until their first request is read: a class may open a page at the same
/// moment. One more ends the oldest of whoever has most of them.
const MAX_UNAUTHENTICATED: usize = 256;
/// Connections of viewers, more than a class has, and of owners.
const MAX_VIEWERS: usize = 400;
const MAX_OWNERS: usize = 100;

/// The two ends of a connection, and its place.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The address of this machine at which it arrived.
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
    pub(crate) place: Arc<ConnectionSlot>,
}

/// All places.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectionSlots(Arc<Mutex<Vec<SlotEntry>>>);

/// A place that is taken.
#[derive(Debug)]
struct SlotEntry {
    /// `None` for a stranger.
    access: Option<Access>,
    network: IpAddr,
    /// Told when the connection is to end.
    end: Arc<Notify>,
}

/// The place of a connection, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    places: ConnectionSlots,
    end: Arc<Notify>,
}

impl ConnectionSlots {
    /// The place of a stranger. If there are too many, another one loses its own.
    pub(crate) fn enter(&self, peer: IpAddr) -> ConnectionSlot {
        let mut entries = lock(&self.0);
        let strangers = || entries.iter().enumerate().filter(|(_, entry)| entry.access.is_none());
        if strangers().count() >= MAX_UNAUTHENTICATED {
            let mut counts: HashMap<IpAddr, usize> = HashMap::new();
            strangers().for_each(|(_, entry)| *counts.entry(entry.network).or_default() += 1);
            // The oldest comes first, and counts if another network has as many.
            let most = strangers().map(|(_, entry)| counts[&entry.network]).max();
            let last = strangers().find(|(_, entry)| Some(counts[&entry.network]) == most);
            let (at, _) = last.expect("there are strangers");
            entries.remove(at).end.notify_one();
        }
        let end = Arc::<Notify>::default();
        let network = network_of(peer);
        entries.push(SlotEntry { access: None, network, end: Arc::clone(&end) });
        ConnectionSlot { places: self.clone(), end }
    }
}

impl ConnectionSlot {
    /// Moves to a place of those who may do as much. False if there is none.
    pub(crate) fn promote(&self, access: Access) -> bool {
        let mut entries = lock(&self.places.0);
        let Some(own) = entries.iter().position(|entry| Arc::ptr_eq(&entry.end, &self.end)) else {
            return false;
        };
        if entries[own].access == Some(access) {
            return true;
        }
        let most = match access {
            Access::Owner => MAX_OWNERS,
            Access::Viewer => MAX_VIEWERS,
        };
        let is_free = entries.iter().filter(|entry| entry.access == Some(access)).count() < most;
        if is_free {
            entries[own].access = Some(access);
        }
        is_free
    }

    /// Waits until the connection is to end.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        lock(&self.places.0).retain(|entry| !Arc::ptr_eq(&entry.end, &self.end));
    }
}

/// A connection that ends if the other side takes nothing of what is written for too long.
#[derive(Debug)]
pub(crate) struct WriteTimeout<T> {
    inner: T,
    limit: Duration,
    /// When the write that is in progress becomes too long.
    end: Option<Pin<Box<Sleep>>>,
}

impl<T> WriteTimeout<T> {
    pub(crate) fn new(inner: T, limit: Duration) -> Self {
        Self { inner, limit, end: None }
    }

    /// The result of an attempt to write, or an error if none has succeeded within the limit.
    fn timed<R>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.end = None;
            return written;
        }
        let limit = self.limit;
        let end = self
            .end
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        end.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for WriteTimeout<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.timed(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.timed(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.inner).poll_shutdown(context);
        self.timed(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::ready;

    use super::*;

    /// Takes a byte in each period.
    struct SlowPeer {
        period: Duration,
        next: Pin<Box<Sleep>>,
    }

    impl AsyncWrite for SlowPeer {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            ready!(self.next.as_mut().poll(context));
            self.next = Box::pin(tokio::time::sleep(self.period));
            Poll::Ready(Ok(1))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn writing_ends_if_nothing_is_taken_for_too_long_and_not_if_it_is_slow() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let limit = Duration::from_millis(500);
        let write = |period, n: usize| {
            runtime.block_on(async {
                let peer = SlowPeer { period, next: Box::pin(tokio::time::sleep(period)) };
                let mut timed = WriteTimeout::new(peer, limit);
                for _ in 0..n {
                    poll_fn(|context| Pin::new(&mut timed).poll_write(context, b"x")).await?;
                }
                Ok::<_, io::Error>(())
            })
        };
        let begin = Instant::now();
        write(Duration::from_millis(50), 15).unwrap();
        assert!(begin.elapsed() > limit);
        let begin = Instant::now();
        let error = write(Duration::from_secs(60), 1).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begin.elapsed() >= limit && begin.elapsed() < 10 * limit);
    }

    #[test]
    fn strangers_take_places_of_strangers_only_and_first_of_those_who_have_most() {
        let places = ConnectionSlots::default();
        let peer = |last: u8| IpAddr::from([10, 0, 0, last]);
        let is_ended = |place: &ConnectionSlot| {
            !lock(&places.0).iter().any(|entry| Arc::ptr_eq(&entry.end, &place.end))
        };
        let owner = places.enter(peer(1));
        assert!(owner.promote(Access::Owner) && owner.promote(Access::Owner));
        let quiet = places.enter(peer(2));
        let many: Vec<_> = (0..2 * MAX_UNAUTHENTICATED).map(|_| places.enter(peer(1))).collect();
        assert!(!is_ended(&owner) && !is_ended(&quiet));
        assert!(is_ended(&many[0]) && !many[0].promote(Access::Viewer));
        assert!(!is_ended(&many[2 * MAX_UNAUTHENTICATED - 1]));
        assert_eq!(lock(&places.0).len(), MAX_UNAUTHENTICATED + 1);
        drop((many, quiet));
        assert_eq!(lock(&places.0).len(), 1);
    }

    #[test]
    fn viewers_leave_the_places_of_owners_and_strangers() {
        let places = ConnectionSlots::default();
        let peer = IpAddr::from([10, 0, 0, 1]);
        let viewer = || {
            let place = places.enter(peer);
            assert!(place.promote(Access::Viewer));
            place
        };
        let viewers: Vec<_> = (0..MAX_VIEWERS).map(|_| viewer()).collect();
        let next = places.enter(peer);
        assert!(!next.promote(Access::Viewer) && next.promote(Access::Owner));
        drop(viewers);
        assert!(places.enter(peer).promote(Access::Viewer));
    }
}
