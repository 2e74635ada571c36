//! How tasks find what they read and write.

use kernels::Float;

use crate::graph::{Graph, Leaf, NodeId};
use crate::op::{
    BackwardPass, Choices, ForwardPass, MAX_OPERANDS, Op, RandomKey, SplitTile, SplitWeight, Tile,
    WEIGHT,
};

use super::buffer::Buffer;
use super::plan::{Chunk, Plan, Storage, Task};
use super::row_parallel::RowParallelLayer;
use super::{BOUND, InputSource, add};

/// A tile and what is kept of it from stage to stage.
#[derive(Debug)]
pub(super) struct TileState<T> {
    pub(super) tile: Tile,
    /// Lanes of the tiles before it.
    pub(super) first_column: usize,
    pub(super) buffers: Vec<Buffer<T>>,
    /// Whether what the gradients of parameters will be made of is so small that they must be finite.
    pub(super) is_bounded: bool,
}

/// What a thread needs for the tile it works on.
#[derive(Debug)]
pub(super) struct Worker<T> {
    pub(super) buffers: Vec<Buffer<T>>,
    pub(super) scratch: Buffer<T>,
}

/// The buffers a task of a tile may look into.
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
    pub(super) row_parallel: &'a [RowParallelLayer<T>],
    pub(super) key: RandomKey,
}

pub(super) fn op<T: Float>(graph: &Graph<T>, i: usize) -> &dyn Op<T> {
    graph.node(NodeId(i as u32)).op().expect("planned as an op")
}

pub(super) fn split_weight<T: Float>(graph: &Graph<T>, i: usize) -> &dyn SplitWeight<T> {
    op(graph, i).split_weight().expect("planned as one with a weight to split")
}

impl<'a, T: Float> Context<'a, T> {
    /// One task for one tile.
    pub(super) fn tile_task(
        &self,
        task: Task,
        state: &mut TileState<T>,
        worker: &mut Worker<T>,
        inputs: &dyn InputSource<T>,
    ) {
        let tile = state.tile;
        let plan = &self.plan.nodes;
        match task {
            Task::Load(i) => {
                let Some(&Leaf::Input(input)) = self.node(i).leaf() else {
                    unreachable!("planned as an input")
                };
                let len = self.node(i).shape().len() * tile.width;
                let mut y = take(&plan[i].value, state, worker);
                inputs.load(input, tile, &mut y[..len]);
                put(&plan[i].value, y, state, worker);
            }
            Task::Forward(i) => {
                // The part of a reduction has a place of its own.
                let place = plan[i].part.map_or(plan[i].value.clone(), Storage::Tile);
                let len = self.node(i).shape().len() * tile.row_len(self.node(i).shape());
                let mut y = take(&place, state, worker);
                let mut scratch = std::mem::take(&mut worker.scratch);
                let local = Local { tile: &state.buffers, worker: &worker.buffers };
                self.forward(i, tile, Some(local), &mut y[..len], &mut scratch);
                worker.scratch = scratch;
                put(&place, y, state, worker);
            }
            Task::Zero(i) => {
                let len = self.node(i).shape().len() * tile.row_len(self.node(i).shape());
                let place = self.gradient_place(i);
                let mut dx = take(&place, state, worker);
                dx[..len].fill(T::ZERO);
                put(&place, dx, state, worker);
            }
            Task::Backward { node: i, operand, adds } => {
                let to = self.node(i).operands()[operand].index();
                let len = self.node(to).shape().len() * tile.row_len(self.node(to).shape());
                let place = self.gradient_place(to);
                let mut dx = take(&place, state, worker);
                let mut scratch = std::mem::take(&mut worker.scratch);
                let local = Local { tile: &state.buffers, worker: &worker.buffers };
                let part = BackwardTask { node: i, operand, adds, tile, local: Some(local) };
                self.backward(part, &mut dx[..len], &mut scratch);
                worker.scratch = scratch;
                put(&place, dx, state, worker);
            }
            Task::Pack(i) => {
                let place = Storage::Tile(plan[i].workspace.expect("planned with a workspace"));
                let mut workspace = take(&place, state, worker);
                let local = Local { tile: &state.buffers, worker: &worker.buffers };
                let split = split_weight(self.graph, i);
                let dy = self.read(i, &plan[i].gradient, tile.width, Some(local));
                split.pack(dy, tile, &mut workspace);
                put(&place, workspace, state, worker);
            }
            Task::Scatter(i) => {
                let row_parallel = self.row_parallel_layer(i);
                let mut y = take(&plan[i].value, state, worker);
                for (to, from) in
                    y.chunks_exact_mut(tile.width).zip(row_parallel.of_tile(&row_parallel.y, state))
                {
                    to.copy_from_slice(from);
                }
                put(&plan[i].value, y, state, worker);
            }
            Task::ScatterGradient { node: i, adds } => {
                let row_parallel = self.row_parallel_layer(i);
                let place = &plan[self.node(i).operands()[0].index()].gradient;
                let mut dx = take(place, state, worker);
                for (to, from) in dx
                    .chunks_exact_mut(tile.width)
                    .zip(row_parallel.of_tile(&row_parallel.dx, state))
                {
                    if adds {
                        add(to, from);
                    } else {
                        to.copy_from_slice(from);
                    }
                }
                put(place, dx, state, worker);
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

    /// In a tile, the gradient of a shared value is the tile's part of it.
    fn gradient_place(&self, i: usize) -> Storage {
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
        let mut x = self.operands(i, tile, local);
        if plan.in_place {
            x[0] = &[];
        }
        let bias = plan.bias.map(|bias| self.read(bias, &self.plan.nodes[bias].value, 1, local));
        op(self.graph, i).forward(ForwardPass {
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

    pub(super) fn backward(&self, part: BackwardTask<'_, T>, dx: &mut [T], scratch: &mut [T]) {
        self.with_backward(part, dx, scratch, |pass| op(self.graph, part.node).backward(pass));
    }

    fn with_backward(
        &self,
        part: BackwardTask<'_, T>,
        dx: &mut [T],
        scratch: &mut [T],
        run: impl FnOnce(BackwardPass<'_, T>),
    ) {
        let BackwardTask { node: i, operand, adds, tile, local } = part;
        let plan = &self.plan.nodes[i];
        let saved = op(self.graph, i).saved(operand);
        let mut x = self.operands(i, tile, local);
        for (k, x) in x.iter_mut().enumerate() {
            if !saved.has_operand(k) {
                *x = &[];
            }
        }
        let lanes = tile.row_len(self.node(i).shape());
        let y = if saved.has_result() { self.read(i, &plan.value, lanes, local) } else { &[] };
        let over = plan.backward_in_place && operand == 0;
        let dy = if over { &[] } else { self.read(i, &plan.gradient, lanes, local) };
        run(BackwardPass {
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

    /// Adds the rows of split gradients to a chunk, or sets it to them: node by node, tile by tile.
    pub(super) fn split_rows(
        &self,
        chunk: &Chunk,
        tiles: &[TileState<T>],
        mut adds: bool,
        dx: &mut [T],
    ) {
        for &i in &chunk.splits {
            let plan = &self.plan.nodes[i];
            let split = split_weight(self.graph, i);
            let saved = op(self.graph, i).saved(WEIGHT);
            let row_len = plan.shapes[WEIGHT].dims().last().map_or(1, |&len| len.max(1));
            if plan.row_parallel.is_some() {
                let RowParallelLayer { x, workspace, tile, .. } = self.row_parallel_layer(i);
                let (x, shapes, tile) = (&[&x[..], &[]], &plan.shapes[..], *tile);
                let adds = std::mem::replace(&mut adds, true);
                let tile = SplitTile { x, workspace, shapes, tile, adds };
                split.gradient_rows(tile, chunk.range.start / row_len, dx);
                continue;
            }
            for state in tiles {
                let local = Local { tile: &state.buffers, worker: &[] };
                let mut x: [&[T]; MAX_OPERANDS] = [&[]; MAX_OPERANDS];
                for (k, operand) in self.node(i).operands().iter().enumerate() {
                    if saved.has_operand(k) {
                        let lanes = state.tile.row_len(&plan.shapes[k]);
                        x[k] = self.read(
                            operand.index(),
                            &self.plan.nodes[operand.index()].value,
                            lanes,
                            Some(local),
                        );
                    }
                }
                let workspace = &state.buffers[plan.workspace.expect("planned with a workspace")];
                let tile = SplitTile {
                    x: &x[..plan.shapes.len()],
                    workspace,
                    shapes: &plan.shapes,
                    tile: state.tile,
                    adds: std::mem::replace(&mut adds, true),
                };
                split.gradient_rows(tile, chunk.range.start / row_len, dx);
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
                    let saved = op(self.graph, id.index()).saved(WEIGHT);
                    let x = self.operands(id.index(), state.tile, Some(local));
                    let mut x = node.operands().iter().zip(x).enumerate();
                    is_bounded(&state.buffers[workspace])
                        && x.all(|(k, (operand, x))| {
                            let input = self.plan.nodes[operand.index()].input;
                            !saved.has_operand(k)
                                || input.is_some_and(|input| inputs.is_bounded(input))
                                || is_bounded(x)
                        })
                });
                factors && part.is_none_or(|part| is_bounded(&state.buffers[part]))
            })
    }

    /// Tells the choices of one node in one tile, or of one shared node.
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
        let x = self.operands(i, tile, local);
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
        op(self.graph, i).choices(&pass, choices);
    }

    fn operands(&self, i: usize, tile: Tile, local: Option<Local<'a, T>>) -> [&'a [T]; MAX_OPERANDS]
    where
        T: 'a,
    {
        let mut x: [&[T]; MAX_OPERANDS] = [&[]; MAX_OPERANDS];
        for (x, operand) in x.iter_mut().zip(self.node(i).operands()) {
            let operand = operand.index();
            let lanes = tile.row_len(self.node(operand).shape());
            *x = self.read(operand, &self.plan.nodes[operand].value, lanes, local);
        }
        x
    }

    /// The `lanes` of each row of a value or gradient of node `i`; nothing if it was not kept.
    pub(super) fn read<'b>(
        &self,
        i: usize,
        place: &Storage,
        lanes: usize,
        local: Option<Local<'b, T>>,
    ) -> &'b [T]
    where
        'a: 'b,
    {
        let len = self.node(i).shape().len() * lanes;
        match (place, local) {
            // A buffer that was taken out to be written over, in place, is empty.
            (Storage::Tile(place), Some(local)) => local.tile[*place].get(..len).unwrap_or(&[]),
            (Storage::Worker(place), Some(local)) => local.worker[*place].get(..len).unwrap_or(&[]),
            (Storage::Shared(place), _) => &self.shared[*place],
            (Storage::Parameter(range), _) => &self.parameters[range.clone()],
            (Storage::Constant, _) => match self.node(i).leaf() {
                Some(Leaf::Constant(value)) => value.values(),
                _ => unreachable!("planned as a constant"),
            },
            _ => &[],
        }
    }

    fn row_parallel_layer(&self, i: usize) -> &'a RowParallelLayer<T> {
        &self.row_parallel
            [self.plan.nodes[i].row_parallel.expect("planned as a row-parallel layer")]
    }

    pub(super) fn node(&self, i: usize) -> &'a crate::Node<T> {
        self.graph.node(NodeId(i as u32))
    }

    fn key_of(&self, i: usize) -> RandomKey {
        RandomKey { node: i as u32, ..self.key }
    }
}

/// Whether the magnitudes of all values are below [`BOUND`].
pub(super) fn is_bounded<T: Float>(values: &[T]) -> bool {
    kernels::all_below(values, T::from_f64(BOUND))
}

fn take<T: Float>(place: &Storage, state: &mut TileState<T>, worker: &mut Worker<T>) -> Buffer<T> {
    match place {
        Storage::Tile(place) => std::mem::take(&mut state.buffers[*place]),
        Storage::Worker(place) => std::mem::take(&mut worker.buffers[*place]),
        _ => unreachable!("planned for each tile"),
    }
}

fn put<T: Float>(
    place: &Storage,
    buffer: Buffer<T>,
    state: &mut TileState<T>,
    worker: &mut Worker<T>,
) {
    match place {
        Storage::Tile(place) => state.buffers[*place] = buffer,
        Storage::Worker(place) => worker.buffers[*place] = buffer,
        _ => unreachable!("planned for each tile"),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, InputSource, Program, RunArgs, Shape, Tensor, Tensors, op::Tile};

    /// An input of which is known that it is small.
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
        assert!(is_bounded(1e16, true), "values are looked at only where that is needed");
    }
}
