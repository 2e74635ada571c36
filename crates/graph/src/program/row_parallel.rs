//! Layers whose weight is too large for the caches: all samples at once, each thread some rows.

use std::sync::atomic::{AtomicBool, Ordering};

use kernels::{Float, Pool};

use super::buffer::{Buffer, ROW_ALIGNMENT};
use super::context::{Context, TileState, is_bounded, split_weight};
use super::plan::Storage;
use super::times::{Direction, Times};
use crate::op::{RowsPass, SplitWeight, Tile, WEIGHT, WORKSPACE_ROWS};

/// The values of all tiles of one layer, side by side.
#[derive(Debug)]
pub(super) struct RowParallelLayer<T> {
    node: usize,
    /// The lanes of all tiles, as one tile that is whose width is the distance between rows.
    pub(super) tile: Tile,
    /// The first operand.
    pub(super) x: Buffer<T>,
    /// The result, and later its gradient.
    pub(super) y: Buffer<T>,
    /// The gradient of the first operand; empty if nobody wants it.
    pub(super) dx: Buffer<T>,
    /// For the gradient of the weight; empty if nobody wants it.
    pub(super) workspace: Buffer<T>,
    x_bounds: Vec<usize>,
    y_bounds: Vec<usize>,
    workspace_bounds: Vec<usize>,
    /// Whether what the gradient of the weight will be made of is so small that it must be finite.
    is_bounded: AtomicBool,
}

/// What the passes of all row-parallel layers need.
pub(super) struct Passes<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) tiles: &'a [TileState<T>],
    pub(super) pool: &'a Pool,
    pub(super) times: Option<&'a Times>,
}

impl<T: Float> RowParallelLayer<T> {
    /// Buffers for `node`, and for the gradients that are needed.
    pub(super) fn new(
        node: usize,
        [k, n]: [usize; 2],
        [wants_dx, wants_dweight]: [bool; 2],
        split: &dyn SplitWeight<T>,
        tiles: &[Tile],
    ) -> Self {
        let lanes: usize = tiles.iter().map(|tile| tile.width).sum();
        // Rows an even number of cache lines apart would meet few sets of the first-level cache.
        let stride = if lanes.is_multiple_of(ROW_ALIGNMENT) {
            ((lanes / ROW_ALIGNMENT) | 1) * ROW_ALIGNMENT
        } else {
            lanes
        };
        let workspace = if wants_dweight { split.workspace(n, lanes) } else { 0 };
        Self {
            node,
            tile: Tile { first: 0, valid: lanes, width: stride, batch: tiles[0].batch },
            x: Buffer::new(k * stride),
            y: Buffer::new(n * stride),
            dx: Buffer::new(if wants_dx { k * stride } else { 0 }),
            workspace: Buffer::new(workspace),
            x_bounds: Vec::new(),
            y_bounds: Vec::new(),
            workspace_bounds: bounds(n, WORKSPACE_ROWS, |row| split.workspace(row, lanes)),
            is_bounded: AtomicBool::new(true),
        }
    }

    /// Gives each of so many threads a piece: no smaller ones, since each reads all samples.
    pub(super) fn share_among(&mut self, threads: usize) {
        let stride = self.tile.width;
        let pieces = |len: usize| {
            let rows = len / stride;
            // Whole cache lines of the weight.
            let piece = rows.div_ceil(threads).next_multiple_of(ROW_ALIGNMENT);
            bounds(rows, piece, |row| row * stride)
        };
        (self.x_bounds, self.y_bounds) = (pieces(self.x.len()), pieces(self.y.len()));
    }

    /// Makes the result from the operand in the tiles.
    pub(super) fn forward(&mut self, passes: &Passes<'_, T>) {
        let Self { node, tile, x, y, x_bounds, y_bounds, is_bounded, .. } = self;
        let Passes { context, .. } = passes;
        let (i, operand) = (*node, context.node(*node).operands()[0].index());
        is_bounded.store(true, Ordering::Relaxed);
        let place = &context.plan.nodes[operand].value;
        let way = (i, Direction::Forward, *tile);
        passes.join(way, place, (x, x_bounds), is_bounded);
        let pass = RowsPass { x, ..passes.rows(i, *tile) };
        passes.split(way, (y, y_bounds), |first_row, y| {
            split_weight(context.graph, i).forward_rows(pass, first_row, y);
        });
    }

    /// Makes the gradient of the operand and what that of the weight needs, as far as they are wanted.
    pub(super) fn backward(&mut self, passes: &Passes<'_, T>) {
        let Self { node, tile, y, dx, workspace, x_bounds, y_bounds, is_bounded, .. } = self;
        let Passes { context, .. } = passes;
        let (i, split) = (*node, split_weight(context.graph, *node));
        let way = (i, Direction::Backward, *tile);
        passes.join(way, &context.plan.nodes[i].gradient, (y, y_bounds), is_bounded);
        if !workspace.is_empty() {
            let bounds = &self.workspace_bounds;
            let dy = y.chunks(WORKSPACE_ROWS * tile.width);
            passes.pool.split([workspace], bounds, |piece, [workspace]| {
                Times::count(passes.times, i, Direction::Backward, || {
                    let dy = dy.clone().nth(piece).expect("a piece of each");
                    split.pack(dy, *tile, workspace);
                });
            });
        }
        if !dx.is_empty() {
            let pass = RowsPass { x: y, bias: &[], ..passes.rows(i, *tile) };
            passes.split(way, (dx, x_bounds), |first_row, dx| {
                split.backward_rows(pass, first_row, dx);
            });
        }
    }

    /// Whether what the gradient of the weight will be made of is so small that it must be finite.
    pub(super) fn is_bounded(&self) -> bool {
        self.is_bounded.load(Ordering::Relaxed)
    }

    /// The lanes of `tile` of each of some `values`, which are rows of this layer.
    pub(super) fn of_tile<'a>(
        &self,
        values: &'a [T],
        tile: &TileState<T>,
    ) -> impl Iterator<Item = &'a [T]> {
        let lanes = tile.first_column..tile.first_column + tile.tile.width;
        values.chunks_exact(self.tile.width).map(move |row| &row[lanes.clone()])
    }
}

/// Where pieces of so many of `n` rows begin, and the last one ends.
fn bounds(n: usize, rows: usize, at: impl Fn(usize) -> usize) -> Vec<usize> {
    (0..n).step_by(rows).chain([n]).map(at).collect()
}

impl<'a, T: Float> Passes<'a, T> {
    /// What a pass of a layer needs beside the rows it reads.
    fn rows(&self, i: usize, tile: Tile) -> RowsPass<'a, T> {
        let Context { plan, .. } = self.context;
        let value = |i: usize| self.context.read(i, &plan.nodes[i].value, 1, None);
        RowsPass {
            x: &[],
            weight: value(self.context.node(i).operands()[WEIGHT].index()),
            bias: plan.nodes[i].bias.map_or(&[], value),
            shapes: &plan.nodes[i].shapes,
            lanes: tile.valid,
            stride: tile.width,
            adds: false,
        }
    }

    /// Puts the rows of all tiles side by side.
    fn join(
        &self,
        way: (usize, Direction, Tile),
        place: &Storage,
        (rows, bounds): (&mut Buffer<T>, &[usize]),
        bounded: &AtomicBool,
    ) {
        let Storage::Tile(place) = *place else {
            unreachable!("planned to last until the next stage")
        };
        let (.., row_parallel) = way;
        self.split(way, (rows, bounds), |first_row, rows| {
            for (row, to) in (first_row..).zip(rows.chunks_exact_mut(row_parallel.width)) {
                for state in self.tiles {
                    let width = state.tile.width;
                    let from = &state.buffers[place][row * width..][..width];
                    to[state.first_column..][..width].copy_from_slice(from);
                }
            }
            if !is_bounded(rows) {
                bounded.store(false, Ordering::Relaxed);
            }
        });
    }

    /// Calls `run` with pieces of a layer's values and the number of their first row.
    fn split(
        &self,
        (i, direction, tile): (usize, Direction, Tile),
        (values, bounds): (&mut Buffer<T>, &[usize]),
        run: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.pool.split([values], bounds, |piece, [values]| {
            Times::count(self.times, i, direction, || run(bounds[piece] / tile.width, values));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};
    use kernels::random::Stream;

    fn random(count: usize, stream: u64) -> Vec<f32> {
        let mut stream = Stream::new(5, stream);
        (0..count).map(|_| stream.normal() as f32 * 0.1).collect()
    }

    /// Two row-parallel layers, one of which follows the other at once, and whose operand has another reader.
    fn graph() -> Graph<f32> {
        let mut g = Graph::new();
        let x = g.input("x", Shape::batch([600]));
        let (first, second) = (g.parameter("first", [600, 512]), g.parameter("second", [512, 512]));
        let (bias, shift) = (g.parameter("bias", [512]), g.parameter("shift", [512]));
        let y = g.matmul(x, first).unwrap();
        let y = g.add(y, bias).unwrap();
        let between = g.relu(y);
        let product = g.matmul(between, second).unwrap();
        let row_parallel = g.matmul(product, second).unwrap();
        let row_parallel = g.add(row_parallel, shift).unwrap();
        let both = g.mul(row_parallel, between).unwrap();
        g.mean_all(both).unwrap();
        g
    }

    /// The value of the loss and all gradients, as bits.
    fn results(batch: usize, threads: usize) -> Vec<u32> {
        let graph = graph();
        let loss = graph.nodes().next_back().map(|(id, _)| id);
        let parameters = random(graph.n_parameters(), 1);
        let x = Tensor::new(vec![batch, 600], random(batch * 600, 2));
        let options = Compile { batch, loss, tile: Some(16.min(batch)), ..Compile::default() };
        let mut program = Program::new(graph, &options).unwrap();
        assert_eq!(program.row_parallel.len(), 3);
        let pool = Pool::new(threads);
        let run = RunArgs {
            pool: Some(&pool),
            parameters: &parameters,
            inputs: &Tensors(&[&x]),
            ..RunArgs::default()
        };
        program.run(&run);
        let first = program.gradients().to_vec();
        let mut stepped = parameters.clone();
        let went = program.step(&run, [&mut stepped, &mut [], &mut []], |gradients, [p, ..]| {
            p.copy_from_slice(gradients);
        });
        assert!(went && stepped == first, "a step is a run and an update");
        let loss = program.scalar(loss.unwrap());
        std::iter::once(loss).chain(first).map(f32::to_bits).collect()
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        for batch in [1, 3, 16, 37] {
            let expected = results(batch, 1);
            for threads in [2, 3, 5] {
                assert!(results(batch, threads) == expected, "batch {batch}, {threads} threads");
            }
        }
    }

    #[test]
    fn gradients_are_those_of_the_same_layers_tile_by_tile() {
        // A row of zeros more or less makes the layer row-parallel or not.
        let gradients = |outputs: usize| {
            let mut g = Graph::<f64>::new();
            let x = g.input("x", Shape::batch([512]));
            let weight = g.parameter("weight", [512, outputs]);
            let y = g.matmul(x, weight).unwrap();
            let y = g.tanh(y);
            let loss = g.mean_all(y).unwrap();
            let values = random(512 * 500, 3);
            let wider = values.chunks(500).flat_map(|row| {
                row.iter().map(|&w| f64::from(w)).chain(std::iter::repeat_n(0.0, outputs - 500))
            });
            let parameters: Vec<f64> = wider.collect();
            let x: Vec<f64> = random(37 * 512, 4).into_iter().map(f64::from).collect();
            let x = Tensor::new(vec![37, 512], x);
            let options =
                Compile { batch: 37, loss: Some(loss), tile: Some(16), ..Compile::default() };
            let mut program = Program::new(g, &options).unwrap();
            program.run(&RunArgs {
                parameters: &parameters,
                inputs: &Tensors(&[&x]),
                ..RunArgs::default()
            });
            let scale = outputs as f64;
            let rows = program.gradients().chunks(outputs).flat_map(|row| row[..500].to_vec());
            (program.row_parallel.len(), rows.map(|g| g * scale).collect::<Vec<_>>())
        };
        let ((none, tiles), (one, row_parallel)) = (gradients(500), gradients(512));
        assert_eq!((none, one), (0, 1));
        for (i, (tile, row_parallel)) in tiles.iter().zip(&row_parallel).enumerate() {
            assert!(
                (tile - row_parallel).abs() <= 1e-12 * (1.0 + tile.abs()),
                "{i}: {tile}, {row_parallel}"
            );
        }
    }
}
