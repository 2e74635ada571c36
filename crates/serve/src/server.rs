//! The server: its threads, and how it stops.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::future::{self, Either};
use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use web::{
    BoundAddress, Connection, ConnectionSlots, ConnectionTimeouts, ReadyListener, ServerError,
    ServerNames,
};

use crate::access::{Token, TokenRules};
use crate::limits::{GRACE, MOST_CONNECTIONS, READING_THREADS, ServeLimits};
use crate::models::{ModelPath, ModelSet, ReadModel, Reload};
use crate::routes::ServerState;

/// The port that is tried first.
pub const PORT: u16 = 7800;
/// How often it is looked whether a model was replaced.
const RELOAD_PERIOD: Duration = Duration::from_secs(1);

/// What to serve.
pub struct ServeOptions {
    /// The models, of which there is at least one.
    pub models: Vec<ModelPath>,
    /// Reads each of them.
    pub read: ReadModel,
    /// What requests have to carry.
    pub token: Token,
    /// Names of this server besides those of this machine.
    pub allowed_hosts: Vec<String>,
    /// The resources that clients can take.
    pub limits: ServeLimits,
    /// Threads that predict: one or more.
    pub threads: usize,
    /// Told when a model was replaced, or its file cannot be read.
    pub report: Box<dyn Fn(String) + Send>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// A model cannot be served.
    #[error("{0}")]
    Model(String),
    /// The address cannot be served.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// A server that answers until it is stopped or dropped.
///
/// # Examples
///
/// ```no_run
/// use gradus_serve::{BoundAddress, ServeLimits, ModelPath, ServeOptions, PORT, PredictionServer, Token};
/// use runs::SavedModel;
///
/// let options = ServeOptions {
///     models: vec![ModelPath::parse("runs/iris-1")?],
///     read: Box::new(|path| SavedModel::read(path).map_err(|error| error.to_string())),
///     token: Token::New,
///     allowed_hosts: Vec::new(),
///     limits: ServeLimits::default(),
///     threads: 1,
///     report: Box::new(|what| eprintln!("{what}")),
/// };
/// let server = PredictionServer::start(BoundAddress::bind(None, PORT)?, options)?;
/// println!("{}", server.link());
/// std::thread::park();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct PredictionServer {
    address: SocketAddr,
    link: String,
    stop: oneshot::Sender<()>,
    connections: JoinHandle<()>,
    workers: Workers,
}

/// The threads that predict, and the one that reads models.
struct Workers {
    state: Arc<ServerState>,
    predicting: Vec<JoinHandle<()>>,
    /// The thread that reads models ends when this is dropped.
    is_running: std::sync::mpsc::Sender<()>,
    reloading: JoinHandle<()>,
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").field("predicting", &self.predicting).finish_non_exhaustive()
    }
}

impl PredictionServer {
    /// Reads the models and serves them at an address, on threads of its own.
    ///
    /// # Errors
    ///
    /// If a model cannot be read, or the system has no thread or no random numbers.
    pub fn start(bound: BoundAddress, options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { models, read, token, allowed_hosts, limits, threads, report } = options;
        let threads = threads.max(1);
        let limits = ServeLimits { max_batch: limits.max_batch.max(1), ..limits };
        let models = ModelSet::open(models, read, limits.max_batch, threads);
        let models = models.map_err(ServeError::Model)?;
        let ReadyListener { listener, address, host } = bound.ready()?;
        let rules =
            TokenRules::new(ServerNames::new(address.port(), &host, &allowed_hosts), token)?;
        let link = match rules.token() {
            Some(token) => format!("http://{host}/#token={token}"),
            None => format!("http://{host}/"),
        };
        let state = Arc::new(ServerState::new(models, rules, limits));
        let io = |source| ServerError::Io { address, source };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("serve-reader")
            .max_blocking_threads(READING_THREADS)
            .build()
            .map_err(io)?;
        let workers = Workers::start(Arc::clone(&state), threads, report).map_err(io)?;
        let (stop, stopped) = oneshot::channel();
        let serving = move || run(&runtime, listener, state, stopped);
        let connections = thread::Builder::new().name("serve".into()).spawn(serving).map_err(io)?;
        Ok(Self { address, link, stop, connections, workers })
    }

    /// The address that is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The page, with the token behind `#`, which browsers do not send.
    pub fn link(&self) -> &str {
        &self.link
    }

    /// What requests have to carry, if anything.
    pub fn token(&self) -> Option<&str> {
        self.workers.state.rules.token()
    }

    /// Stops: accepts no more connections, answers what was asked, and ends all threads.
    pub fn stop(self) {
        let Self { stop, connections, workers, .. } = self;
        // A thread that has ended needs no message.
        let _ = stop.send(());
        let _ = connections.join();
        workers.stop();
    }
}

impl Workers {
    fn start(
        state: Arc<ServerState>,
        threads: usize,
        report: Box<dyn Fn(String) + Send>,
    ) -> std::io::Result<Self> {
        let predicting = (0..threads).map(|_| {
            let state = Arc::clone(&state);
            let predict = move || state.queue.run(&state.metrics);
            thread::Builder::new().name("predict".into()).spawn(predict)
        });
        let predicting = predicting.collect::<Result<_, _>>()?;
        let (is_running, ending) = std::sync::mpsc::channel();
        let reload = {
            let state = Arc::clone(&state);
            move || {
                while ending.recv_timeout(RELOAD_PERIOD) == Err(RecvTimeoutError::Timeout) {
                    state.models.reload(|reload| {
                        state.metrics.count_reload(reload.name, reload.result.is_ok());
                        report(said_of(&reload));
                    });
                }
            }
        };
        let reloading = thread::Builder::new().name("reload".into()).spawn(reload)?;
        Ok(Self { state, predicting, is_running, reloading })
    }

    fn stop(self) {
        let Self { state, predicting, is_running, reloading } = self;
        drop(is_running);
        state.queue.close();
        for thread in predicting.into_iter().chain([reloading]) {
            let _ = thread.join();
        }
    }
}

fn said_of(reload: &Reload<'_>) -> String {
    let Reload { name, path, result } = reload;
    match result {
        Ok(()) => format!("{name}: {} was replaced and is served now", path.display()),
        Err(why) => format!(
            "{name}: the replaced file cannot be served, the model before it still is: {why}"
        ),
    }
}

fn run(
    runtime: &Runtime,
    listener: std::net::TcpListener,
    state: Arc<ServerState>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listener that is set up");
        serve(listener, state, async { drop(stopped.await) }).await;
    });
}

/// Serves connections until `stop`, and then those that are there to their end.
async fn serve(listener: TcpListener, state: Arc<ServerState>, stop: impl Future<Output = ()>) {
    let slots = ConnectionSlots::new(MOST_CONNECTIONS);
    let (end, ending) = watch::channel(false);
    // Closed when the last connection has dropped its end.
    let (open, mut all) = mpsc::channel::<Infallible>(1);
    let spawn = |stream, connection| {
        let (state, mut ending, open) = (Arc::clone(&state), ending.clone(), open.clone());
        tokio::spawn(async move {
            let ending = async { drop(ending.wait_for(|is_ending| *is_ending).await) };
            serve_connection(stream, &connection, &state, ending).await;
            drop(open);
        });
    };
    let mut stop = pin!(stop);
    loop {
        let accepting = pin!(web::accept(&listener, &slots));
        match future::select(accepting, stop.as_mut()).await {
            Either::Left(((stream, connection), _)) => spawn(stream, connection),
            Either::Right(_) => break,
        }
    }
    state.is_stopping.store(true, Ordering::Relaxed);
    // Connections that the system has made already.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            let Ok(stream) = stream else { continue };
            if let Some(connection) = slots.connection(&stream, peer) {
                spawn(stream, connection);
            }
        }
    }
    sleep(GRACE).await;
    let _ = end.send(true);
    drop(open);
    let _ = timeout(state.limits.stop, all.recv()).await;
}

async fn serve_connection(
    stream: TcpStream,
    connection: &Connection,
    state: &Arc<ServerState>,
    ending: impl Future<Output = ()>,
) {
    let ServeLimits { head, answer, .. } = state.limits;
    let timeouts = ConnectionTimeouts { head, write: answer };
    let service = service_fn(|request: Request<Incoming>| async move {
        Ok(state.answer(connection, request).await)
    });
    web::serve_connection(stream, connection, timeouts, service, ending).await;
}
