//! The compiled graph: what runs.
//!
//! [`Program::new`] has the `planner` make a plan of stages, tiles and chunks; `run` carries it out.

mod buffer;
mod context;
mod describe;
mod error;
mod exchange;
mod input_source;
mod memory;
mod options;
mod plan;
mod planner;
mod row_parallel;
mod run;
mod shards;
mod state;
mod task;
mod times;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kernels::gemm::PackedMatrix;
use kernels::{Float, Pool};

use self::buffer::Buffer;
use self::context::{Context, Local};
pub use self::error::CompileError;
use self::exchange::Exchange;
pub use self::input_source::{BOUND, InputSource, Tensors};
use self::memory::Memory;
use self::options::pool_or_serial;
pub use self::options::{Compile, MemoryLimit, PackedWeights, RunArgs};
use self::plan::{NodePlan, Plan, Storage};
pub(crate) use self::planner::tile_widths;
pub use self::shards::MAX_SHARDS;
use self::state::{RowParallelState, TileState, Worker};
pub use self::times::{Direction, Times};
use crate::graph::{Graph, Leaf, Node, NodeId};
use crate::op::{Choices, Tile};
use crate::process_group::ProcessGroup;
use crate::shape::{Shape, ShapeError};
use crate::tensor::Tensor;

/// Where a piece of the parameter vector lies: some elements of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterPiece {
    /// The number of the parameter in [`Graph::parameters`], from 0.
    pub parameter: usize,
    /// Elements of the parameter before the piece.
    pub offset: usize,
}

/// A graph compiled for one batch size.
///
/// After the first run, running neither allocates nor fails. Results do not depend on the number of threads.
#[derive(Debug)]
pub struct Program<T> {
    graph: Arc<Graph<T>>,
    plan: Plan,
    memory: Memory,
    loss: Option<NodeId>,
    tiles: Vec<TileState<T>>,
    samples: Vec<usize>,
    /// Where the samples of each shard begin, and the last one's end; those of other processes are empty.
    shard_bounds: Vec<usize>,
    workers: Vec<Mutex<Worker<T>>>,
    shared: Vec<Buffer<T>>,
    row_parallel: Vec<RowParallelState<T>>,
    shared_scratch: Buffer<T>,
    gradients: Buffer<T>,
    /// The other processes that have shards of the batch.
    exchange: Option<Exchange>,
    /// The gradients of the branches of this process, and those that it has received.
    exchanged: [Buffer<T>; 2],
    /// The sum of squares of each chunk of the gradient, as the bits of an `f64`.
    chunk_squares: Vec<AtomicU64>,
}

impl<T: Float> Program<T> {
    /// Compiles a graph.
    ///
    /// # Errors
    ///
    /// If the loss is not one number, a node is of another graph, or the program needs more than the
    /// [memory limit](Compile::memory).
    ///
    /// # Panics
    ///
    /// For a batch or tile of 0 samples, or a number of shards out of range.
    pub fn new(graph: impl Into<Arc<Graph<T>>>, options: &Compile) -> Result<Self, CompileError> {
        Self::of_shards(graph.into(), options, 0..options.shards)
    }

    /// As [`new`](Self::new), but the program has the samples of some consecutive shards, and the other processes of a group
    /// have those of the others. What is summed over samples, and so each gradient, is that of the whole batch, and its
    /// bytes are those of one process. What is kept with the batch axis has the samples of this process only.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new), and if a process of the group has no sample of a batch.
    pub fn in_group(
        graph: impl Into<Arc<Graph<T>>>,
        options: &Compile,
        group: Arc<dyn ProcessGroup>,
    ) -> Result<Self, CompileError> {
        let shards = group.shares(options.shards).swap_remove(group.rank());
        let group = (group.size() > 1).then_some(group);
        Self::within(graph.into(), options, shards, group)
    }

    /// As [`new`](Self::new), but the program has the tiles of some consecutive shards only: what it sums over samples is
    /// their sum.
    pub(crate) fn of_shards(
        graph: Arc<Graph<T>>,
        options: &Compile,
        shards: Range<usize>,
    ) -> Result<Self, CompileError> {
        Self::within(graph, options, shards, None)
    }

    fn within(
        graph: Arc<Graph<T>>,
        options: &Compile,
        shards: Range<usize>,
        group: Option<Arc<dyn ProcessGroup>>,
    ) -> Result<Self, CompileError> {
        assert!(options.batch > 0 && options.tile != Some(0), "a batch and a tile need a sample");
        assert!((1..=MAX_SHARDS).contains(&options.shards), "{} shards", options.shards);
        if let Some(loss) = options.loss {
            let shape = graph.operand("loss", loss)?;
            if shape.is_batched() || shape.len() != 1 {
                let rule = "expected one number for the whole batch";
                return Err(ShapeError::new("loss", rule, shape).into());
            }
        }
        for &id in &options.keep {
            graph.operand("keep", id)?;
        }
        let plan = planner::plan(&graph, options);
        let exchange = group.map(|group| Exchange::new(group, &plan));
        let memory = Memory::new(&graph, &plan, options, exchange.as_ref())?;
        let (mut tiles, mut columns) = (Vec::new(), 0);
        for shard in shards.clone() {
            for i in 0..plan.tiles_in(shard) {
                let state = TileState::new(&plan, plan.tile(shard, i), columns);
                columns = state.columns.end;
                tiles.push(state);
            }
        }
        let bounds = shards::bounds(plan.batch, plan.shards);
        let own = bounds[shards.start]..=bounds[shards.end];
        let own_bounds = bounds.into_iter().map(|bound| bound.clamp(*own.start(), *own.end()));
        let exchanged = exchange.as_ref().map_or([0; 2], Exchange::gradient_lens);
        let layers = plan.row_parallel.iter();
        let layers = layers.map(|&layer| RowParallelState::new(&graph, &plan, layer, columns));
        Ok(Self {
            loss: options.loss,
            samples: tiles.iter().map(|state: &TileState<T>| state.tile.valid).collect(),
            shard_bounds: own_bounds.collect(),
            exchange,
            exchanged: exchanged.map(Buffer::new),
            workers: Vec::new(),
            shared: plan.shared_lens.iter().map(|&len| Buffer::new(len)).collect(),
            row_parallel: layers.collect(),
            shared_scratch: Buffer::new(memory.shared_scratch),
            gradients: Buffer::new(graph.n_parameters()),
            chunk_squares: plan.chunks.iter().map(|_| AtomicU64::new(0)).collect(),
            tiles,
            plan,
            memory,
            graph,
        })
    }

    /// The graph it was compiled from.
    pub fn graph(&self) -> &Arc<Graph<T>> {
        &self.graph
    }

    /// Bytes that it takes, with as many threads as its [limit](Compile::memory) counts.
    pub fn bytes(&self) -> usize {
        self.memory.bytes
    }

    /// The processes that share its batches; none if it has all samples.
    pub fn group(&self) -> Option<&Arc<dyn ProcessGroup>> {
        self.exchange.as_ref().map(|exchange| &exchange.group)
    }

    /// Samples in a batch.
    pub fn batch(&self) -> usize {
        self.plan.batch
    }

    /// Packs the large weights of layers, for many runs with these parameters: for predictions.
    ///
    /// # Panics
    ///
    /// If the parameter vector is not of the graph's length.
    pub fn pack(&self, parameters: &[T]) -> PackedWeights<T> {
        let pack = |node: &Node<T>| {
            let weight = self.graph.node(planner::layer_weight(&self.graph, node)?);
            match (weight.leaf(), weight.shape().dims()) {
                (Some(Leaf::Parameter(range)), &[k, rows])
                    if PackedMatrix::<T>::is_worth_it(rows) =>
                {
                    Some(PackedMatrix::new(&parameters[range.clone()], [rows, k]))
                }
                _ => None,
            }
        };
        PackedWeights { of_nodes: self.graph.nodes().map(|(_, node)| pack(node)).collect() }
    }

    /// Computes all values, and the gradients if there is a loss. With other processes, each has the gradients of its own
    /// pieces of the parameters: [`gather_gradients`](Self::gather_gradients).
    ///
    /// # Panics
    ///
    /// If the parameter vector is not of the graph's length, or an input has another shape than in the graph.
    pub fn run(&mut self, run: &RunArgs<'_, T>) {
        self.run_stages(run);
        self.run_chunks(run, [], |_, _, []| ());
    }

    /// A training step: computes all values and gradients, and calls `update` with every piece of the gradients
    /// and of `vectors` (empty ones stay empty), the first of which is the parameters, on all threads; but not with
    /// those of [frozen](Graph::freeze) parameters. Returns
    /// whether it did: if a gradient or the loss is infinite or NaN, the vectors are as before. Each thread
    /// updates what it has just computed while that is in its cache, if it is sure by then that all gradients
    /// are finite.
    ///
    /// With other processes, each updates its own pieces: [`gather`](Self::gather) collects the parameters, and must before
    /// the next step.
    ///
    /// # Panics
    ///
    /// If there is no loss, if a vector is neither empty nor as long as the graph's parameter vector, or if an input
    /// has another shape than in the graph.
    pub fn step<const N: usize>(
        &mut self,
        run: &RunArgs<'_, T>,
        vectors: [&mut [T]; N],
        update: impl Fn(ParameterPiece, &mut [T], [&mut [T]; N]) + Sync,
    ) -> bool {
        const { assert!(N > 0, "the first vector is the parameters") }
        let loss = self.loss.expect("a program that is trained has a loss");
        let run = RunArgs { parameters: &[], ..*run };
        self.run_stages(&RunArgs { parameters: vectors[0], ..run });
        let is_finite = self.scalar(loss).is_finite();
        let is_bounded = self.tiles.iter().all(|tile| tile.is_bounded)
            && self.row_parallel.iter().all(RowParallelState::is_bounded);
        if is_finite && is_bounded && self.exchange.is_none() {
            self.run_chunks(&run, vectors, update);
            return true;
        }
        self.run_chunks(&run, [], |_, _, []| ());
        let is_finite = is_finite && self.gradient_norm().is_finite();
        if is_finite {
            self.update(run.pool, vectors, update);
        }
        is_finite
    }

    /// Collects a vector like the parameters, of which each process has [updated](Self::step) its own pieces. All processes
    /// call it together; without others it does nothing.
    pub fn gather(&self, vector: &mut [T]) {
        if let Some(exchange) = &self.exchange {
            exchange.gather_pieces(vector);
        }
    }

    /// As [`gather`](Self::gather), for the [gradients](Self::gradients).
    pub fn gather_gradients(&mut self) {
        let mut gradients = std::mem::take(&mut self.gradients);
        self.gather(&mut gradients);
        self.gradients = gradients;
    }

    /// The gradients of the loss for the parameter vector; 0 for [frozen](Graph::freeze) parameters.
    pub fn gradients(&self) -> &[T] {
        &self.gradients
    }

    /// The L2 norm of all gradients. Infinite or NaN if one of them is. Frozen parameters count 0.
    pub fn gradient_norm(&self) -> f64 {
        let squares =
            self.chunk_squares.iter().map(|square| f64::from_bits(square.load(Ordering::Relaxed)));
        squares.sum::<f64>().sqrt()
    }

    /// Calls `update` with every piece of the gradients and of `vectors`, as [`step`](Self::step) does: for an
    /// optimizer that needs to know the norm of all gradients first.
    ///
    /// # Panics
    ///
    /// If a vector is neither empty nor as long as the gradients.
    pub fn update<const N: usize>(
        &mut self,
        pool: Option<&Pool>,
        vectors: [&mut [T]; N],
        update: impl Fn(ParameterPiece, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        let own = self.own_chunks();
        let Self { plan, gradients, .. } = self;
        check_lens(gradients, &vectors);
        let bounds = plan.bounds_of(&own);
        pool_or_serial(pool).split(gradients, vectors, bounds, |c, dx, vectors| {
            let chunk = &plan.chunks[own.start + c];
            if !chunk.is_frozen {
                update(chunk.piece(), dx, vectors);
            }
        });
    }

    /// The value of a node that is one number.
    ///
    /// # Panics
    ///
    /// If the node has the batch axis or another number of elements, or was not computed.
    pub fn scalar(&self, id: NodeId) -> T {
        match self.shared_value(id) {
            Some(&[value]) => value,
            _ => panic!("node {id} of shape {} is not a computed number", self.graph.shape(id)),
        }
    }

    /// The value of a node without batch axis, where it lies; none for leaves and what was not computed.
    pub fn shared_value(&self, id: NodeId) -> Option<&[T]> {
        match self.node_plan(id).value {
            Storage::Shared(at) => Some(&self.shared[at]),
            _ => None,
        }
    }

    /// The value of a node, if it was kept. Parameters are the caller's and not kept.
    pub fn value(&self, id: NodeId) -> Option<Tensor<T>> {
        if let Some(Leaf::Constant(value)) = self.graph.node(id).leaf() {
            return Some(value.clone());
        }
        self.tensor(id, &self.node_plan(id).value)
    }

    /// As [`value`](Self::value), with the samples of all processes, which call this together.
    pub fn gathered_value(&self, id: NodeId) -> Option<Tensor<T>> {
        let mut value = self.value(id)?;
        if let Some(exchange) = self.exchange.as_ref().filter(|_| self.graph.shape(id).is_batched())
        {
            exchange.gather_samples(value.values_mut());
        }
        Some(value)
    }

    /// The gradient of the loss for a node's value, if it was kept.
    pub fn gradient(&self, id: NodeId) -> Option<Tensor<T>> {
        let place = &self.node_plan(id).gradient;
        if let Storage::Parameter(range) = place {
            return Some(Tensor::new(self.graph.shape(id).dims(), &self.gradients[range.clone()]));
        }
        self.tensor(id, place)
    }

    /// Writes the value of a node to `to`, row-major, without allocating.
    ///
    /// # Panics
    ///
    /// If `to` is of another length, or the value was not kept.
    pub fn copy_value(&self, id: NodeId, to: &mut [T]) {
        let shape = self.graph.shape(id);
        let expected = shape.len() * if shape.is_batched() { self.plan.batch } else { 1 };
        assert_eq!(to.len(), expected, "a value of {shape}: expected {expected} elements");
        let is_kept = self.copy(id, &self.node_plan(id).value, to);
        assert!(is_kept, "node {id} of shape {shape} was not kept");
    }

    /// The value that a node has for one sample, or that all samples share, row-major; none if it was not kept. Parameters
    /// and constants are not.
    ///
    /// # Panics
    ///
    /// If the batch has no such sample, or the node is of another graph.
    pub fn sample_value(&self, id: NodeId, sample: usize) -> Option<Vec<T>> {
        self.of_sample(&self.node_plan(id).value, sample)
    }

    /// The gradient of the loss for the value that a node has for one sample, or that all samples share: as
    /// [`sample_value`](Self::sample_value), panics included.
    pub fn sample_gradient(&self, id: NodeId, sample: usize) -> Option<Vec<T>> {
        match &self.node_plan(id).gradient {
            Storage::Parameter(range) => Some(self.gradients[range.clone()].to_vec()),
            storage => self.of_sample(storage, sample),
        }
    }

    fn of_sample(&self, storage: &Storage, sample: usize) -> Option<Vec<T>> {
        match *storage {
            Storage::Shared(at) => Some(self.shared[at].to_vec()),
            Storage::Tile(at) => {
                assert!(sample < self.plan.batch, "sample {sample} of a batch of {}", self.batch());
                let after = self.tiles.partition_point(|state| state.tile.first <= sample);
                let state = &self.tiles[after - 1];
                let rows = state.buffers[at].chunks_exact(state.tile.width);
                Some(rows.map(|row| row[sample - state.tile.first]).collect())
            }
            _ => None,
        }
    }

    /// The shapes of a node's operands.
    pub(crate) fn operand_shapes(&self, id: NodeId) -> &[Shape] {
        &self.node_plan(id).shapes
    }

    /// The number of tiles of each process.
    pub fn tiles_of_processes(&self) -> Vec<usize> {
        let tiles = |shards: Range<usize>| shards.map(|shard| self.plan.tiles_in(shard)).sum();
        match self.group() {
            None => vec![self.tiles.len()],
            Some(group) => group.shares(self.plan.shards).into_iter().map(tiles).collect(),
        }
    }

    /// The samples of each tile of this process: consecutive ranges of the batch.
    pub fn tiles(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        self.tiles.iter().map(|state| state.tile.first..state.tile.first + state.tile.valid)
    }

    /// Writes the values that a node with the batch axis has for the samples of one tile to `to`, row-major.
    ///
    /// # Panics
    ///
    /// If there is no such tile, `to` is of another length, or the value was not kept for each tile.
    pub fn copy_tile_value(&self, id: NodeId, tile: usize, to: &mut [T]) {
        let Storage::Tile(at) = self.node_plan(id).value else {
            panic!("node {id} of shape {} was not kept for each tile", self.graph.shape(id));
        };
        let (valid, len) = (self.tiles[tile].tile.valid, self.graph.shape(id).len());
        assert_eq!(to.len(), valid * len, "a tile of {valid} samples with {len} elements each");
        self.copy_tile(at, tile, to);
    }

    /// # Panics
    ///
    /// If the node is of another graph.
    fn node_plan(&self, id: NodeId) -> &NodePlan {
        self.graph.node(id);
        &self.plan.nodes[id.index()]
    }

    fn copy_tile(&self, buffer: usize, tile: usize, to: &mut [T]) {
        let state = &self.tiles[tile];
        let Tile { valid, width, .. } = state.tile;
        let len = to.len() / valid;
        kernels::transpose((&state.buffers[buffer], width), [len, valid], (to, len));
    }

    fn tensor(&self, id: NodeId, storage: &Storage) -> Option<Tensor<T>> {
        let mut tensor = Tensor::full(self.graph.shape(id).with_batch(self.plan.batch), T::ZERO);
        self.copy(id, storage, tensor.values_mut()).then_some(tensor)
    }

    fn copy(&self, id: NodeId, storage: &Storage, to: &mut [T]) -> bool {
        match storage {
            Storage::Shared(at) => to.copy_from_slice(&self.shared[*at]),
            Storage::Tile(at) => {
                let len = self.graph.shape(id).len();
                for (tile, samples) in self.tiles().enumerate() {
                    self.copy_tile(*at, tile, &mut to[samples.start * len..samples.end * len]);
                }
            }
            _ => return false,
        }
        true
    }

    /// A fingerprint of the choices of the last run, which had these arguments. Needs [`Compile::keep_all`].
    pub(crate) fn choices(&self, run: &RunArgs<'_, T>) -> Choices {
        let mut choices = Choices::default();
        let context = self.context(run);
        for (id, node) in self.graph.nodes().filter(|(_, node)| node.op().is_some()) {
            let i = id.index();
            if node.shape().is_batched() || self.plan.nodes[i].part.is_some() {
                for state in &self.tiles {
                    context.choices(i, Some(Local::of(state)), &mut choices);
                }
            } else {
                context.choices(i, None, &mut choices);
            }
        }
        choices
    }

    fn context<'a>(&'a self, run: &'a RunArgs<'a, T>) -> Context<'a, T> {
        let Self { graph, plan, shared, row_parallel, tiles, samples, shard_bounds, .. } = self;
        let exchange = self.exchange.as_ref();
        Context { graph, plan, shared, row_parallel, tiles, samples, shard_bounds, exchange, run }
    }
}

/// # Panics
///
/// If a vector is neither empty nor as long as the gradients.
fn check_lens<T, const N: usize>(gradients: &[T], vectors: &[&mut [T]; N]) {
    let is_right = |vector: &&mut [T]| vector.is_empty() || vector.len() == gradients.len();
    assert!(vectors.iter().all(is_right), "a vector of another length than the gradients");
}
