//! How tasks run, and where they read and write.

use std::mem::replace;
use std::ops::Range;

use kernels::Float;
use kernels::gemm::PackedMatrix;

use super::buffer::Buffer;
use super::exchange::Exchange;
use super::input_source::BOUND;
use super::options::RunArgs;
use super::plan::{Chunk, Plan, Storage, Strip};
use super::shards::SumTree;
use super::state::{RowParallelState, TileState, Worker};
use super::task::{Task, TaskKind};
use crate::graph::{Graph, Leaf};
use crate::op::{BackwardPass, Choices, ForwardPass, MAX_OPERANDS, Op, RandomKey, Tile};
use crate::ops::matmul::{MAX_TREE, MatMulOp, WeightRows};
use crate::rows::{add, add_or_set, copy_rows};
use crate::shape::Shape;

/// What a task of a tile may read beside shared values.
#[derive(Clone, Copy)]
pub(super) struct Local<'a, T> {
    state: &'a TileState<T>,
    worker: &'a [Buffer<T>],
    strip: Strip<'a>,
}

impl<'a, T> Local<'a, T> {
    pub(super) fn of(state: &'a TileState<T>) -> Self {
        Self { state, worker: &[], strip: Strip::WHOLE }
    }
}

/// What a task writes.
pub(super) struct TaskOutput<'a, T> {
    /// The value or gradient.
    pub(super) out: &'a mut [T],
    /// What the op keeps for its backward pass.
    pub(super) kept: &'a mut [T],
    pub(super) scratch: &'a mut [T],
}

/// What all tiles see.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) plan: &'a Plan,
    pub(super) shared: &'a [Buffer<T>],
    pub(super) row_parallel: &'a [RowParallelState<T>],
    /// Empty in a tiled stage, which writes them.
    pub(super) tiles: &'a [TileState<T>],
    pub(super) samples: &'a [usize],
    pub(super) shard_bounds: &'a [usize],
    pub(super) exchange: Option<&'a Exchange>,
    pub(super) run: &'a RunArgs<'a, T>,
}

impl<'a, T: Float> Context<'a, T> {
    /// One task for one tile. The buffers that it writes are taken out meanwhile.
    pub(super) fn run_in_tile(
        &self,
        task: Task,
        strip: Strip<'_>,
        state: &mut TileState<T>,
        worker: &mut Worker<T>,
    ) {
        let (i, storage) = self.target(task, true);
        let mut out = std::mem::take(buffer(&storage, state, worker));
        let (kept_storage, kept_rows) = self.kept(task);
        let mut kept = kept_storage.map(|storage| std::mem::take(buffer(storage, state, worker)));
        let mut scratch = std::mem::take(&mut worker.scratch);
        let width = state.tile.width;
        let len = match storage {
            // The buffers of a worker are as long as the longest value that they are used for.
            Storage::Worker(_) => self.graph.at(i).shape().len() * width,
            _ => out.len(),
        };
        let local = Local { state, worker: &worker.buffers, strip };
        // The tile's part of a shared value is added to in each strip.
        let is_cut = self.graph.at(i).shape().is_batched();
        let written = if is_cut { strip.of(len) } else { 0..len };
        let output = TaskOutput {
            out: &mut out[written],
            kept: kept.as_mut().map_or(&mut [], |kept| &mut kept[strip.of(kept_rows * width)]),
            scratch: &mut scratch,
        };
        self.execute(task, Some(local), output);
        worker.scratch = scratch;
        *buffer(&storage, state, worker) = out;
        if let (Some(storage), Some(kept)) = (kept_storage, kept) {
            *buffer(storage, state, worker) = kept;
        }
    }

    /// Where the task writes what its op keeps, if it does; and how many rows.
    pub(super) fn kept(&self, task: Task) -> (Option<&'a Storage>, usize) {
        let plan = &self.plan.nodes[task.node];
        let is_written = task.kind == TaskKind::Forward && plan.kept_rows > 0;
        (is_written.then_some(&plan.kept), plan.kept_rows)
    }

    /// The node whose value or gradient a task writes, and where: a tile has a part of what is shared.
    pub(super) fn target(&self, task: Task, is_tiled: bool) -> (usize, Storage) {
        use TaskKind::{Backward, Finish, Forward, Load, Pack, Scatter, ScatterGradient};
        let Task { node, kind } = task;
        let operand = |k: usize| self.graph.at(node).operands()[k].index();
        let i = match kind {
            Backward { operand: k, .. } => operand(k),
            ScatterGradient { .. } => operand(0),
            _ => node,
        };
        let plan = &self.plan.nodes[i];
        let (storage, part) = match kind {
            Load | Forward | Finish | Scatter => (&plan.value, plan.part),
            Pack => (&Storage::None, plan.workspace),
            _ => (&plan.gradient, plan.gradient_part),
        };
        (i, part.filter(|_| is_tiled).map_or_else(|| storage.clone(), Storage::Tile))
    }

    /// One task of a tile, or on shared values.
    pub(super) fn execute(
        &self,
        Task { node: i, kind }: Task,
        local: Option<Local<'_, T>>,
        output: TaskOutput<'_, T>,
    ) {
        let TaskOutput { out, kept, scratch } = output;
        let tile = self.tile(local);
        // The rows of a row-parallel layer's values for this tile, beside those to write.
        let scatter = |out: &mut [T], all: &[T], adds: bool| {
            let columns = local.expect("scattered to tiles").state.columns.clone();
            let stride = self.row_parallel_state(i).tile.width;
            if !adds {
                return copy_rows(
                    (&all[columns.start..], stride),
                    (out, tile.width),
                    columns.len(),
                );
            }
            for (to, from) in out.chunks_exact_mut(tile.width).zip(all.chunks_exact(stride)) {
                add(to, &from[columns.clone()]);
            }
        };
        match kind {
            TaskKind::Load => match self.graph.at(i).leaf() {
                Some(&Leaf::Input(input)) => self.run.inputs.load(input, tile, out),
                _ => unreachable!("planned as an input"),
            },
            TaskKind::Forward => {
                let output = TaskOutput { out, kept, scratch };
                self.forward(i, local, output, |op, pass| op.forward(pass));
            }
            TaskKind::Zero => out.fill(T::ZERO),
            TaskKind::Seed => out.fill(T::ONE),
            TaskKind::Backward { operand, is_first } => {
                self.backward((i, operand, is_first), local, out, scratch);
            }
            TaskKind::Pack => {
                let dy = self.read(i, &self.plan.nodes[i].gradient, local);
                MatMulOp::pack(dy, tile, out);
            }
            TaskKind::Scatter => scatter(out, &self.row_parallel_state(i).y, false),
            TaskKind::ScatterGradient { adds } => {
                scatter(out, &self.row_parallel_state(i).dx, adds);
            }
            TaskKind::Finish => {
                self.finish(i, out, scratch);
            }
            TaskKind::Reduce => {
                let part = self.plan.nodes[i].gradient_part.expect("planned with a part");
                let of_samples = |samples: Range<usize>, mut adds: bool, out: &mut [T]| {
                    for tile in &self.tiles[self.tiles_of(&samples)] {
                        add_or_set(out, &tile.buffers[part], replace(&mut adds, true));
                    }
                };
                match self.exchange {
                    None => self.own_tree().sum(true, out, scratch, of_samples),
                    Some(exchange) => {
                        exchange.add_sum(self.shard_bounds, out, scratch, of_samples);
                    }
                }
            }
            TaskKind::RowParallel | TaskKind::RowParallelBackward => {
                unreachable!("done by all threads")
            }
        }
    }

    /// The result of a reduction over the batch, from the tiles' parts of it.
    fn finish(&self, i: usize, out: &mut [T], scratch: &mut [T]) {
        let (op, len) = (self.op(i), out.len());
        let part = self.plan.nodes[i].part.expect("planned with a part");
        let of_samples = |samples: Range<usize>, out: &mut [T], scratch: &mut [T]| {
            let tiles = self.tiles_of(&samples);
            let parts = &mut scratch[..len * tiles.len()];
            for (to, tile) in parts.chunks_exact_mut(len.max(1)).zip(&self.tiles[tiles.clone()]) {
                to.copy_from_slice(&tile.buffers[part]);
            }
            op.finish(parts, &self.samples[tiles], out);
        };
        let join = |samples: [Range<usize>; 2], out: &mut [T], other: &[T], scratch: &mut [T]| {
            let parts = &mut scratch[..2 * len];
            parts[..len].copy_from_slice(out);
            parts[len..].copy_from_slice(other);
            op.finish(parts, &samples.map(|samples| samples.len()), out);
        };
        self.combine(out, scratch, &of_samples, &join);
    }

    /// The tree of the shards of this process.
    pub(super) fn own_tree(&self) -> SumTree<'a> {
        SumTree { bounds: self.shard_bounds, known: &[] }
    }

    /// The tiles of some whole shards.
    pub(super) fn tiles_of(&self, samples: &Range<usize>) -> Range<usize> {
        let first = |sample: usize| self.tiles.partition_point(|state| state.tile.first < sample);
        first(samples.start)..first(samples.end)
    }

    /// [`SumTree::combine`] over the shards of all processes.
    fn combine(
        &self,
        out: &mut [T],
        scratch: &mut [T],
        leaf: &impl Fn(Range<usize>, &mut [T], &mut [T]),
        join: &impl Fn([Range<usize>; 2], &mut [T], &[T], &mut [T]),
    ) {
        match self.exchange {
            None => self.own_tree().combine(out, scratch, leaf, join),
            Some(exchange) => exchange.combine(self.shard_bounds, out, scratch, leaf, join),
        }
    }

    fn forward(
        &self,
        i: usize,
        local: Option<Local<'_, T>>,
        TaskOutput { out: y, kept, scratch }: TaskOutput<'_, T>,
        run: impl FnOnce(&dyn Op<T>, ForwardPass<'_, T>),
    ) {
        let plan = &self.plan.nodes[i];
        let (shapes, y_shape) = self.shapes(i, local);
        // In place the first operand is in `y`.
        self.with_operands(
            i,
            local,
            |k| !(plan.in_place && k == 0),
            |x| {
                let pass = ForwardPass {
                    x,
                    y,
                    bias: plan.bias.map_or(&[], |bias| self.value(bias, local)),
                    packed: self.packed(i),
                    shapes,
                    y_shape,
                    tile: self.tile(local),
                    random: self.key_of(i),
                    kept,
                    scratch,
                };
                run(self.op(i), pass);
            },
        );
    }

    fn backward(
        &self,
        (i, operand, is_first): (usize, usize, bool),
        local: Option<Local<'_, T>>,
        dx: &mut [T],
        scratch: &mut [T],
    ) {
        let plan = &self.plan.nodes[i];
        let saved = self.op(i).saved(operand);
        // In place the gradient of the result is in `dx`.
        let is_in_place = plan.backward_in_place && operand == 0;
        let (shapes, y_shape) = self.shapes(i, local);
        // What is summed over the strips begins with the first.
        let is_first = is_first && (shapes[operand].is_batched() || strip_of(local).number == 0);
        let adds = !(is_first && self.op(i).sets_gradient(operand));
        if is_first && adds && !is_in_place {
            dx.fill(T::ZERO);
        }
        let kept = || {
            let len = plan.kept_rows * self.tile(local).width;
            &self.read_buffer(&plan.kept, len, local)[strip_of(local).of(len)]
        };
        self.with_operands(
            i,
            local,
            |k| saved.has_operand(k),
            |x| {
                self.op(i).backward(BackwardPass {
                    operand,
                    x,
                    y: if saved.has_result() { self.value(i, local) } else { &[] },
                    kept: if saved.has_kept() && plan.kept_rows > 0 { kept() } else { &[] },
                    dy: if is_in_place { &[] } else { self.read(i, &plan.gradient, local) },
                    dx,
                    adds,
                    shapes,
                    y_shape,
                    tile: self.tile(local),
                    random: self.key_of(i),
                    scratch,
                });
            },
        );
    }

    /// The shapes of a node's operands and of its result, in the strip that is worked on.
    fn shapes<'s>(&'s self, i: usize, local: Option<Local<'s, T>>) -> (&'s [Shape], &'s Shape) {
        match strip_of(local).shapes {
            Some(shapes) => (&shapes.operands, &shapes.result),
            None => (&self.plan.nodes[i].shapes, self.graph.at(i).shape()),
        }
    }

    /// Adds what the tiles of some shards have of the gradient of a chunk, or sets it to that.
    pub(super) fn sum_chunk(
        &self,
        chunk: &Chunk,
        tree: SumTree<'_>,
        adds: bool,
        dx: &mut [T],
        scratch: &mut [T],
    ) {
        let part = self.plan.nodes[chunk.parameter].gradient_part;
        let n_products = self.tiles_of(&tree.samples()).len() * chunk.by_rows.len();
        if tree.bounds.len() > 2 && part.is_none() && (1..=MAX_TREE).contains(&n_products) {
            return self.weight_tree(chunk, tree, adds, dx);
        }
        tree.sum(adds, dx, scratch, |samples, mut adds, dx| {
            let tiles = self.tiles_of(&samples);
            if let Some(part) = part {
                for tile in &self.tiles[tiles.clone()] {
                    let part = &tile.buffers[part][chunk.range.clone()];
                    add_or_set(dx, part, replace(&mut adds, true));
                }
            }
            self.weight_rows(chunk, tiles, adds, dx);
        });
    }

    /// Adds the weight gradients that are made in rows from some tiles to a chunk, or sets it to them.
    fn weight_rows(&self, chunk: &Chunk, tiles: Range<usize>, mut adds: bool, dx: &mut [T]) {
        let (weight, first_row) = self.weight(chunk);
        self.for_each_weight_rows(chunk, tiles, |rows| {
            MatMulOp::gradient_rows(weight, &rows, first_row, replace(&mut adds, true), dx);
        });
    }

    /// The same for the sum over a tree, all of it a few rows and columns at a time: whole chunks of each of its branches
    /// would pass through the caches again and again.
    fn weight_tree(&self, chunk: &Chunk, tree: SumTree<'_>, adds: bool, dx: &mut [T]) {
        let (weight, first_row) = self.weight(chunk);
        let mut terms = [const { None }; MAX_TREE];
        let mut rest = terms.iter_mut();
        tree.for_each_leaf(0, &mut |samples, joins| {
            let mut last = None;
            self.for_each_weight_rows(chunk, self.tiles_of(&samples), |rows| {
                let to = rest.next().expect("counted before");
                last = Some(to.insert((rows, None)));
            });
            last.expect("a leaf has samples").1 = Some(joins);
        });
        let n_terms = MAX_TREE - rest.len();
        MatMulOp::gradient_tree(weight, &terms[..n_terms], first_row, adds, dx);
    }

    /// The shape of the weight of a chunk, and the row that the chunk begins with.
    fn weight(&self, chunk: &Chunk) -> (&'a Shape, usize) {
        let weight = self.graph.at(chunk.parameter).shape();
        (weight, chunk.range.start / weight.dims().last().map_or(1, |&len| len.max(1)))
    }

    /// Calls `visit` with what a weight gradient that is made in rows is the sum of for some tiles: by node, then by tile.
    fn for_each_weight_rows(
        &self,
        chunk: &Chunk,
        tiles: Range<usize>,
        mut visit: impl FnMut(WeightRows<'a, T>),
    ) {
        let tiles = &self.tiles[tiles];
        for &i in &chunk.by_rows {
            let plan = &self.plan.nodes[i];
            if plan.row_parallel.is_some() {
                let RowParallelState { x, workspace, tile, .. } = self.row_parallel_state(i);
                let columns = tiles[0].columns.start..tiles[tiles.len() - 1].columns.end;
                visit(WeightRows { x, workspace, tile: *tile, columns });
                continue;
            }
            let buffer = plan.workspace.expect("planned with a workspace");
            let x = self.graph.at(i).operands()[0].index();
            for state in tiles {
                let (x, tile) = (self.value(x, Some(Local::of(state))), state.tile);
                let (workspace, columns) = (&state.buffers[buffer][..], 0..tile.valid);
                visit(WeightRows { x, workspace, tile, columns });
            }
        }
    }

    /// Whether everything in the tile that gradients of parameters will be made of is small enough that
    /// they must be finite: parts of sums, and factors of products.
    pub(super) fn is_bounded(&self, state: &TileState<T>) -> bool {
        self.plan.chunks.iter().all(|chunk| chunk.clear || chunk.is_frozen)
            && self.graph.nodes().zip(&self.plan.nodes).all(|((_, node), plan)| {
                let part = plan.gradient_part.filter(|_| node.leaf().is_some());
                let factors = plan.workspace.is_none_or(|workspace| {
                    let x = node.operands()[0].index();
                    let input = self.plan.nodes[x].input;
                    is_bounded(&state.buffers[workspace])
                        && (input.is_some_and(|input| self.run.inputs.is_bounded(input))
                            || is_bounded(self.value(x, Some(Local::of(state)))))
                });
                factors && part.is_none_or(|part| is_bounded(&state.buffers[part]))
            })
    }

    pub(super) fn choices(&self, i: usize, local: Option<Local<'_, T>>, choices: &mut Choices) {
        let is_reduction = self.plan.nodes[i].part.is_some();
        let mut y = if is_reduction { Vec::new() } else { self.value(i, local).to_vec() };
        let output = TaskOutput { out: &mut y, kept: &mut [], scratch: &mut [] };
        self.forward(i, local, output, |op, pass| op.choices(&pass, choices));
    }

    /// Calls `run` with the values of a node's operands; with nothing for those that are not wanted.
    fn with_operands(
        &self,
        i: usize,
        local: Option<Local<'a, T>>,
        wanted: impl Fn(usize) -> bool,
        run: impl FnOnce(&[&[T]]),
    ) {
        /// More operands than most ops have: for these no array of the largest number is cleared.
        const FEW: usize = 4;
        let operands = self.graph.at(i).operands();
        let mut few: [&[T]; FEW] = [&[]; FEW];
        let mut many: [&[T]; MAX_OPERANDS];
        let x = if operands.len() <= FEW {
            &mut few[..operands.len()]
        } else {
            many = [&[]; MAX_OPERANDS];
            &mut many[..operands.len()]
        };
        for (k, (x, operand)) in x.iter_mut().zip(operands).enumerate() {
            if wanted(k) {
                *x = self.value(operand.index(), local);
            }
        }
        run(x);
    }

    /// The weight of a layer, where it is packed.
    pub(super) fn packed(&self, i: usize) -> Option<&'a PackedMatrix<T>> {
        self.run.packed.and_then(|packed| packed.of_nodes[i].as_ref())
    }

    pub(super) fn value(&self, i: usize, local: Option<Local<'a, T>>) -> &'a [T] {
        self.read(i, &self.plan.nodes[i].value, local)
    }

    /// A value or gradient of node `i`.
    ///
    /// # Panics
    ///
    /// If it has no storage, or was taken out to be written: the op did not ask for what its task reads.
    fn read(&self, i: usize, storage: &Storage, local: Option<Local<'a, T>>) -> &'a [T] {
        let node = self.graph.at(i);
        if let (Storage::Constant, Some(Leaf::Constant(value))) = (storage, node.leaf()) {
            return value.values();
        }
        let len = node.shape().len() * self.tile(local).row_len(node.shape());
        let values = self.read_buffer(storage, len, local);
        if node.shape().is_batched() { &values[strip_of(local).of(len)] } else { values }
    }

    /// The same for what has a buffer.
    fn read_buffer(&self, storage: &Storage, len: usize, local: Option<Local<'a, T>>) -> &'a [T] {
        let local = || local.expect("a batched value is read within a tile");
        match storage {
            Storage::Tile(at) => &local().state.buffers[*at][..len],
            Storage::Worker(at) => &local().worker[*at][..len],
            Storage::Shared(at) => &self.shared[*at],
            Storage::Parameter(range) => &self.run.parameters[range.clone()],
            Storage::Constant | Storage::None => unreachable!("read, but planned without a buffer"),
        }
    }

    fn tile(&self, local: Option<Local<'_, T>>) -> Tile {
        local.map_or(Tile::unbatched(self.plan.batch), |local| local.state.tile)
    }

    fn row_parallel_state(&self, i: usize) -> &'a RowParallelState<T> {
        let layer = self.plan.nodes[i].row_parallel.expect("planned as a row-parallel layer");
        &self.row_parallel[layer]
    }

    fn op(&self, i: usize) -> &'a dyn Op<T> {
        self.graph.at(i).op().expect("planned as an op")
    }

    fn key_of(&self, i: usize) -> RandomKey {
        RandomKey { seed: self.run.seed, step: self.run.step, node: i as u32 }
    }
}

/// The strip that is worked on; of shared values everything.
fn strip_of<'a, T>(local: Option<Local<'a, T>>) -> Strip<'a> {
    local.map_or(Strip::WHOLE, |local| local.strip)
}

pub(super) fn is_bounded<T: Float>(values: &[T]) -> bool {
    kernels::all_below(values, T::from_f64(BOUND))
}

fn buffer<'a, T>(
    storage: &Storage,
    state: &'a mut TileState<T>,
    worker: &'a mut Worker<T>,
) -> &'a mut Buffer<T> {
    match storage {
        Storage::Tile(at) => &mut state.buffers[*at],
        Storage::Worker(at) => &mut worker.buffers[*at],
        _ => unreachable!("planned for each tile"),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, InputSource, Program, RunArgs, Shape, Tensor, Tensors, op::Tile};

    struct Known<'a>(Tensors<'a, f32>);

    impl InputSource<f32> for Known<'_> {
        fn load(&self, input: usize, tile: Tile, out: &mut [f32]) {
            self.0.load(input, tile, out);
        }

        fn is_bounded(&self, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn gradients_that_must_be_finite_are_known_before_they_are_made() {
        let mut g = Graph::new();
        let x = g.input("x", Shape::batch([2, 300]));
        let weight = g.parameter("weight", [600, 64]);
        let flat = g.flatten(x);
        let y = g.matmul(flat, weight).unwrap();
        let y = g.relu(y);
        let loss = g.mean_all(y).unwrap();
        let options = Compile { batch: 40, loss: Some(loss), ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let parameters = vec![0.01; 600 * 64];
        let mut is_bounded = |value: f32, is_known: bool| {
            let x = Tensor::full([40, 2, 300], value);
            let tensors = [&x];
            let (plain, known) = (Tensors(&tensors), Known(Tensors(&tensors)));
            let inputs: &dyn InputSource<f32> = if is_known { &known } else { &plain };
            program.run(&RunArgs { parameters: &parameters, inputs, ..RunArgs::default() });
            program.tiles.iter().all(|tile| tile.is_bounded)
        };
        assert!(is_bounded(3.0, false));
        assert!(!is_bounded(1e16, false) && !is_bounded(f32::NAN, false));
        assert!(is_bounded(1e16, true), "known inputs are not checked");
    }
}
