//! The address of a server.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};

/// Ports after the first that are tried.
const MORE_PORTS: u16 = 100;

/// An address of this machine that is bound, so that no other program can take it.
#[derive(Debug)]
pub struct BoundAddress {
    listener: TcpListener,
    /// The host name that was given, if it was not a number.
    name: Option<String>,
}

/// A bound address that is ready to accept connections.
#[derive(Debug)]
pub struct ReadyListener {
    /// Does not block.
    pub listener: TcpListener,
    /// The address that is bound.
    pub address: SocketAddr,
    /// The name or address, and the port, in links.
    pub host: String,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
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
    /// Binds an address and a port, such as `0.0.0.0:8000`, or one of the two: a port alone is one of a loopback address, an
    /// address alone has `port`. Without `address`, `port` of a loopback address or one of the next that is free.
    ///
    /// # Errors
    ///
    /// If the address is in use or not one of this machine.
    pub fn bind(address: Option<&str>, port: u16) -> Result<Self, ServerError> {
        let Some(text) = address.map(str::trim) else {
            let listener = match listen(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) {
                Err(ServerError::InUse { address, free }) => {
                    listen(SocketAddr::new(address.ip(), free.unwrap_or(0)))
                }
                other => other,
            };
            return Ok(Self { listener: listener?, name: None });
        };
        let whole = match text.strip_prefix(':').unwrap_or(text) {
            port if port.parse::<u16>().is_ok() => format!("127.0.0.1:{port}"),
            whole if whole.to_socket_addrs().is_ok() => whole.to_owned(),
            host => format!("{host}:{port}"),
        };
        let address = whole.to_socket_addrs().ok().and_then(|mut found| found.next());
        let listener = listen(address.ok_or_else(|| ServerError::Address { found: text.into() })?)?;
        let host = whole.rsplit_once(':').map_or(&*whole, |(host, _)| host);
        let is_name = host.trim_matches(['[', ']']).parse::<IpAddr>().is_err();
        Ok(Self { listener, name: is_name.then(|| host.to_owned()) })
    }

    /// Makes it ready to accept connections.
    ///
    /// # Errors
    ///
    /// What the system reports.
    pub fn ready(self) -> Result<ReadyListener, ServerError> {
        let Self { listener, name } = self;
        let address = listener.local_addr().map_err(io_error)?;
        listener.set_nonblocking(true).map_err(io_error)?;
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
        Ok(ReadyListener { listener, address, host })
    }
}

/// An error of the system before the address is known.
fn io_error(source: io::Error) -> ServerError {
    ServerError::Io { address: SocketAddr::from(([0; 4], 0)), source }
}

/// What to use instead of an address in use.
fn free_port(address: SocketAddr, free: Option<u16>) -> String {
    let free = free.map(|port| SocketAddr::new(address.ip(), port));
    free.map_or(String::new(), |free| format!("; --addr {free} is free"))
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ServerError::InUse { address, free: next_free(address) },
        _ => ServerError::Io { address, source: error },
    })
}

fn next_free(taken: SocketAddr) -> Option<u16> {
    let mut ports = taken.port().checked_add(1)?..=taken.port().saturating_add(MORE_PORTS);
    ports.find(|&port| TcpListener::bind((taken.ip(), port)).is_ok())
}

/// The address of this machine in its network. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address reserved for documentation: it only selects the network interface.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
