//! Processes, on one machine or several, that train together over MPI.
//!
//! The numbers that are trained do not depend on how many processes there are: see [`graph::ProcessGroup`]. MPI itself is the
//! feature `mpi`; all that needs only a group of processes is there, and tested, without it.

mod agreement;
mod launch;
mod messages;
mod peers;
mod shared_run;
mod sweep;
#[cfg_attr(feature = "mpi", path = "mpi.rs")]
#[cfg_attr(not(feature = "mpi"), path = "without_mpi.rs")]
mod system;
mod traffic;
mod watch;

pub use agreement::{Disagreement, ProcessFact};
pub use launch::{Cluster, ClusterError};
pub use messages::Mailbox;
pub use peers::ProcessPeer;
pub use shared_run::SharedRun;
pub use sweep::{RemoteHelpers, help};
pub use traffic::{MeasuredGroup, Traffic};
pub use watch::{Death, Watch};
