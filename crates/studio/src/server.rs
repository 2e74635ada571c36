//! The server: one thread, an address of this machine, and limits on the resources that clients can take.

use std::future;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use web::{
    BoundAddress, ConnectionSlots, ConnectionTimeouts, ReadyListener, ServerError, ServerNames,
};

use crate::OpenData;
use crate::api::{self, Timeouts};
use crate::engine::{Endpoint, MAX_BEGUN};
use crate::guard::Guard;
use crate::library::Library;
use crate::live::LiveRun;
use crate::share::READING_THREADS;
use crate::upload::Uploads;
use crate::visitor::Access;

/// The port that is tried first.
pub const PORT: u16 = 7700;
/// Threads that receive a file and begin to train on it.
const UPLOADING_THREADS: usize = 2;
/// Connections of owners, and of viewers, more than a class has: in the order of [`Access`].
const MOST_CONNECTIONS: &[usize] = &[100, 400];

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

/// A server that runs until the process ends.
#[derive(Debug)]
pub struct Studio {
    address: SocketAddr,
    /// The name or address, and the port, in links.
    host: String,
    guard: Guard,
}

impl Studio {
    /// Serves at an address, on a thread of its own.
    ///
    /// # Errors
    ///
    /// If the system has no thread or no random numbers.
    pub fn serve(bound: BoundAddress, options: Options) -> Result<Self, ServerError> {
        let ReadyListener { listener, address, host } = bound.ready()?;
        let io = |source| ServerError::Io { address, source };
        let guard = Guard::new(ServerNames::new(address.port(), &host, &options.allowed_hosts))?;
        let library = Library::new(options.roots, options.live, options.open_data);
        let Options { endpoints, uploads, timeouts, .. } = options;
        let router = api::router(library, endpoints, uploads, guard.clone(), timeouts);
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
                serve_router(listener, router, timeouts).await;
            });
        });
        serving.map_err(io)?;
        Ok(Self { address, host, guard })
    }

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
    pub fn browser_link(&self) -> Result<String, ServerError> {
        let code = self.guard.new_code()?;
        Ok(format!("http://{}/?code={code}", self.host))
    }

    fn link_for(&self, access: Access) -> String {
        format!("http://{}/?token={}", self.host, self.guard.token(access))
    }
}

async fn serve_router(listener: TcpListener, router: Router, timeouts: Timeouts) {
    let slots = ConnectionSlots::new(MOST_CONNECTIONS);
    let timeouts = ConnectionTimeouts { head: timeouts.head, write: timeouts.answer };
    loop {
        let (stream, connection) = web::accept(&listener, &slots).await;
        let routes = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let of = connection.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(of.clone());
                routes.call(request)
            });
            let never = future::pending();
            web::serve_connection(stream, &connection, timeouts, service, never).await;
        });
    }
}
