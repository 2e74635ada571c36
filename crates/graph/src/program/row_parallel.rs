//! Row-parallel layers: all samples at once, each thread some rows, so that a weight too large for the caches
//! is read once.

use std::sync::atomic::{AtomicBool, Ordering};

use kernels::{Float, Pool};

use super::buffer::Buffer;
use super::context::{Context, is_bounded};
use super::plan::Storage;
use super::state::{RowParallelState, TileState};
use super::times::{Direction, Times};
use crate::op::Tile;
use crate::ops::matmul::{MatMulOp, RowsPass, WEIGHT, WORKSPACE_ROWS};

/// What the passes of all row-parallel layers need.
pub(super) struct RowParallelPasses<'a, T> {
    pub(super) context: Context<'a, T>,
    pub(super) tiles: &'a [TileState<T>],
    pub(super) pool: &'a Pool,
    pub(super) times: Option<&'a Times>,
}

impl<'a, T: Float> RowParallelPasses<'a, T> {
    /// Makes the result from the operand in the tiles.
    pub(super) fn forward(&self, layer: &mut RowParallelState<T>) {
        let RowParallelState { node, tile, x, y, x_bounds, y_bounds, is_bounded, .. } = layer;
        let operand = self.context.node(*node).operands()[0].index();
        is_bounded.store(true, Ordering::Relaxed);
        let counts_as = (*node, Direction::Forward);
        let value = &self.context.plan.nodes[operand].value;
        self.join(counts_as, *tile, value, (x, x_bounds), is_bounded);
        let pass = RowsPass { x, ..self.rows_pass(*node, *tile) };
        self.split(counts_as, *tile, (y, y_bounds), |first_row, y| {
            MatMulOp::forward_rows(pass, first_row, y);
        });
    }

    /// Makes the gradient of the operand and what that of the weight needs, as far as they are needed.
    pub(super) fn backward(&self, layer: &mut RowParallelState<T>) {
        let RowParallelState {
            node,
            tile,
            y,
            dx,
            workspace,
            x_bounds,
            y_bounds,
            workspace_bounds,
            is_bounded,
            ..
        } = layer;
        let counts_as = (*node, Direction::Backward);
        let gradient = &self.context.plan.nodes[*node].gradient;
        self.join(counts_as, *tile, gradient, (y, y_bounds), is_bounded);
        if !workspace.is_empty() {
            let dy = y.chunks(WORKSPACE_ROWS * tile.width);
            self.pool.split([workspace], workspace_bounds, |piece, [workspace]| {
                Times::count(self.times, *node, Direction::Backward, || {
                    let dy = dy.clone().nth(piece).expect("a piece of each");
                    MatMulOp::pack(dy, *tile, workspace);
                });
            });
        }
        if !dx.is_empty() {
            let pass = RowsPass { x: y, bias: &[], ..self.rows_pass(*node, *tile) };
            self.split(counts_as, *tile, (dx, x_bounds), |first_row, dx| {
                MatMulOp::backward_rows(pass, first_row, dx);
            });
        }
    }

    /// What a pass of a layer needs beside the rows it reads.
    fn rows_pass(&self, i: usize, tile: Tile) -> RowsPass<'a, T> {
        let plan = &self.context.plan.nodes;
        let value = |i: usize| self.context.read(i, &plan[i].value, 1, None);
        RowsPass {
            x: &[],
            weight: value(self.context.node(i).operands()[WEIGHT].index()),
            bias: plan[i].bias.map_or(&[], value),
            shape: &plan[i].shapes[WEIGHT],
            columns: tile.valid,
            stride: tile.width,
            adds: false,
        }
    }

    /// Puts the rows of all tiles side by side.
    fn join(
        &self,
        counts_as: (usize, Direction),
        joined: Tile,
        storage: &Storage,
        rows: (&mut Buffer<T>, &[usize]),
        are_bounded: &AtomicBool,
    ) {
        let Storage::Tile(buffer) = *storage else {
            unreachable!("planned to last until the next stage")
        };
        self.split(counts_as, joined, rows, |first_row, rows| {
            for (row, to) in (first_row..).zip(rows.chunks_exact_mut(joined.width)) {
                for state in self.tiles {
                    let width = state.tile.width;
                    let from = &state.buffers[buffer][row * width..][..width];
                    to[state.columns()].copy_from_slice(from);
                }
            }
            if !is_bounded(rows) {
                are_bounded.store(false, Ordering::Relaxed);
            }
        });
    }

    /// Calls `run` with pieces of a layer's values and the number of their first row.
    fn split(
        &self,
        (node, direction): (usize, Direction),
        tile: Tile,
        (values, bounds): (&mut Buffer<T>, &[usize]),
        run: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.pool.split([values], bounds, |piece, [values]| {
            Times::count(self.times, node, direction, || run(bounds[piece] / tile.width, values));
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
