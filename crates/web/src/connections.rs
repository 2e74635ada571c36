//! The slots of connections: unauthenticated ones, and each group of those who have shown a secret, have their own, so that no
//! one takes those of others.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

use crate::{lock, network_of};

/// Connections that have shown no secret yet, as all are until their first request is read: a class may open a page at the same
/// moment. One more ends the oldest of whoever has most of them.
const MAX_UNAUTHENTICATED: usize = 1024;
/// Files and sockets that the process opens besides connections.
const OTHER_FILES: usize = 128;
/// With more connections than this that have shown no secret, a refusal waits: whoever is refused tries again at once, and each
/// attempt costs the processor of the training.
const MANY_UNAUTHENTICATED: usize = 64;
const REFUSAL_DELAY: Duration = Duration::from_secs(2);

/// The two ends of a connection, and its slot.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The address of this machine at which it arrived.
    pub local: SocketAddr,
    /// The address of the client.
    pub peer: SocketAddr,
    /// Its slot.
    pub slot: Arc<ConnectionSlot>,
}

/// All slots.
#[derive(Clone, Debug)]
pub struct ConnectionSlots(Arc<Mutex<SlotTable>>);

#[derive(Debug)]
struct SlotTable {
    /// The most connections of each group.
    most: &'static [usize],
    max_unauthenticated: usize,
    /// The number of the next connection.
    next: u64,
    /// What ends each connection that has shown no secret, by network and number.
    unauthenticated: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    /// The group of each other connection, by its number.
    authenticated: HashMap<u64, usize>,
}

/// The slot of a connection, free again when it is dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    slots: ConnectionSlots,
    number: u64,
    network: IpAddr,
    /// Told when the connection is to end.
    end: Arc<Notify>,
}

impl ConnectionSlots {
    /// So many for each group, and for connections that have shown no secret as many as the files that the process may open
    /// allow, a limit that is raised where the system lets it.
    pub fn new(most: &'static [usize]) -> Self {
        let others = (most.iter().sum::<usize>() + OTHER_FILES) as u64;
        let wanted = others + MAX_UNAUTHENTICATED as u64;
        // Where the system does not say how many files may be open, there is an end when no more can be opened.
        let files = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted);
        let left = files.saturating_sub(others).clamp(1, MAX_UNAUTHENTICATED as u64);
        Self(Arc::new(Mutex::new(SlotTable {
            most,
            max_unauthenticated: left as usize,
            next: 0,
            unauthenticated: HashMap::new(),
            authenticated: HashMap::new(),
        })))
    }

    /// The ends and the slot of a connection with a client; none if it has ended.
    pub fn connection(&self, stream: &TcpStream, peer: SocketAddr) -> Option<Connection> {
        let local = stream.local_addr().ok()?;
        Some(Connection { local, peer, slot: Arc::new(self.enter(peer.ip())) })
    }

    /// The slot of a connection that has shown no secret. If there are too many, another one loses its own.
    fn enter(&self, peer: IpAddr) -> ConnectionSlot {
        let mut table = lock(&self.0);
        if table.n_unauthenticated() >= table.max_unauthenticated {
            table.end_one();
        }
        let (number, network, end) = (table.next, network_of(peer), Arc::<Notify>::default());
        table.next += 1;
        table.unauthenticated.entry(network).or_default().insert(number, Arc::clone(&end));
        ConnectionSlot { slots: self.clone(), number, network, end }
    }
}

impl SlotTable {
    fn n_unauthenticated(&self) -> usize {
        self.unauthenticated.values().map(BTreeMap::len).sum()
    }

    /// Ends the oldest connection of the network that has most; of several such networks the one with the oldest.
    fn end_one(&mut self) {
        let most = self.unauthenticated.iter().max_by_key(|(_, connections)| {
            (connections.len(), connections.keys().next().copied().map(Reverse))
        });
        let (&network, connections) = most.expect("there are some");
        let &oldest = connections.keys().next().expect("a network without connections is removed");
        self.remove(network, oldest).expect("it was found").notify_one();
    }

    fn remove(&mut self, network: IpAddr, number: u64) -> Option<Arc<Notify>> {
        let connections = self.unauthenticated.get_mut(&network)?;
        let end = connections.remove(&number);
        if connections.is_empty() {
            self.unauthenticated.remove(&network);
        }
        end
    }
}

impl ConnectionSlot {
    /// Moves to a slot of a group, one of those that [`ConnectionSlots::new`] was told of. False if none is free.
    pub fn promote(&self, group: usize) -> bool {
        let mut table = lock(&self.slots.0);
        let known = table.authenticated.get(&self.number);
        if known == Some(&group) {
            return true;
        }
        let n_taken = table.authenticated.values().filter(|taken| **taken == group).count();
        // One that is to end has left the table already.
        let can_move = n_taken < table.most[group]
            && (known.is_some() || table.remove(self.network, self.number).is_some());
        if can_move {
            table.authenticated.insert(self.number, group);
        }
        can_move
    }

    /// Waits before a refusal if many have shown no secret.
    pub async fn delay_refusal(&self) {
        let are_many = lock(&self.slots.0).n_unauthenticated() > MANY_UNAUTHENTICATED;
        if are_many {
            tokio::time::sleep(REFUSAL_DELAY).await;
        }
    }

    /// Waits until the connection is to end.
    pub(crate) async fn ended(&self) {
        self.end.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut table = lock(&self.slots.0);
        table.remove(self.network, self.number);
        table.authenticated.remove(&self.number);
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

    /// The socket is closed next, which says the same to the other side.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::ready;

    use super::*;

    const OWNERS: usize = 0;
    const VIEWERS: usize = 1;
    const MOST: &[usize] = &[100, 400];

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
    fn connections_without_a_secret_end_only_each_other_and_first_those_of_who_has_most() {
        let slots = ConnectionSlots::new(MOST);
        let max = lock(&slots.0).max_unauthenticated;
        let peer = |last: u8| IpAddr::from([10, 0, 0, last]);
        let is_ended = |slot: &ConnectionSlot| {
            let table = lock(&slots.0);
            let of_network = table.unauthenticated.get(&slot.network);
            let is_waiting = of_network.is_some_and(|of| of.contains_key(&slot.number));
            !is_waiting && !table.authenticated.contains_key(&slot.number)
        };
        let owner = slots.enter(peer(1));
        assert!(owner.promote(OWNERS) && owner.promote(OWNERS));
        let quiet = slots.enter(peer(2));
        let many: Vec<_> = (0..2 * max).map(|_| slots.enter(peer(1))).collect();
        assert!(!is_ended(&owner) && !is_ended(&quiet));
        assert!(is_ended(&many[0]) && !many[0].promote(VIEWERS));
        assert!(!is_ended(&many[2 * max - 1]));
        assert_eq!(lock(&slots.0).n_unauthenticated(), max);
        drop((many, quiet));
        let table = lock(&slots.0);
        assert!(table.unauthenticated.is_empty() && table.authenticated.len() == 1);
    }

    #[test]
    fn of_networks_with_as_many_the_oldest_connection_ends() {
        let slots = ConnectionSlots::new(MOST);
        let max = lock(&slots.0).max_unauthenticated;
        let entered: Vec<_> = (0..max)
            .map(|number| slots.enter(IpAddr::from([10, 0, (number / 256) as u8, number as u8])))
            .collect();
        let _last = slots.enter(IpAddr::from([10, 1, 0, 0]));
        let promoted = entered.iter().take(3).map(|slot| slot.promote(OWNERS));
        assert_eq!(promoted.collect::<Vec<_>>(), [false, true, true]);
    }

    #[test]
    fn viewers_leave_the_slots_of_owners_and_of_those_without_a_secret() {
        let slots = ConnectionSlots::new(MOST);
        let peer = IpAddr::from([10, 0, 0, 1]);
        let viewer = || {
            let slot = slots.enter(peer);
            assert!(slot.promote(VIEWERS));
            slot
        };
        let viewers: Vec<_> = (0..MOST[VIEWERS]).map(|_| viewer()).collect();
        let next = slots.enter(peer);
        assert!(!next.promote(VIEWERS) && next.promote(OWNERS));
        drop(viewers);
        assert!(slots.enter(peer).promote(VIEWERS));
    }

    #[test]
    fn a_refusal_waits_only_if_many_have_shown_no_secret() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let slots = ConnectionSlots::new(MOST);
        let enter = || slots.enter(IpAddr::from([10, 0, 0, 1]));
        let mut entered = vec![enter()];
        let refuse = |slot: &ConnectionSlot| {
            let begin = Instant::now();
            runtime.block_on(slot.delay_refusal());
            begin.elapsed()
        };
        assert!(refuse(&entered[0]) < REFUSAL_DELAY);
        entered.extend((0..MANY_UNAUTHENTICATED).map(|_| enter()));
        assert!(refuse(&entered[0]) >= REFUSAL_DELAY);
    }
}
