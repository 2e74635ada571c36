//! The server: one thread, an address of this machine, and limits on the resources that clients can take.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use futures_util::future;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::OpenData;
use crate::api::{self, Timeouts};
use crate::connections::{Connection, ConnectionSlots, WriteTimeout};
use crate::engine::{Endpoint, MAX_BEGUN};
use crate::guard::Guard;
use crate::library::Library;
use crate::live::LiveRun;
use crate::share::READING_THREADS;
use crate::upload::Uploads;
use crate::visitor::Access;

/// The port that is tried first.
const PORT: u16 = 7700;
/// Ports after it that are tried.
const MORE_PORTS: u16 = 100;
/// Threads that receive a file and begin to train on it.
const UPLOADING_THREADS: usize = 2;
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
    /// What pages can ask the engine.
    pub endpoints: Vec<Box<dyn Endpoint>>,
    /// What becomes of data that the owner drops on a page; without it none is taken.
    pub uploads: Option<Uploads>,
    /// How long the server waits.
    pub timeouts: Timeouts,
    /// Names of this server besides those of this machine: that of a proxy in front of it, say.
    pub allowed_hosts: Vec<String>,
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
    /// The name or address, and the port, in links.
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
        let Some(text) = address.map(str::trim) else {
            let listener = match listen(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT))) {
                Err(StudioError::InUse { address, free }) => {
                    listen(SocketAddr::new(address.ip(), free.unwrap_or(0)))
                }
                other => other,
            };
            return Ok(Self { listener: listener?, name: None });
        };
        let whole = match text.strip_prefix(':').unwrap_or(text) {
            port if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
            whole if whole.to_socket_addrs().is_ok() => whole.to_owned(),
            host => format!("{host}:{PORT}"),
        };
        let address = whole.to_socket_addrs().ok().and_then(|mut found| found.next());
        let listener = listen(address.ok_or_else(|| StudioError::Address { found: text.into() })?)?;
        let host = whole.rsplit_once(':').map_or(&*whole, |(host, _)| host);
        let is_name = host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
        Ok(Self { listener, name: is_name.then(|| host.to_owned()) })
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
        let reachable = match (address.ip().is_unspecified(), address) {
            (false, _) => address.ip(),
            // Without a network only this machine can connect.
            (true, SocketAddr::V4(_)) => own_address().unwrap_or(Ipv4Addr::LOCALHOST.into()),
            (true, SocketAddr::V6(_)) => own_address().unwrap_or(Ipv6Addr::LOCALHOST.into()),
        };
        let port = address.port();
        let host = name.map_or_else(
            || SocketAddr::new(reachable, port).to_string(),
            |name| format!("{name}:{port}"),
        );
        let guard = Guard::new(port, &host, &options.allowed_hosts);
        let guard = guard.map_err(StudioError::Random)?;
        let library = Library::new(options.roots, options.live, options.open_data);
        let Options { endpoints, uploads, timeouts, .. } = options;
        let router = api::router(library, endpoints, uploads, guard.clone(), timeouts);
        listener.set_nonblocking(true).map_err(io)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("studio-worker")
            .max_blocking_threads(2 * READING_THREADS + MAX_BEGUN + UPLOADING_THREADS)
            .build()
            .map_err(io)?;
        let thread = std::thread::Builder::new().name("studio".into());
        let serving = thread.spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener that is set up");
                serve(listener, router, timeouts).await;
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

    /// A link for the browser that this program opens, whose command line other users of the machine can read: it counts
    /// once, for the user of this program.
    ///
    /// # Errors
    ///
    /// If the system has no random numbers.
    pub fn browser_link(&self) -> Result<String, StudioError> {
        let code = self.guard.new_code().map_err(StudioError::Random)?;
        Ok(format!("http://{}/?code={code}", self.host))
    }

    fn link_for(&self, access: Access) -> String {
        format!("http://{}/?token={}", self.host, self.guard.token(access))
    }
}

/// What to use instead of an address in use.
fn free_port(address: SocketAddr, free: Option<u16>) -> String {
    let free = free.map(|port| SocketAddr::new(address.ip(), port));
    free.map_or(String::new(), |free| format!("; --addr {free} is free"))
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener, StudioError> {
    std::net::TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => StudioError::InUse { address, free: next_free(address) },
        _ => StudioError::Io { address, source: error },
    })
}

fn next_free(taken: SocketAddr) -> Option<u16> {
    let mut ports = taken.port().checked_add(1)?..=taken.port().saturating_add(MORE_PORTS);
    ports.find(|&port| std::net::TcpListener::bind((taken.ip(), port)).is_ok())
}

/// The address of this machine in its network. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: it only selects the network interface.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

async fn serve(listener: TcpListener, router: Router, timeouts: Timeouts) {
    let slots = ConnectionSlots::new();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(local) = stream.local_addr() else { continue };
                let slot = Arc::new(slots.enter(peer.ip()));
                let connection = Connection { local, peer, slot };
                tokio::spawn(serve_connection(stream, connection, router.clone(), timeouts));
            }
            // For example too many open files: that passes.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Serves a connection until either side ends it, or others need its slot.
async fn serve_connection(
    stream: TcpStream,
    connection: Connection,
    router: Router,
    timeouts: Timeouts,
) {
    // Events are small and must not be delayed.
    let _ = stream.set_nodelay(true);
    let slot = Arc::clone(&connection.slot);
    let routes = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        routes.call(request)
    });
    // An error of a client ends only its own connection.
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeouts.head)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(WriteTimeout::new(stream, timeouts.answer)), service);
    let _ = future::select(served, Box::pin(slot.ended())).await;
}
