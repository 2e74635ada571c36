//! The time that each node takes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kernels::Float;

use crate::graph::{Graph, NodeId};

/// Time spent on each node, summed over all runs with these times and all their threads.
///
/// Reading the clock costs some tens of nanoseconds for each node and tile.
#[derive(Debug)]
pub struct Times {
    /// Nanoseconds, forward and backward.
    nodes: Vec<[AtomicU64; 2]>,
}

/// The direction of a pass through a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From operands to result.
    Forward = 0,
    /// From the gradient of the result to those of the operands.
    Backward = 1,
}

impl Times {
    /// No time yet, for the nodes of `graph`.
    pub fn new<T: Float>(graph: &Graph<T>) -> Self {
        Self { nodes: graph.nodes().map(|_| Default::default()).collect() }
    }

    /// The time spent on a node. That of a parameter's backward pass goes into adding up its gradient.
    pub fn of(&self, id: NodeId, direction: Direction) -> Duration {
        Duration::from_nanos(self.nodes[id.index()][direction as usize].load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn count<R>(
        times: Option<&Self>,
        node: usize,
        direction: Direction,
        work: impl FnOnce() -> R,
    ) -> R {
        let Some(times) = times else { return work() };
        let begin = Instant::now();
        let result = work();
        let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        times.nodes[node][direction as usize].fetch_add(nanos, Ordering::Relaxed);
        result
    }
}
