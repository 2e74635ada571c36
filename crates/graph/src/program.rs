//! The compiled graph: what runs.

mod buffer;
mod context;
mod describe;
mod input_source;
mod plan;
mod row_parallel;
mod times;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use kernels::Pool;

use crate::graph::{Graph, Leaf, NodeId};
use crate::op::{Choices, RandomKey, Tile};
use crate::{Float, ShapeError, Tensor};

use buffer::Buffer;
use context::{BackwardTask, Context, TileState, Worker, op, split_weight};
pub use input_source::{BOUND, InputSource, Tensors};
use plan::{BufferLen, Chunk, Plan, RowParallelPlan, Storage, Task};
use row_parallel::{Passes, RowParallelLayer};
pub use times::{Direction, Times};

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
}

impl Default for Compile {
    /// A batch of one sample, no loss, nothing kept.
    fn default() -> Self {
        Self { batch: 1, loss: None, keep: Vec::new(), keep_all: false, tile: None }
    }
}

/// What a run needs from outside.
#[derive(Clone, Copy)]
pub struct RunArgs<'a, T> {
    /// The threads to use; the caller's alone if not given.
    pub pool: Option<&'a Pool>,
    /// The parameter vector.
    pub parameters: &'a [T],
    /// The inputs.
    pub inputs: &'a dyn InputSource<T>,
    /// The seed of the random draws (dropout).
    pub seed: u64,
    /// The step, counted from 0: each step draws anew.
    pub step: u64,
    /// Where to count how long each node takes, if anybody wants to know.
    pub times: Option<&'a Times>,
}

impl<T: Float> Default for RunArgs<'_, T> {
    /// One thread, no parameters, no inputs, seed and step 0, no times.
    fn default() -> Self {
        let inputs = &Tensors(&[]);
        Self { pool: None, parameters: &[], inputs, seed: 0, step: 0, times: None }
    }
}

impl<T> std::fmt::Debug for RunArgs<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("seed", &self.seed)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// The vector of parameters and two more of the same length, which an optimizer keeps; or pieces of them.
pub type Vectors<'a, T> = [&'a mut [T]; 3];

/// A graph compiled for one batch size.
///
/// After the first run, running neither allocates nor fails. The results depend on graph, batch size,
/// parameters, inputs, seed and step; not on the number of threads.
#[derive(Debug)]
pub struct Program<T> {
    graph: Arc<Graph<T>>,
    plan: Plan,
    batch: usize,
    loss: Option<NodeId>,
    tiles: Vec<TileState<T>>,
    /// Samples in each tile.
    samples: Vec<usize>,
    workers: Vec<Mutex<Worker<T>>>,
    shared: Vec<Buffer<T>>,
    row_parallel: Vec<RowParallelLayer<T>>,
    shared_scratch: Buffer<T>,
    /// The tiles' parts of a reduction, one after the other.
    parts: Vec<T>,
    gradients: Vec<T>,
    chunk_bounds: Vec<usize>,
    /// The sum of squares of each chunk of the gradient, as the bits of an `f64`.
    chunk_squares: Vec<AtomicU64>,
    key: RandomKey,
    serial: Pool,
}

impl<T: Float> Program<T> {
    /// Compiles a graph.
    ///
    /// # Errors
    ///
    /// If the loss is not one number for the whole batch.
    ///
    /// # Panics
    ///
    /// For a batch or tile of 0 samples, and for nodes of another graph.
    pub fn new(graph: impl Into<Arc<Graph<T>>>, options: &Compile) -> Result<Self, ShapeError> {
        let graph = graph.into();
        assert!(options.batch > 0 && options.tile != Some(0), "a batch and a tile need a sample");
        if let Some(shape) = options.loss.map(|loss| graph.shape(loss))
            && (shape.is_batched() || shape.len() != 1)
        {
            let rule = "expected one number for the whole batch".into();
            return Err(ShapeError::Rule { op: "loss", rule, found: shape.clone() });
        }
        let plan = plan::plan(&graph, options);
        // As many samples in each tile as in any other, so that threads get equal shares.
        let samples = options.batch.div_ceil(options.batch.div_ceil(plan.width));
        let mut first_column = 0;
        let tiles = (0..options.batch).step_by(samples).map(|first| {
            let valid = samples.min(options.batch - first);
            // A tile may be narrower, as long as its rows stay whole vectors.
            let width = plan.width.min(valid.next_multiple_of(buffer::ROW_ALIGNMENT));
            let tile = Tile { first, valid, width, batch: options.batch };
            let len = |&extent: &BufferLen| match extent {
                BufferLen::Rows(rows) => rows * width,
                BufferLen::Fixed(len) => len,
                BufferLen::Workspace(node) => {
                    let split = split_weight(&graph, node);
                    split.workspace(graph.shape(NodeId(node as u32)).len(), width)
                }
            };
            first_column += width;
            TileState {
                tile,
                first_column: first_column - width,
                buffers: plan.tile_buffers.iter().map(len).map(Buffer::new).collect(),
                is_bounded: false,
            }
        });
        let tiles: Vec<_> = tiles.collect();
        let all_tiles: Vec<_> = tiles.iter().map(|state| state.tile).collect();
        let row_parallel = plan.row_parallel.iter().map(|&RowParallelPlan { node, wants }| {
            let operand = plan.nodes[node].shapes[0].len();
            let result = graph.shape(NodeId(node as u32)).len();
            let split = split_weight(&graph, node);
            RowParallelLayer::new(node, [operand, result], wants, split, &all_tiles)
        });
        let row_parallel = row_parallel.collect();
        let element = |chunk: &Chunk, offset: usize| match &plan.nodes[chunk.parameter].value {
            Storage::Parameter(range) => range.start + offset,
            _ => unreachable!("chunks are of parameters"),
        };
        let starts = plan.chunks.iter().map(|chunk| element(chunk, chunk.range.start));
        let end = plan.chunks.last().map(|chunk| element(chunk, chunk.range.end));
        let chunk_bounds = starts.chain(end).collect();
        let largest_part = graph.nodes().filter(|(id, _)| plan.nodes[id.index()].part.is_some());
        let largest_part = largest_part.map(|(_, node)| node.shape().len()).max().unwrap_or(0);
        Ok(Self {
            batch: options.batch,
            loss: options.loss,
            samples: tiles.iter().map(|state| state.tile.valid).collect(),
            workers: Vec::new(),
            shared: plan.shared_lens.iter().map(|&len| Buffer::new(len)).collect(),
            row_parallel,
            shared_scratch: Buffer::new(scratch_len(&graph, &plan, 1)),
            parts: vec![T::ZERO; largest_part * tiles.len()],
            gradients: vec![T::ZERO; graph.n_parameters()],
            chunk_squares: plan.chunks.iter().map(|_| AtomicU64::new(0)).collect(),
            chunk_bounds,
            tiles,
            plan,
            graph,
            key: RandomKey::default(),
            serial: Pool::new(1),
        })
    }

    /// The graph it was compiled from.
    pub fn graph(&self) -> &Arc<Graph<T>> {
        &self.graph
    }

    /// Samples in a batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Computes all values, and the gradients if there is a loss.
    ///
    /// # Panics
    ///
    /// If the parameter vector is not of the graph's length.
    pub fn run(&mut self, run: &RunArgs<'_, T>) {
        self.run_stages(run);
        self.run_chunks(run, [&mut [], &mut [], &mut []], |_, _| ());
    }

    /// Computes all values and gradients, and calls `update` with every piece of the gradients and the same
    /// piece of each of `vectors`, the first of which is the vector of parameters (empty ones stay empty),
    /// on all threads: a training step. Returns whether it did: not if a gradient or the loss is infinite
    /// or NaN; then the vectors are as before.
    ///
    /// Each thread updates what it has just computed while that is in its cache, if it is sure by then that
    /// all gradients are finite.
    ///
    /// # Panics
    ///
    /// If there is no loss, or if a vector is neither empty nor of the graph's number of parameters.
    pub fn step(
        &mut self,
        run: &RunArgs<'_, T>,
        mut vectors: Vectors<'_, T>,
        update: impl Fn(&mut [T], Vectors<'_, T>) + Sync,
    ) -> bool {
        let loss = self.loss.expect("a program that is trained has a loss");
        let run = RunArgs { parameters: &[], ..*run };
        self.run_stages(&RunArgs { parameters: vectors[0], ..run });
        let is_finite = self.scalar(loss).is_finite();
        let is_bounded = self.tiles.iter().all(|tile| tile.is_bounded)
            && self.row_parallel.iter().all(RowParallelLayer::is_bounded);
        if is_finite && is_bounded {
            self.run_chunks(&run, vectors, update);
            return true;
        }
        self.run_chunks(&run, [&mut [], &mut [], &mut []], |_, _| ());
        let is_finite = is_finite && self.gradient_norm().is_finite();
        if is_finite {
            self.update(run.pool, vectors.each_mut().map(|vector| &mut **vector), update);
        }
        is_finite
    }

    fn run_stages(&mut self, run: &RunArgs<'_, T>) {
        let expected = self.graph.n_parameters();
        assert_eq!(run.parameters.len(), expected, "parameters: expected {expected}");
        let threads = run.pool.map_or(1, Pool::threads);
        if self.workers.len() < threads {
            self.row_parallel.iter_mut().for_each(|layer| layer.share_among(threads));
        }
        while self.workers.len() < threads {
            self.workers.push(Mutex::new(Worker {
                buffers: self
                    .plan
                    .worker_rows
                    .iter()
                    .map(|&rows| Buffer::new(rows * self.plan.width))
                    .collect(),
                scratch: Buffer::new(scratch_len(&self.graph, &self.plan, self.plan.width)),
            }));
        }
        self.key = RandomKey { seed: run.seed, step: run.step, node: 0 };
        for stage in 0..self.plan.stages.len() {
            if self.plan.stages[stage].tiled {
                self.run_tiles(stage, run);
            } else {
                self.run_whole(stage, run);
            }
        }
    }

    fn run_tiles(&mut self, stage: usize, run: &RunArgs<'_, T>) {
        let Self { graph, plan, tiles, workers, shared, row_parallel, serial, key, .. } = self;
        let context =
            Context { graph, plan, parameters: run.parameters, shared, row_parallel, key: *key };
        let pool = run.pool.unwrap_or(serial);
        let is_last = !plan.stages[stage + 1..].iter().any(|stage| stage.tiled);
        pool.each_with(tiles, workers, |_, tile, worker| {
            for &task in &context.plan.stages[stage].tasks {
                let (node, direction) = task.counts_as();
                Times::count(run.times, node, direction, || {
                    context.tile_task(task, tile, worker, run.inputs);
                });
            }
            if is_last {
                tile.is_bounded = context.is_bounded(tile, run.inputs);
            }
        });
    }

    fn run_whole(&mut self, stage: usize, run: &RunArgs<'_, T>) {
        for task in 0..self.plan.stages[stage].tasks.len() {
            let task = self.plan.stages[stage].tasks[task];
            if let Task::RowParallel(i) | Task::RowParallelBackward(i) = task {
                self.row_parallel_task(i, task == Task::RowParallel(i), run);
                continue;
            }
            let (node, direction) = task.counts_as();
            Times::count(run.times, node, direction, || self.whole_task(task, run));
        }
    }

    fn row_parallel_task(&mut self, i: usize, is_forward: bool, run: &RunArgs<'_, T>) {
        let mut row_parallel = std::mem::take(&mut self.row_parallel);
        let layer = &mut row_parallel
            [self.plan.nodes[i].row_parallel.expect("planned as a row-parallel layer")];
        let passes = Passes {
            context: self.context(run.parameters),
            tiles: &self.tiles,
            pool: run.pool.unwrap_or(&self.serial),
            times: run.times,
        };
        if is_forward {
            layer.forward(&passes);
        } else {
            layer.backward(&passes);
        }
        self.row_parallel = row_parallel;
    }

    fn whole_task(&mut self, task: Task, run: &RunArgs<'_, T>) {
        let tile = Tile::whole(self.batch);
        match task {
            Task::Load(i) => {
                let Some(&Leaf::Input(input)) = self.node(i).leaf() else {
                    unreachable!("planned as an input")
                };
                run.inputs.load(input, tile, self.shared_mut(Slot::Value(i)));
            }
            Task::Finish(i) => self.with_taken(Slot::Value(i), |own, y| {
                let part = own.plan.nodes[i].part.expect("planned with a part");
                for (to, tile) in own.parts.chunks_exact_mut(y.len().max(1)).zip(&own.tiles) {
                    to.copy_from_slice(&tile.buffers[part]);
                }
                let parts = &own.parts[..y.len() * own.tiles.len()];
                op(&own.graph, i).finish(parts, &own.samples, y);
            }),
            Task::Forward(i) => self.with_taken(Slot::Value(i), |own, y| {
                let mut scratch = std::mem::take(&mut own.shared_scratch);
                own.context(run.parameters).forward(i, tile, None, y, &mut scratch);
                own.shared_scratch = scratch;
            }),
            Task::Backward { node: i, operand, adds } => {
                let to = Slot::Gradient(self.node(i).operands()[operand].index());
                self.with_taken(to, |own, dx| {
                    let mut scratch = std::mem::take(&mut own.shared_scratch);
                    let part = BackwardTask { node: i, operand, adds, tile, local: None };
                    own.context(run.parameters).backward(part, dx, &mut scratch);
                    own.shared_scratch = scratch;
                });
            }
            Task::Zero(i) => self.shared_mut(Slot::Gradient(i)).fill(T::ZERO),
            Task::Seed(i) => self.shared_mut(Slot::Gradient(i)).fill(T::ONE),
            Task::Reduce(i) => self.with_taken(Slot::Gradient(i), |own, dx| {
                let part = own.plan.nodes[i].gradient_part.expect("planned with a part");
                for tile in &own.tiles {
                    add(dx, &tile.buffers[part]);
                }
            }),
            Task::Pack(_)
            | Task::RowParallel(_)
            | Task::Scatter(_)
            | Task::RowParallelBackward(_)
            | Task::ScatterGradient { .. } => unreachable!("planned for tiles or all threads"),
        }
    }

    /// The gradients of the parameters, each chunk by one thread: the tiles' parts added up in order,
    /// or rows made from all tiles in order. Then `update` with the chunk.
    fn run_chunks(
        &mut self,
        run: &RunArgs<'_, T>,
        vectors: Vectors<'_, T>,
        update: impl Fn(&mut [T], Vectors<'_, T>) + Sync,
    ) {
        self.check_lengths(&vectors);
        let Self { graph, plan, tiles, gradients, chunk_bounds, chunk_squares, .. } = self;
        let (shared, key, pool) = (&self.shared, self.key, run.pool.unwrap_or(&self.serial));
        let row_parallel = &self.row_parallel;
        let context =
            Context { graph, plan, parameters: run.parameters, shared, row_parallel, key };
        let [first, second, third] = vectors;
        pool.split(
            [gradients, first, second, third],
            chunk_bounds,
            |c, [dx, first, second, third]| {
                let chunk = &context.plan.chunks[c];
                Times::count(run.times, chunk.parameter, Direction::Backward, || {
                    let mut adds = !chunk.clear;
                    if let Some(part) = context.plan.nodes[chunk.parameter].gradient_part {
                        for tile in tiles.iter() {
                            let part = &tile.buffers[part][chunk.range.clone()];
                            if std::mem::replace(&mut adds, true) {
                                add(dx, part);
                            } else {
                                dx.copy_from_slice(part);
                            }
                        }
                    }
                    context.split_rows(chunk, tiles, adds, dx);
                    chunk_squares[c]
                        .store(kernels::sum_of_squares(dx).to_bits(), Ordering::Relaxed);
                });
                update(dx, [first, second, third]);
            },
        );
    }

    fn check_lengths(&self, vectors: &Vectors<'_, T>) {
        let is_right =
            |vector: &&mut [T]| vector.is_empty() || vector.len() == self.gradients.len();
        assert!(vectors.iter().all(is_right), "a vector of another length than the gradients");
    }

    /// The gradients of the loss for the parameter vector.
    pub fn gradients(&self) -> &[T] {
        &self.gradients
    }

    /// The L2 norm of all gradients. Infinite or NaN if one of them is.
    pub fn gradient_norm(&self) -> f64 {
        let squares =
            self.chunk_squares.iter().map(|square| f64::from_bits(square.load(Ordering::Relaxed)));
        squares.sum::<f64>().sqrt()
    }

    /// Calls `update` with every piece of the gradients and the same piece of each of `vectors` (empty
    /// ones stay empty), on all threads of the pool: the work of an optimizer that needs to know the norm
    /// of all gradients first. Without that, see [`step`](Self::step).
    ///
    /// # Panics
    ///
    /// If a vector is neither empty nor as long as the gradients.
    pub fn update(
        &mut self,
        pool: Option<&Pool>,
        vectors: Vectors<'_, T>,
        update: impl Fn(&mut [T], Vectors<'_, T>) + Sync,
    ) {
        self.check_lengths(&vectors);
        let [first, second, third] = vectors;
        let vectors = [&mut self.gradients[..], first, second, third];
        let pool = pool.unwrap_or(&self.serial);
        pool.split(vectors, &self.chunk_bounds, |_, [gradients, first, second, third]| {
            update(gradients, [first, second, third]);
        });
    }

    /// The value of a node that is one number.
    ///
    /// # Panics
    ///
    /// If the node has the batch axis or another number of elements, or was not computed.
    pub fn scalar(&self, id: NodeId) -> T {
        match self.plan.nodes[id.index()].value {
            Storage::Shared(place) if self.shared[place].len() == 1 => self.shared[place][0],
            _ => panic!("node {id} of shape {} is not a computed number", self.graph.shape(id)),
        }
    }

    /// The value of a node without batch axis, where it lies; none for leaves and for what was not
    /// computed.
    pub fn shared_value(&self, id: NodeId) -> Option<&[T]> {
        match self.plan.nodes[id.index()].value {
            Storage::Shared(place) => Some(&self.shared[place]),
            _ => None,
        }
    }

    /// The value of a node, if it was kept. Parameters are the caller's and not kept.
    pub fn value(&self, id: NodeId) -> Option<Tensor<T>> {
        if let Some(Leaf::Constant(value)) = self.graph.node(id).leaf() {
            return Some(value.clone());
        }
        self.tensor(id, &self.plan.nodes[id.index()].value)
    }

    /// The gradient of the loss for a node's value, if it was kept.
    pub fn gradient(&self, id: NodeId) -> Option<Tensor<T>> {
        let place = &self.plan.nodes[id.index()].gradient;
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
        let expected = shape.len() * if shape.is_batched() { self.batch } else { 1 };
        assert_eq!(to.len(), expected, "a value of {shape}: expected {expected} elements");
        let is_kept = self.copy(id, &self.plan.nodes[id.index()].value, to);
        assert!(is_kept, "node {id} of shape {shape} was not kept");
    }

    fn tensor(&self, id: NodeId, place: &Storage) -> Option<Tensor<T>> {
        let mut tensor = Tensor::full(self.graph.shape(id).with_batch(self.batch), T::ZERO);
        self.copy(id, place, tensor.values_mut()).then_some(tensor)
    }

    /// Whether there was anything to copy.
    fn copy(&self, id: NodeId, place: &Storage, to: &mut [T]) -> bool {
        let len = self.graph.shape(id).len();
        match place {
            Storage::Shared(place) => to.copy_from_slice(&self.shared[*place]),
            Storage::Tile(place) => {
                for state in &self.tiles {
                    let Tile { first, valid, width, .. } = state.tile;
                    let from = (&state.buffers[*place][..], width);
                    kernels::transpose(from, [len, valid], (&mut to[first * len..], len));
                }
            }
            _ => return false,
        }
        true
    }

    /// A fingerprint of every discrete choice of the last run: which side of each kink, which winner of
    /// each pool. Needs [`Compile::keep_all`].
    pub(crate) fn choices(&self, parameters: &[T]) -> Choices {
        let mut choices = Choices::default();
        let context = self.context(parameters);
        for (id, node) in self.graph.nodes().filter(|(_, node)| node.op().is_some()) {
            let i = id.index();
            if node.shape().is_batched() || self.plan.nodes[i].part.is_some() {
                for state in &self.tiles {
                    context.choices(i, state.tile, Some(&state.buffers), &mut choices);
                }
            } else {
                context.choices(i, Tile::whole(self.batch), None, &mut choices);
            }
        }
        choices
    }

    fn node(&self, i: usize) -> &crate::Node<T> {
        self.graph.node(NodeId(i as u32))
    }

    fn context<'a>(&'a self, parameters: &'a [T]) -> Context<'a, T> {
        Context {
            graph: &self.graph,
            plan: &self.plan,
            parameters,
            shared: &self.shared,
            row_parallel: &self.row_parallel,
            key: self.key,
        }
    }

    fn place(&self, slot: Slot) -> &Storage {
        match slot {
            Slot::Value(i) => &self.plan.nodes[i].value,
            Slot::Gradient(i) => &self.plan.nodes[i].gradient,
        }
    }

    /// Calls `work` with a shared value or gradient, which is taken out meanwhile, so that others can be
    /// read.
    fn with_taken(&mut self, slot: Slot, work: impl FnOnce(&mut Self, &mut [T])) {
        match *self.place(slot) {
            Storage::Shared(place) => {
                let mut buffer = std::mem::take(&mut self.shared[place]);
                work(self, &mut buffer);
                self.shared[place] = buffer;
            }
            Storage::Parameter(ref range) => {
                // With those of all parameters, of which no pass reads any.
                let range = range.clone();
                let mut gradients = std::mem::take(&mut self.gradients);
                work(self, &mut gradients[range]);
                self.gradients = gradients;
            }
            _ => unreachable!("planned as shared"),
        }
    }

    fn shared_mut(&mut self, slot: Slot) -> &mut [T] {
        match *self.place(slot) {
            Storage::Shared(place) => &mut self.shared[place],
            Storage::Parameter(ref range) => {
                let range = range.clone();
                &mut self.gradients[range]
            }
            _ => unreachable!("planned as shared"),
        }
    }
}

/// A value or gradient of a node.
#[derive(Clone, Copy)]
enum Slot {
    Value(usize),
    Gradient(usize),
}

/// `to += from`.
fn add<T: Float>(to: &mut [T], from: &[T]) {
    kernels::vectorize(
        #[inline(always)]
        || to.iter_mut().zip(from).for_each(|(to, &from)| *to += from),
    );
}

/// The largest scratch space that a pass needs for a tile of `width` lanes.
fn scratch_len<T: Float>(graph: &Graph<T>, plan: &Plan, width: usize) -> usize {
    let passes =
        graph.nodes().filter_map(|(id, node)| Some((node.op()?, &plan.nodes[id.index()].shapes)));
    let len = passes.map(|(op, shapes)| {
        let backward = (0..shapes.len()).map(|operand| op.backward_scratch(operand, shapes, width));
        backward.max().unwrap_or(0).max(op.forward_scratch(shapes, width))
    });
    len.max().unwrap_or(0)
}
