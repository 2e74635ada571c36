//! A group over MPI.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{process, thread};

use graph::ProcessGroup;
use mpi::collective::CommunicatorCollectives as _;
use mpi::datatype::PartitionMut;
use mpi::environment::{Universe, processor_name};
use mpi::point_to_point::{Destination as _, MatchedReceiveVec as _, Source as _};
use mpi::topology::{Communicator as _, SimpleCommunicator};
use mpi::{Count, Threading};

use crate::launch::ClusterError;
use crate::messages::{Mailbox, split_parts};

/// Bytes of a message at most: MPI counts them by a number of 32 bits.
const MOST_BYTES: usize = 1 << 30;
/// Bytes of all parts that the library collects in the least time.
const SMALL: usize = 1 << 13;

/// The MPI library, which is ended when this is dropped.
pub(crate) struct MpiLibrary {
    _universe: Universe,
}

impl std::fmt::Debug for MpiLibrary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MpiLibrary").finish_non_exhaustive()
    }
}

impl MpiLibrary {
    pub(crate) fn open(variable: &'static str, expected: usize) -> Result<Self, ClusterError> {
        let started = mpi::initialize_with_threading(Threading::Serialized);
        let (universe, given) = started.ok_or(ClusterError::NotStarted)?;
        if given < Threading::Serialized {
            return Err(ClusterError::NotStarted);
        }
        let found = SimpleCommunicator::world().size() as usize;
        if found != expected {
            return Err(ClusterError::OtherLauncher { variable, expected, found });
        }
        Ok(Self { _universe: universe })
    }

    pub(crate) fn group(&self) -> Arc<dyn ProcessGroup> {
        let world = SimpleCommunicator::world();
        let [rank, size] = [world.rank(), world.size()].map(|n| n as usize);
        Arc::new(MpiGroup { rank, size, calling: Mutex::new(()) })
    }

    pub(crate) fn mailbox(&self) -> Arc<dyn Mailbox> {
        Arc::new(MpiMailbox)
    }

    pub(crate) fn host(&self) -> String {
        processor_name().unwrap_or_else(|_| "unknown".into())
    }

    /// A process that waits in the MPI library keeps a processor busy, so this one asks now and then.
    pub(crate) fn wait_for_all(&self) {
        const PERIOD: Duration = Duration::from_millis(5);
        let mut request = SimpleCommunicator::world().immediate_barrier();
        while let Err(waiting) = request.test() {
            request = waiting;
            thread::sleep(PERIOD);
        }
    }
}

/// The messages of MPI between two processes.
#[derive(Debug)]
struct MpiMailbox;

impl Mailbox for MpiMailbox {
    fn send(&self, to: usize, message: &[u8]) {
        SimpleCommunicator::world().process_at_rank(to as i32).send(message);
    }

    fn receive(&self) -> Option<(usize, Vec<u8>)> {
        let world = SimpleCommunicator::world();
        let probed = world.any_process().immediate_matched_probe()?;
        let (bytes, status) = probed.matched_receive_vec();
        Some((status.source_rank() as usize, bytes))
    }
}

impl Drop for MpiLibrary {
    /// The library waits for all processes when it is ended, and they may wait for one that has panicked.
    fn drop(&mut self) {
        if thread::panicking() {
            process::abort();
        }
    }
}

#[derive(Debug)]
struct MpiGroup {
    rank: usize,
    size: usize,
    /// The library is asked by one thread at a time.
    calling: Mutex<()>,
}

impl MpiGroup {
    /// Collects small parts by the library, which takes few rounds for many processes.
    fn gather_small(&self, all: &mut [u8], parts: &[Range<usize>]) {
        let own = all[parts[self.rank].clone()].to_vec();
        let count = |n: usize| Count::try_from(n).expect("at most SMALL bytes");
        let counts: Vec<Count> = parts.iter().map(|part| count(part.len())).collect();
        let starts: Vec<Count> = parts.iter().map(|part| count(part.start)).collect();
        let mut received = PartitionMut::new(all, counts, starts);
        SimpleCommunicator::world().all_gather_varcount_into(&own[..], &mut received);
    }

    /// Sends and receives between this process and others, by rank, all at the same time and without copies of its own.
    fn exchange<'v>(
        &self,
        sent: impl Iterator<Item = (usize, &'v [u8])>,
        received: impl Iterator<Item = (usize, &'v mut [u8])>,
    ) {
        let world = SimpleCommunicator::world();
        mpi::request::scope(|scope| {
            let process = |rank: usize| world.process_at_rank(rank as i32);
            // Both sides cut a message at the same places, and messages between two processes stay in order.
            let mut requests = Vec::new();
            for (rank, part) in received {
                let pieces = part.chunks_mut(MOST_BYTES);
                requests
                    .extend(pieces.map(|piece| process(rank).immediate_receive_into(scope, piece)));
            }
            let mut sending = Vec::new();
            for (rank, part) in sent {
                let pieces = part.chunks(MOST_BYTES);
                sending.extend(pieces.map(|piece| process(rank).immediate_send(scope, piece)));
            }
            for request in requests {
                request.wait();
            }
            for request in sending {
                request.wait();
            }
        });
    }
}

impl ProcessGroup for MpiGroup {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.size
    }

    fn all_gather_bytes(&self, all: &mut [u8], parts: &[Range<usize>]) {
        let _calling = self.calling.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= SMALL {
            return self.gather_small(all, parts);
        }
        let (own, others): (Vec<_>, Vec<_>) =
            split_parts(all, parts).into_iter().partition(|(rank, _)| *rank == self.rank);
        let own: &[u8] = own.into_iter().next().map_or(&[], |(_, part)| part);
        let to = (0..self.size).filter(|&rank| rank != self.rank);
        self.exchange(to.map(|rank| (rank, own)), others.into_iter());
    }

    fn all_to_all_bytes(
        &self,
        send: &[u8],
        to: &[Range<usize>],
        received: &mut [u8],
        from: &[Range<usize>],
    ) {
        let _calling = self.calling.lock().unwrap_or_else(PoisonError::into_inner);
        received[from[self.rank].clone()].copy_from_slice(&send[to[self.rank].clone()]);
        let sent = to.iter().enumerate().filter(|(rank, _)| *rank != self.rank);
        let sent = sent.map(|(rank, part)| (rank, &send[part.clone()]));
        let received = split_parts(received, from).into_iter();
        self.exchange(sent, received.filter(|(rank, _)| *rank != self.rank));
    }
}
