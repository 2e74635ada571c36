//! What the web servers of Gradus share: an address that is bound, the names by which a request may ask, secrets, and
//! connections with limits on the resources that clients can take.

mod address;
mod connections;
mod names;
mod response_headers;
mod secret;
mod serving;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use address::{BoundAddress, ReadyListener, ServerError};
pub use connections::{Connection, ConnectionSlot, ConnectionSlots};
pub use names::ServerNames;
pub use response_headers::{add_data_headers, add_page_headers};
pub use secret::{bearer_tokens, is_same, secret};
pub use serving::{ConnectionTimeouts, accept, serve_connection};

/// Locks a value that stays valid even if a thread panicked while it held the lock.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An address, and for one of IPv6 all with the same first half: whoever has one of them has all.
pub fn network_of(address: IpAddr) -> IpAddr {
    const NETWORK: u128 = !0 << 64;
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            Ipv6Addr::from_bits(address.to_bits() & NETWORK).into()
        }
        address => address,
    }
}
