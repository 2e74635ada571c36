//! How to compile a graph, and what a run needs from outside.

use std::sync::LazyLock;

use kernels::gemm::PackedMatrix;
use kernels::{Float, Pool};

use super::input_source::{InputSource, Tensors};
use super::times::Times;
use crate::graph::NodeId;

/// How to compile a graph.
#[derive(Clone, Debug)]
pub struct Compile {
    /// Samples in a batch.
    pub batch: usize,
    /// The number whose gradients are computed; none for a forward pass only.
    pub loss: Option<NodeId>,
    /// Nodes whose values can be read after a run.
    pub keep: Vec<NodeId>,
    /// Keep every value, and compute and keep the gradient of every node, inputs included. Slower.
    pub keep_all: bool,
    /// Samples in a tile; chosen by the planner if not given.
    pub tile: Option<usize>,
    /// Parts of the batch whose sums over samples begin at zero, from 1 to [`MAX_SHARDS`](crate::MAX_SHARDS): shard `i` of `S` holds samples
    /// `⌊i·B/S⌋` to `⌊(i+1)·B/S⌋ − 1` of a batch of `B`. The sums are combined by a fixed binary tree, so they depend on
    /// this number.
    pub shards: usize,
    /// What the program may take; one that needs more is refused before anything is allocated.
    pub memory: MemoryLimit,
}

/// How much memory a program may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit {
    /// Bytes at most.
    pub bytes: usize,
    /// Those of them that something else takes, such as the parameters.
    pub reserved: usize,
    /// The threads with which the program may take the rest.
    pub threads: usize,
}

impl Default for MemoryLimit {
    /// 16 GiB with one thread, on every machine: whether a graph compiles must not depend on where.
    fn default() -> Self {
        Self { bytes: 16 << 30, reserved: 0, threads: 1 }
    }
}

impl Default for Compile {
    /// A batch of one sample in one shard, no loss, nothing kept, the usual memory limit.
    fn default() -> Self {
        let (loss, keep, tile, memory) = (None, Vec::new(), None, MemoryLimit::default());
        Self { batch: 1, loss, keep, keep_all: false, tile, shards: 1, memory }
    }
}

/// Large weights of layers in the order in which products read them, for many runs with the same parameters.
#[derive(Clone, Debug)]
pub struct PackedWeights<T> {
    /// That of each node, if it is a layer with one.
    pub(super) of_nodes: Vec<Option<PackedMatrix<T>>>,
}

/// What a run needs from outside.
#[derive(Clone, Copy)]
pub struct RunArgs<'a, T> {
    /// The threads to use; the caller's alone if not given.
    pub pool: Option<&'a Pool>,
    /// The parameter vector.
    pub parameters: &'a [T],
    /// Its weights, packed by [`Program::pack`](crate::Program::pack); not needed.
    pub packed: Option<&'a PackedWeights<T>>,
    /// The inputs.
    pub inputs: &'a dyn InputSource<T>,
    /// The seed of the random draws (dropout).
    pub seed: u64,
    /// The step, counted from 0: each step draws anew.
    pub step: u64,
    /// Where to add the time that each node takes; not measured if not given.
    pub times: Option<&'a Times>,
}

impl<T: Float> Default for RunArgs<'_, T> {
    /// One thread, no parameters, no inputs, seed and step 0, no times.
    fn default() -> Self {
        let inputs = &Tensors(&[]);
        Self { pool: None, parameters: &[], packed: None, inputs, seed: 0, step: 0, times: None }
    }
}

impl<'a, T> RunArgs<'a, T> {
    /// The threads to use.
    pub(crate) fn pool(&self) -> &'a Pool {
        pool_or_serial(self.pool)
    }
}

/// The pool, or one of the caller's thread alone.
pub(crate) fn pool_or_serial(pool: Option<&Pool>) -> &Pool {
    static SERIAL: LazyLock<Pool> = LazyLock::new(|| Pool::new(1));
    pool.unwrap_or(&SERIAL)
}
