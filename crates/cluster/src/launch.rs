//! The processes that were started together.

use std::env;
use std::sync::Arc;

use graph::ProcessGroup as _;

use crate::agreement::{Disagreement, Fact, agree};
use crate::peers::Peer;
use crate::system::{self, Connection};
use crate::traffic::MeasuredGroup;

/// What launchers tell the processes that they start: how many there are.
const SIZES: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"];

/// The processes that were started together, and this one's connection to them.
#[derive(Debug)]
pub struct Cluster {
    group: Arc<MeasuredGroup>,
    peers: Vec<Peer>,
    connection: Connection,
}

/// Why a process cannot join the others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The program was built without MPI.
    #[error(
        "{variable} says that {size} processes were started together, but this program is built without MPI: \
         `cargo install gradus-cli --features mpi` builds one that is; docs/cluster.md says what it needs"
    )]
    NotBuilt {
        /// The variable of the environment that says so.
        variable: &'static str,
        /// How many there are.
        size: usize,
    },
    /// The MPI library does not start.
    #[error("the MPI library was started before, or does not let one of several threads call it")]
    NotStarted,
}

impl Cluster {
    /// Joins the processes that a launcher such as `mpirun` has started; none if this is the only one.
    ///
    /// # Errors
    ///
    /// If there are others that cannot be reached.
    pub fn join() -> Result<Option<Self>, ClusterError> {
        let size = |variable| env::var(variable).ok()?.parse::<usize>().ok();
        let launched = SIZES.into_iter().find_map(|variable| Some((variable, size(variable)?)));
        let Some((variable, size)) = launched.filter(|(_, size)| *size > 1) else {
            return Ok(None);
        };
        let connection = Connection::open(variable, size)?;
        let group = Arc::new(MeasuredGroup::new(connection.group()));
        let peers = Peer::gather(&*group, connection.host());
        Ok(Some(Self { group, peers, connection }))
    }

    /// The processes as a group that trains together.
    pub fn group(&self) -> &Arc<MeasuredGroup> {
        &self.group
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.group.rank()
    }

    /// All processes, by rank.
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// How many processes may use the processors that this one may use.
    pub fn processes_of_processors(&self) -> usize {
        let own = &self.peers[self.rank()];
        self.peers.iter().filter(|peer| peer.shares_processors(own)).count()
    }

    /// Returns what this process has found, if no process has failed and all facts are equal. All call it at the same place.
    ///
    /// # Errors
    ///
    /// The same for all processes; only that of rank 0 says what it is.
    pub fn agree<T>(
        &self,
        found: Result<T, String>,
        facts: impl FnOnce(&T) -> Vec<Fact>,
    ) -> Result<T, Disagreement> {
        agree(&*self.group, &self.peers, found, facts)
    }

    /// Waits until all processes leave, without keeping a processor busy.
    pub fn leave(self) {
        self.connection.wait_for_all();
    }

    /// Ends all processes at once, those that wait for this one as well.
    pub fn abort(code: u8) -> ! {
        system::abort(code)
    }
}
