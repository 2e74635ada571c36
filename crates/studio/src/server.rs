//! The server: one thread, an address of this machine, and limits on what strangers can take from it.

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
use crate::api;
use crate::guard::{Access, Guard, LocalAddress};
use crate::library::Library;
use crate::live::LiveRun;

/// The port that is tried first if none is asked for.
const PORT: u16 = 7700;
/// Ports after it that are tried.
const MORE_PORTS: u16 = 100;
/// Connections at a time; more wait.
const MOST_CONNECTIONS: usize = 512;
/// How long a client may take to say what it wants.
const HEADER_TIME: Duration = Duration::from_secs(10);
/// Bytes that are kept for a client that sends or reads slowly.
const BUFFER: usize = 1 << 16;

/// What to serve.
#[derive(Debug)]
pub struct Options {
    /// Run folders, and folders that have some in them.
    pub roots: Vec<PathBuf>,
    /// The run in progress in this process.
    pub live: Option<LiveRun>,
    /// Reads the data of an experiment.
    pub open_data: OpenData,
}

/// A place to serve at, which nobody else can take any more.
#[derive(Debug)]
pub struct BoundAddress {
    listener: std::net::TcpListener,
    /// The name that was asked for, if it was one.
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

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudioError {
    /// The text is not an address.
    #[error("{found}: expected an address of this machine and a port, such as 127.0.0.1:8000")]
    Address {
        /// The text.
        found: String,
    },
    /// Another program listens there.
    #[error("{address}: another program listens there{}", free_port(*address, *free))]
    InUse {
        /// The address.
        address: SocketAddr,
        /// The next free port.
        free: Option<u16>,
    },
    /// The address cannot be bound.
    #[error("{address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// There are no random numbers for the token.
    #[error("no random numbers for the token")]
    Random(#[source] getrandom::Error),
}

fn free_port(address: SocketAddr, free: Option<u16>) -> String {
    free.map_or(String::new(), |port| format!("; --addr {}:{port} is free", url_ip(address)))
}

impl BoundAddress {
    /// Takes an address of this machine and a port, such as `0.0.0.0:8000`, or one of the two; if none is given, one that
    /// only this machine can reach.
    ///
    /// # Errors
    ///
    /// If the address is not free or not of this machine.
    pub fn take(address: Option<&str>) -> Result<Self, StudioError> {
        match address {
            Some(text) => listen(text),
            None => Ok(Self { listener: listen_anywhere()?, name: None }),
        }
    }

    /// Begins to serve, on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the system has no thread or no random numbers for it.
    pub fn serve(self, options: Options) -> Result<Studio, StudioError> {
        let Self { listener, name } = self;
        let io = |error| StudioError::Io { address: SocketAddr::from(([0; 4], 0)), error };
        let address = listener.local_addr().map_err(io)?;
        let hosts: Vec<String> = name.into_iter().collect();
        let guard = Guard::new(address.port(), &hosts).map_err(StudioError::Random)?;
        let host = match hosts.into_iter().next() {
            Some(name) => name,
            None if address.ip().is_unspecified() => own_address().unwrap_or_else(|| {
                // Without a network nobody but this machine can come, and all addresses are none.
                let own = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
                own.to_owned()
            }),
            None => url_ip(address),
        };
        let library = Library::new(options.roots, options.live, options.open_data);
        let router = api::router(Arc::new(library), guard.clone());
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
                serve(listener, router).await;
            });
        });
        serving.map_err(io)?;
        Ok(Studio { address, host, guard })
    }
}

impl Studio {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The link for whoever started it. Who has it can steer the run.
    pub fn link(&self) -> String {
        self.link_for(Access::Owner)
    }

    /// A link that only shows, for others; none if others cannot reach this machine.
    pub fn viewer_link(&self) -> Option<String> {
        (!self.address.ip().is_loopback()).then(|| self.link_for(Access::Viewer))
    }

    fn link_for(&self, role: Access) -> String {
        format!("http://{}:{}/?token={}", self.host, self.address.port(), self.guard.token(role))
    }
}

/// The address as it stands in a link.
fn url_ip(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Listens at an address that was asked for.
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
        _ => StudioError::Io { address, error },
    })?;
    let host = whole.rsplit_once(':').map_or(&*whole, |(host, _)| host);
    let is_name = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_err();
    Ok(BoundAddress { listener, name: is_name.then(|| host.to_owned()) })
}

/// Listens at the first port that is free.
fn listen_anywhere() -> Result<std::net::TcpListener, StudioError> {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match std::net::TcpListener::bind(address) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            address.set_port(next_free(address).unwrap_or(0));
            std::net::TcpListener::bind(address)
        }
        other => other,
    }
    .map_err(|error| StudioError::Io { address, error })
}

fn next_free(taken: SocketAddr) -> Option<u16> {
    let ports = taken.port().checked_add(1)?..=taken.port().saturating_add(MORE_PORTS);
    ports.into_iter().find(|&port| std::net::TcpListener::bind((taken.ip(), port)).is_ok())
}

/// The address of this machine in its network. Nothing is sent for it.
fn own_address() -> Option<String> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address that is reserved for documents: it only decides through which card one would send.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(url_ip(socket.local_addr().ok()?))
}

async fn serve(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await.expect("never closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, router).await;
                    drop(permit);
                });
            }
            // Too many open files, for one: it passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, router: Router) {
    let Ok(address) = stream.local_addr() else { return };
    // Events are small and are to arrive at once.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(LocalAddress(address));
        let mut router = router.clone();
        async move {
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    // Whatever a client does wrong ends its own connection only.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
