//! `cargo xtask bench-serve` and `cargo xtask serve-test`: predictions over HTTP, measured beside another server, and disturbed.

mod bench;
mod disturb;
mod models;
mod served;

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;

pub(crate) use bench::{BenchServeArgs, bench};
pub(crate) use disturb::{ServeTestArgs, disturb};

/// Where the other server is.
const FOLDER: &str = "xtask/src/serving";
/// A server is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// What requests carry.
const TOKEN: &str = "a-token-of-the-repository-tasks";

/// Waits until something listens at an address.
fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    let begin = Instant::now();
    while TcpStream::connect(address).is_err() {
        ensure!(begin.elapsed() < PATIENCE, "{address}: nothing listens");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
