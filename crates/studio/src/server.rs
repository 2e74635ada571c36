//! The server: one thread, an address of this machine, and limits on the resources that clients can take.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;

use crate::OpenData;
use crate::api::{self, Timeouts};
use crate::guard::{Access, Guard, LocalAddress};
use crate::library::Library;
use crate::live::LiveRun;

/// The port that is tried first.
const PORT: u16 = 7700;
/// Ports after it that are tried.
const MORE_PORTS: u16 = 100;
/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 512;
/// Bytes buffered for a client that sends or reads slowly.
const BUFFER: usize = 1 << 16;

/// What to serve.
#[derive(Debug)]
pub struct Options {
    /// Run folders, and folders that contain some.
    pub roots: Vec<PathBuf>,
    /// The run that this process trains.
    pub live: Option<LiveRun>,
    /// Reads the data of an experiment.
    pub open_data: OpenData,
    /// How long the server waits.
    pub timeouts: Timeouts,
}

/// An address of this machine that is bound, so that no other program can take it.
#[derive(Debug)]
pub struct BoundAddress {
    listener: std::net::TcpListener,
    /// The host name that was given, if it was not a number.
    name: Option<String>,
}

/// A server that runs until the process ends.
#[derive(Debug)]
pub struct Studio {
    address: SocketAddr,
    /// The name in links.
    host: String,
    guard: Guard,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// The address is malformed or not one of this machine.
    #[error("{found}: expected an address of this machine and a port, such as 127.0.0.1:8000")]
    Address {
        /// What was given.
        found: String,
    },
    /// Another program listens at the address.
    #[error("{address}: another program listens there{}", free_port(*address, *free))]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The next free port.
        free: Option<u16>,
    },
    /// The address cannot be served.
    #[error("{address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system has no random numbers for the token.
    #[error("no random numbers for the token")]
    Random(#[source] getrandom::Error),
}

impl BoundAddress {
    /// Binds an address and a port, such as `0.0.0.0:8000`, or one of the two; without `address`, a loopback address.
    ///
    /// # Errors
    ///
    /// If the address is in use or not one of this machine.
    pub fn bind(address: Option<&str>) -> Result<Self, StudioError> {
        match address {
            Some(text) => listen(text),
            None => Ok(Self { listener: listen_anywhere()?, name: None }),
        }
    }

    /// Serves on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the system has no thread or no random numbers.
    pub fn serve(self, options: Options) -> Result<Studio, StudioError> {
        let Self { listener, name } = self;
        let io = |source| StudioError::Io { address: SocketAddr::from(([0; 4], 0)), source };
        let address = listener.local_addr().map_err(io)?;
        let hosts: Vec<String> = name.into_iter().collect();
        let guard = Guard::new(address.port(), &hosts).map_err(StudioError::Random)?;
        let host = match hosts.into_iter().next() {
            Some(name) => name,
            None if address.ip().is_unspecified() => own_address().unwrap_or_else(|| {
                // Without a network only this machine can connect.
                let own = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
                own.to_owned()
            }),
            None => url_ip(address),
        };
        let library = Library::new(options.roots, options.live, options.open_data);
        let router = api::router(Arc::new(library), guard.clone(), options.timeouts);
        listener.set_nonblocking(true).map_err(io)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(4)
            .build()
            .map_err(io)?;
        let thread = std::thread::Builder::new().name("studio".into());
        let serving = thread.spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener that is set up");
                serve(listener, router, options.timeouts.head).await;
            });
        });
        serving.map_err(io)?;
        Ok(Studio { address, host, guard })
    }
}

impl Studio {
    /// The address that is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The link for the owner, with which the run can be controlled.
    pub fn link(&self) -> String {
        self.link_for(Access::Owner)
    }

    /// A read-only link; `None` if other machines cannot connect.
    pub fn viewer_link(&self) -> Option<String> {
        (!self.address.ip().is_loopback()).then(|| self.link_for(Access::Viewer))
    }

    fn link_for(&self, access: Access) -> String {
        format!("http://{}:{}/?token={}", self.host, self.address.port(), self.guard.token(access))
    }
}

/// The address as it is written in a link.
fn url_ip(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// What to use instead of an address in use.
fn free_port(address: SocketAddr, free: Option<u16>) -> String {
    free.map_or(String::new(), |port| format!("; --addr {}:{port} is free", url_ip(address)))
}

/// Binds the given address.
fn listen(text: &str) -> Result<BoundAddress, StudioError> {
    let wrong = || StudioError::Address { found: text.to_owned() };
    let whole = match text.trim().strip_prefix(':').unwrap_or(text.trim()) {
        port if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
        whole if whole.to_socket_addrs().is_ok() => whole.to_owned(),
        host => format!("{host}:{PORT}"),
    };
    let address = whole.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)?;
    let listener = std::net::TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StudioError::InUse { address, free: next_free(address) },
        _ => StudioError::Io { address, source: error },
    })?;
    let host = whole.rsplit_once(':').map_or(&*whole, |(host, _)| host);
    let is_name = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err();
    Ok(BoundAddress { listener, name: is_name.then(|| host.to_owned()) })
}

/// Binds the first free port.
fn listen_anywhere() -> Result<std::net::TcpListener, StudioError> {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match std::net::TcpListener::bind(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            address.set_port(next_free(address).unwrap_or(0));
            std::net::TcpListener::bind(address)
        }
        other => other,
    }
    .map_err(|error| StudioError::Io { address, source: error })
}

fn next_free(taken: SocketAddr) -> Option<u16> {
    let ports = taken.port().checked_add(1)?..=taken.port().saturating_add(MORE_PORTS);
    ports.into_iter().find(|&port| std::net::TcpListener::bind((taken.ip(), port)).is_ok())
}

/// The address of this machine in its network. Nothing is sent.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: it only selects the network interface.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(url_ip(socket.local_addr().ok()?))
}

async fn serve(listener: TcpListener, router: Router, head: Duration) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, router, head).await;
                    drop(permit);
                });
            }
            // For example too many open files: that passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router, head: Duration) {
    let Ok(address) = stream.local_addr() else { return };
    // Events are small and must not be delayed.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(LocalAddress(address));
        let mut router = router.clone();
        async move {
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    // An error of a client ends only its own connection.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
