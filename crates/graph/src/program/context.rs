//! How tasks of a tile run, and where they read and write.

use kernels::Float;

use super::buffer::{Buffer, add};
use super::input_source::{BOUND, InputSource};
use super::plan::{Chunk, Plan, Storage};
use super::state::{RowParallelState, TileState, Worker};
use super::task::Task;
use crate::graph::{Graph, Leaf, Node, NodeId};
use crate::op::{BackwardPass, Choices, ForwardPass, MAX_OPERANDS, Op, RandomKey, Tile};
use crate::ops::matmul::{MatMulOp, WEIGHT, WeightRows};

/// The buffers that a task of a tile may read.
#[derive(Clone, Copy)]
pub(super) struct Local<'a, T> {
    tile: &'a [Buffer<T>],
    worker: &'a [Buffer<T>],
}

/// A backward pass: of which node, for which operand, and where.
#[derive(Clone, Copy)]
pub(super) struct BackwardTask<'a, T> {
    pub(super) node: usize,
    pub(super) operand: usize,
    pub(super) adds: bool,
    pub(super) tile: Tile,
    pub(super) local: Option<Local<'a, T>>,
}

/// What all tiles see.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, T> {
    pub(super) graph: &'a Graph<T>,
    pub(super) plan: &'a Plan,
    pub(super) parameters: &'a [T],
    pub(super) shared: &'a [Buffer<T>],
    pub(super) row_parallel: &'a [RowParallelState<T>],
    pub(super) key: RandomKey,
}

impl<'a, T: Float> Context<'a, T> {
    /// One task for one tile.
    pub(super) fn run(
        &self,
        task: Task,
        state: &mut TileState<T>,
        worker: &mut Worker<T>,
        inputs: &dyn InputSource<T>,
    ) {
        let tile = state.tile;
        match task {
            Task::Load(i) => {
                let input = self.input(i);
                self.write(i, &self.value(i), state, worker, |y, _, _| inputs.load(input, tile, y));
            }
            Task::Forward(i) => {
                self.write(i, &self.value(i), state, worker, |y, local, scratch| {
                    self.forward(i, tile, Some(local), y, scratch);
                });
            }
            Task::Zero(i) => {
                self.write(i, &self.gradient(i), state, worker, |dx, _, _| dx.fill(T::ZERO));
            }
            Task::Backward { node, operand, adds } => {
                let to = self.node(node).operands()[operand].index();
                self.write(to, &self.gradient(to), state, worker, |dx, local, scratch| {
                    let pass = BackwardTask { node, operand, adds, tile, local: Some(local) };
                    self.backward(pass, dx, scratch);
                });
            }
            Task::Pack(i) => {
                let workspace = self.plan.nodes[i].workspace.expect("planned with a workspace");
                let mut packed = std::mem::take(&mut state.buffers[workspace]);
                let local = Local { tile: &state.buffers, worker: &worker.buffers };
                let dy = self.read(i, &self.plan.nodes[i].gradient, tile.width, Some(local));
                MatMulOp::pack(dy, tile, &mut packed);
                state.buffers[workspace] = packed;
            }
            Task::Scatter(i) => {
                let (layer, columns) = (self.row_parallel_state(i), state.columns());
                self.write(i, &self.value(i), state, worker, |y, _, _| {
                    let rows = layer.rows(&layer.y, columns);
                    y.chunks_exact_mut(tile.width)
                        .zip(rows)
                        .for_each(|(to, from)| to.copy_from_slice(from));
                });
            }
            Task::ScatterGradient { node, adds } => {
                let to = self.node(node).operands()[0].index();
                let (layer, columns) = (self.row_parallel_state(node), state.columns());
                self.write(to, &self.gradient(to), state, worker, |dx, _, _| {
                    let rows = layer.rows(&layer.dx, columns);
                    for (to, from) in dx.chunks_exact_mut(tile.width).zip(rows) {
                        if adds {
                            add(to, from);
                        } else {
                            to.copy_from_slice(from);
                        }
                    }
                });
            }
            Task::Finish(_)
            | Task::Seed(_)
            | Task::Reduce(_)
            | Task::RowParallel(_)
            | Task::RowParallelBackward(_) => {
                unreachable!("planned for all tiles at once")
            }
        }
    }

    /// Calls `work` with the value or gradient of node `i` that is stored at `storage`, with the buffers
    /// that it may read, and with scratch space. The buffer is taken out meanwhile.
    fn write(
        &self,
        i: usize,
        storage: &Storage,
        state: &mut TileState<T>,
        worker: &mut Worker<T>,
        work: impl FnOnce(&mut [T], Local<'_, T>, &mut [T]),
    ) {
        let len = self.node(i).shape().len() * state.tile.row_len(self.node(i).shape());
        let mut values = std::mem::take(buffer(storage, state, worker));
        let mut scratch = std::mem::take(&mut worker.scratch);
        let local = Local { tile: &state.buffers, worker: &worker.buffers };
        work(&mut values[..len], local, &mut scratch);
        worker.scratch = scratch;
        *buffer(storage, state, worker) = values;
    }

    /// Where a tile's value of a node is stored: of a reduction, the tile's part of it.
    fn value(&self, i: usize) -> Storage {
        let plan = &self.plan.nodes[i];
        plan.part.map_or_else(|| plan.value.clone(), Storage::Tile)
    }

    /// Where a tile's gradient of a node is stored: of a shared value, the tile's part of it.
    fn gradient(&self, i: usize) -> Storage {
        let plan = &self.plan.nodes[i];
        plan.gradient_part.map_or_else(|| plan.gradient.clone(), Storage::Tile)
    }

    pub(super) fn forward(
        &self,
        i: usize,
        tile: Tile,
        local: Option<Local<'_, T>>,
        y: &mut [T],
        scratch: &mut [T],
    ) {
        let plan = &self.plan.nodes[i];
        // In place the first operand is in `y`.
        let x = self.operands(i, tile, local, |k| !(plan.in_place && k == 0));
        let bias = plan.bias.map(|bias| self.read(bias, &self.plan.nodes[bias].value, 1, local));
        self.op(i).forward(ForwardPass {
            x: &x[..plan.shapes.len()],
            y,
            bias: bias.unwrap_or(&[]),
            shapes: &plan.shapes,
            y_shape: self.node(i).shape(),
            tile,
            random: self.key_of(i),
            scratch,
        });
    }

    pub(super) fn backward(&self, task: BackwardTask<'_, T>, dx: &mut [T], scratch: &mut [T]) {
        let BackwardTask { node: i, operand, adds, tile, local } = task;
        let plan = &self.plan.nodes[i];
        let saved = self.op(i).saved(operand);
        let x = self.operands(i, tile, local, |k| saved.has_operand(k));
        let row_len = tile.row_len(self.node(i).shape());
        let y = if saved.has_result() { self.read(i, &plan.value, row_len, local) } else { &[] };
        // In place the gradient of the result is in `dx`.
        let is_in_place = plan.backward_in_place && operand == 0;
        let dy = if is_in_place { &[] } else { self.read(i, &plan.gradient, row_len, local) };
        self.op(i).backward(BackwardPass {
            operand,
            x: &x[..plan.shapes.len()],
            y,
            dy,
            dx,
            adds,
            shapes: &plan.shapes,
            y_shape: self.node(i).shape(),
            tile,
            random: self.key_of(i),
            scratch,
        });
    }

    /// Adds the weight gradients that are made in rows to a chunk, or sets it to them: node by node, tile
    /// by tile.
    pub(super) fn weight_rows(
        &self,
        chunk: &Chunk,
        tiles: &[TileState<T>],
        mut adds: bool,
        dx: &mut [T],
    ) {
        for &i in &chunk.by_rows {
            let plan = &self.plan.nodes[i];
            let weight = &plan.shapes[WEIGHT];
            let row_len = weight.dims().last().map_or(1, |&len| len.max(1));
            let first_row = chunk.range.start / row_len;
            let mut make = |x: &[T], workspace: &[T], tile: Tile| {
                let adds = std::mem::replace(&mut adds, true);
                let rows = WeightRows { x, workspace, weight, tile, adds };
                MatMulOp::gradient_rows(rows, first_row, dx);
            };
            if plan.row_parallel.is_some() {
                let layer = self.row_parallel_state(i);
                make(&layer.x, &layer.workspace, layer.tile);
                continue;
            }
            let workspace = plan.workspace.expect("planned with a workspace");
            for state in tiles {
                let local = Local { tile: &state.buffers, worker: &[] };
                let x = self.operands(i, state.tile, Some(local), |k| k != WEIGHT)[0];
                make(x, &state.buffers[workspace], state.tile);
            }
        }
    }

    /// Whether everything in the tile that gradients of parameters will be made of is small enough that
    /// they must be finite: parts of sums, and factors of products.
    pub(super) fn is_bounded(&self, state: &TileState<T>, inputs: &dyn InputSource<T>) -> bool {
        let local = Local { tile: &state.buffers, worker: &[] };
        self.plan.chunks.iter().all(|chunk| chunk.clear)
            && self.graph.nodes().all(|(id, node)| {
                let plan = &self.plan.nodes[id.index()];
                let part = plan.gradient_part.filter(|_| node.leaf().is_some());
                let factors = plan.workspace.is_none_or(|workspace| {
                    let operand = node.operands()[0].index();
                    let input = self.plan.nodes[operand].input;
                    is_bounded(&state.buffers[workspace])
                        && (input.is_some_and(|input| inputs.is_bounded(input))
                            || is_bounded(
                                self.operands(id.index(), state.tile, Some(local), |k| k == 0)[0],
                            ))
                });
                factors && part.is_none_or(|part| is_bounded(&state.buffers[part]))
            })
    }

    /// Adds the choices of one node in one tile, or of one shared node.
    pub(super) fn choices(
        &self,
        i: usize,
        tile: Tile,
        buffers: Option<&[Buffer<T>]>,
        choices: &mut Choices,
    ) {
        let local = buffers.map(|tile| Local { tile, worker: &[] });
        let node = self.node(i);
        let plan = &self.plan.nodes[i];
        let x = self.operands(i, tile, local, |_| true);
        let mut y = if plan.part.is_some() {
            Vec::new()
        } else {
            self.read(i, &plan.value, tile.row_len(node.shape()), local).to_vec()
        };
        let pass = ForwardPass {
            x: &x[..plan.shapes.len()],
            y: &mut y,
            bias: &[],
            shapes: &plan.shapes,
            y_shape: node.shape(),
            tile,
            random: self.key_of(i),
            scratch: &mut [],
        };
        self.op(i).choices(&pass, choices);
    }

    /// The values of those operands that `wanted` accepts; nothing for the others.
    fn operands<'b>(
        &self,
        i: usize,
        tile: Tile,
        local: Option<Local<'b, T>>,
        wanted: impl Fn(usize) -> bool,
    ) -> [&'b [T]; MAX_OPERANDS]
    where
        'a: 'b,
    {
        let mut x: [&[T]; MAX_OPERANDS] = [&[]; MAX_OPERANDS];
        for (k, operand) in self.node(i).operands().iter().enumerate().filter(|(k, _)| wanted(*k)) {
            let operand = operand.index();
            let row_len = tile.row_len(self.node(operand).shape());
            x[k] = self.read(operand, &self.plan.nodes[operand].value, row_len, local);
        }
        x
    }

    /// A value or gradient of node `i`, of which a tile has rows of `row_len`.
    ///
    /// # Panics
    ///
    /// If the planner gave it no storage, or it was taken out to be written: then a task reads what its
    /// op did not ask for.
    pub(super) fn read<'b>(
        &self,
        i: usize,
        storage: &Storage,
        row_len: usize,
        local: Option<Local<'b, T>>,
    ) -> &'b [T]
    where
        'a: 'b,
    {
        let len = self.node(i).shape().len() * row_len;
        let local = || local.expect("a batched value is read within a tile");
        match storage {
            Storage::Tile(at) => &local().tile[*at][..len],
            Storage::Worker(at) => &local().worker[*at][..len],
            Storage::Shared(at) => &self.shared[*at],
            Storage::Parameter(range) => &self.parameters[range.clone()],
            Storage::Constant => match self.node(i).leaf() {
                Some(Leaf::Constant(value)) => value.values(),
                _ => unreachable!("planned as a constant"),
            },
            Storage::None => unreachable!("node {i} is read, but was planned without storage"),
        }
    }

    pub(super) fn row_parallel_state(&self, i: usize) -> &'a RowParallelState<T> {
        let layer = self.plan.nodes[i].row_parallel.expect("planned as a row-parallel layer");
        &self.row_parallel[layer]
    }

    /// The number of the input that node `i` is.
    pub(super) fn input(&self, i: usize) -> usize {
        match self.node(i).leaf() {
            Some(&Leaf::Input(input)) => input,
            _ => unreachable!("planned as an input"),
        }
    }

    pub(super) fn node(&self, i: usize) -> &'a Node<T> {
        self.graph.node(NodeId::new(i))
    }

    pub(super) fn op(&self, i: usize) -> &'a dyn Op<T> {
        self.node(i).op().expect("planned as an op")
    }

    fn key_of(&self, i: usize) -> RandomKey {
        RandomKey { node: i as u32, ..self.key }
    }
}

/// Whether the magnitudes of all values are below [`BOUND`].
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

    /// An input that is known to be small.
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
