//! The processes that were started together.

use std::env;
use std::sync::Arc;

use graph::ProcessGroup as _;

use crate::agreement::{Disagreement, ProcessFact, agree};
use crate::messages::{Mailbox, from_first};
use crate::peers::ProcessPeer;
use crate::system::MpiLibrary;
use crate::traffic::MeasuredGroup;

/// What launchers tell the processes that they start: how many there are. Slurm says it of all that it starts, so it counts
/// only where it has prepared MPI.
const SIZES: [(&str, Option<&str>); 3] = [
    ("OMPI_COMM_WORLD_SIZE", None),
    ("PMI_SIZE", None),
    ("SLURM_STEP_NUM_TASKS", Some("PMIX_RANK")),
];

/// The processes that were started together, and this one's connection to them.
#[derive(Debug)]
pub struct Cluster {
    group: Arc<MeasuredGroup>,
    peers: Vec<ProcessPeer>,
    connection: MpiLibrary,
}

/// Why a process cannot join the others.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// The program was built without MPI.
    #[error(
        "{variable} says that {size} processes were started together, but this program is built without MPI: \
         `cargo install --path crates/cli --features mpi` builds one that is; docs/cluster.md says what it needs"
    )]
    NotBuilt {
        /// The variable of the environment that says so.
        variable: &'static str,
        /// How many there are.
        size: usize,
    },
    /// The processes were started by the launcher of another MPI library.
    #[error(
        "{variable} says that {expected} processes were started together, but the MPI library of this program finds {found}: \
         start it with the launcher of the library that it was built with"
    )]
    OtherLauncher {
        /// The variable of the environment that says so.
        variable: &'static str,
        /// How many there are.
        expected: usize,
        /// How many the library knows.
        found: usize,
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
        let Some((variable, size)) = launched(|name| env::var(name).ok()) else { return Ok(None) };
        let connection = MpiLibrary::open(variable, size)?;
        let group = Arc::new(MeasuredGroup::new(connection.group()));
        let peers = ProcessPeer::gather(&*group, connection.host());
        Ok(Some(Self { group, peers, connection }))
    }

    /// The processes as a group that trains together.
    pub fn group(&self) -> &Arc<MeasuredGroup> {
        &self.group
    }

    /// What the process of rank 0 has, for all of them. The others call it with anything.
    pub fn from_first(&self, own: &str) -> String {
        from_first(&*self.group, own)
    }

    /// Messages between two of them.
    pub fn mailbox(&self) -> Arc<dyn Mailbox> {
        self.connection.mailbox()
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.group.rank()
    }

    /// All processes, by rank.
    pub fn peers(&self) -> &[ProcessPeer] {
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
        facts: impl FnOnce(&T) -> Vec<ProcessFact>,
    ) -> Result<T, Disagreement> {
        agree(&*self.group, &self.peers, found, facts)
    }

    /// Waits until all processes call it, without keeping a processor busy.
    pub fn wait_for_all(&self) {
        self.connection.wait_for_all();
    }
}

/// The variable that says how many processes were started together, and how many, if this is not the only one.
fn launched(variable: impl Fn(&str) -> Option<String>) -> Option<(&'static str, usize)> {
    let known =
        SIZES.into_iter().filter(|(_, other)| other.is_none_or(|other| variable(other).is_some()));
    let mut sizes = known.filter_map(|(name, _)| Some((name, variable(name)?.parse().ok()?)));
    sizes.next().filter(|(_, size)| *size > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_are_known_by_what_they_tell() {
        let cases: [(&[(&str, &str)], _); 6] = [
            (&[], None),
            (&[("OMPI_COMM_WORLD_SIZE", "4")], Some(("OMPI_COMM_WORLD_SIZE", 4))),
            (&[("OMPI_COMM_WORLD_SIZE", "1")], None),
            (&[("PMI_SIZE", "2")], Some(("PMI_SIZE", 2))),
            (&[("SLURM_STEP_NUM_TASKS", "3")], None),
            (
                &[("SLURM_STEP_NUM_TASKS", "3"), ("PMIX_RANK", "0")],
                Some(("SLURM_STEP_NUM_TASKS", 3)),
            ),
        ];
        for (variables, expected) in cases {
            let variable = |name: &str| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(launched(variable), expected, "{variables:?}");
        }
    }
}
