//! Connections, each served until either side ends it or others need its slot.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{self, Either};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::HttpService;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use crate::connections::{Connection, ConnectionSlots, WriteTimeout};

/// Bytes buffered for a client that sends or reads slowly.
const BUFFER: usize = 1 << 16;

/// How long a connection waits for its client.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionTimeouts {
    /// For the head of a request, from the moment when the one before is answered.
    pub head: Duration,
    /// For a client to take something of what is written.
    pub write: Duration,
}

/// The next connection of a listener.
pub async fn accept(listener: &TcpListener, slots: &ConnectionSlots) -> (TcpStream, Connection) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                if let Some(connection) = slots.connection(&stream, peer) {
                    return (stream, connection);
                }
            }
            // For example too many open files: that passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Serves a connection until either side ends it, or others need its slot. When `stop` is done, the request that is being
/// answered is the last.
pub async fn serve_connection<S>(
    stream: TcpStream,
    connection: &Connection,
    timeouts: ConnectionTimeouts,
    service: S,
    stop: impl Future<Output = ()>,
) where
    S: HttpService<Incoming, Error = Infallible>,
    S::ResBody: 'static,
    <S::ResBody as Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Answers are small and must not be delayed.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(WriteTimeout::new(stream, timeouts.write));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(timeouts.head).max_buf_size(BUFFER);
    let mut served = pin!(builder.serve_connection(stream, service));
    let stop = pin!(stop);
    let ended = pin!(connection.slot.ended());
    // An error of a client ends only its own connection.
    let serving = async {
        if let Either::Right(((), _)) = future::select(served.as_mut(), stop).await {
            served.as_mut().graceful_shutdown();
            let _ = served.await;
        }
    };
    let _ = future::select(pin!(serving), ended).await;
}
