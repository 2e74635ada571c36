//! Row-parallel layers: all samples at once, each thread some rows, so that a large weight is read once.

use std::sync::atomic::{AtomicBool, Ordering};

use kernels::Float;

use super::buffer::Buffer;
use super::context::{Context, is_bounded};
use super::plan::Storage;
use super::state::RowParallelState;
use super::times::{Direction, Times};
use crate::op::Tile;
use crate::ops::matmul::{MatMulOp, RowsPass, WEIGHT, WORKSPACE_ROWS};
use crate::rows::copy_rows;

/// Which pass of which layer: its node, all tiles as one, and the direction.
type LayerPass = (usize, Tile, Direction);

impl<'a, T: Float> Context<'a, T> {
    /// Makes the result from the operand in the tiles.
    pub(super) fn row_parallel_forward(&self, layer: &mut RowParallelState<T>) {
        let RowParallelState { x, y, x_bounds, y_bounds, is_bounded, .. } = layer;
        let (node, tile) = (layer.node, layer.tile);
        let pass = (node, tile, Direction::Forward);
        let operand = self.graph.at(node).operands()[0].index();
        is_bounded.store(true, Ordering::Relaxed);
        self.join(pass, &self.plan.nodes[operand].value, (x, x_bounds), is_bounded);
        let rows = RowsPass { x, ..self.rows_pass(node, tile) };
        self.split(pass, (y, y_bounds), |piece, y| {
            MatMulOp::forward_rows(rows, y_bounds[piece] / tile.width, y);
        });
    }

    /// Makes the gradient of the operand and what that of the weight needs, as far as they are needed.
    pub(super) fn row_parallel_backward(&self, layer: &mut RowParallelState<T>) {
        let RowParallelState { y, dx, workspace, x_bounds, y_bounds, workspace_bounds, .. } = layer;
        let (node, tile) = (layer.node, layer.tile);
        let pass = (node, tile, Direction::Backward);
        self.join(pass, &self.plan.nodes[node].gradient, (y, y_bounds), &layer.is_bounded);
        if !workspace.is_empty() {
            let dy = y.chunks(WORKSPACE_ROWS * tile.width);
            self.split(pass, (workspace, workspace_bounds), |piece, workspace| {
                let dy = dy.clone().nth(piece).expect("a piece of each");
                MatMulOp::pack(dy, tile, workspace);
            });
        }
        if !dx.is_empty() {
            let rows = RowsPass { x: y, bias: &[], ..self.rows_pass(node, tile) };
            self.split(pass, (dx, x_bounds), |piece, dx| {
                MatMulOp::backward_rows(rows, x_bounds[piece] / tile.width, dx);
            });
        }
    }

    /// What a pass of a layer needs beside the rows it reads.
    fn rows_pass(&self, i: usize, tile: Tile) -> RowsPass<'a, T> {
        let plan = &self.plan.nodes[i];
        RowsPass {
            x: &[],
            weight: self.value(self.graph.at(i).operands()[WEIGHT].index(), None),
            packed: self.packed(i),
            bias: plan.bias.map_or(&[], |bias| self.value(bias, None)),
            shape: &plan.shapes[WEIGHT],
            columns: tile.valid,
            stride: tile.width,
            adds: false,
        }
    }

    fn join(
        &self,
        pass: LayerPass,
        storage: &Storage,
        (rows, bounds): (&mut Buffer<T>, &[usize]),
        are_bounded: &AtomicBool,
    ) {
        let Storage::Tile(buffer) = *storage else {
            unreachable!("planned to last until the next stage")
        };
        let stride = pass.1.width;
        self.split(pass, (rows, bounds), |piece, rows| {
            for state in self.tiles {
                let (columns, width) = (&state.columns, state.tile.width);
                let from = &state.buffers[buffer][bounds[piece] / stride * width..];
                copy_rows((from, width), (&mut rows[columns.start..], stride), columns.len());
            }
            if !is_bounded(rows) {
                are_bounded.store(false, Ordering::Relaxed);
            }
        });
    }

    fn split(
        &self,
        (node, _, direction): LayerPass,
        (values, bounds): (&mut Buffer<T>, &[usize]),
        run: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let args = self.run;
        args.pool().split(values, [], bounds, |piece, values, []| {
            Times::count(args.times, node, direction, || run(piece, values));
        });
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use crate::testing::shards::{add, tree};
    use crate::{Compile, Graph, Pool, Program, RunArgs, Shape, Tensor, Tensors};
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

    /// Loss and gradients of a program that has some of the shards.
    fn results(batch: usize, shards: usize, own: Range<usize>, threads: usize) -> Vec<f32> {
        let graph = graph();
        let loss = graph.nodes().next_back().map(|(id, _)| id);
        let parameters = random(graph.n_parameters(), 1);
        let x = Tensor::new(vec![batch, 600], random(batch * 600, 2));
        let tile = Some(16.min(batch));
        let options = Compile { batch, loss, tile, shards, ..Compile::default() };
        let mut program = Program::of_shards(graph.into(), &options, own).unwrap();
        assert_eq!(program.row_parallel.len(), 3);
        let pool = Pool::new(threads);
        let (pool, inputs) = (Some(&pool), &Tensors(&[&x]));
        let run = RunArgs { pool, parameters: &parameters, inputs, ..RunArgs::default() };
        program.run(&run);
        let first = program.gradients().to_vec();
        let mut stepped = parameters.clone();
        let went =
            program.step(&run, [&mut stepped], |_, gradients, [p]| p.copy_from_slice(gradients));
        assert!(went && stepped == first, "a step is a run and an update");
        let loss = program.scalar(loss.unwrap());
        std::iter::once(loss).chain(first).collect()
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes_which_are_those_of_the_shards_alone() {
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<_>>();
        for (batch, shards) in [(1, 1), (3, 1), (16, 1), (37, 1), (3, 5), (37, 3), (37, 8)] {
            let of_shard = |i: usize| results(batch, shards, i..i + 1, 1);
            let expected = bits(tree(batch, shards, of_shard, add));
            for threads in [1, 2, 3, 5] {
                let found = bits(results(batch, shards, 0..shards, threads));
                assert!(found == expected, "batch {batch}, {shards} shards, {threads} threads");
            }
        }
    }

    #[test]
    fn packed_weights_give_the_bytes_of_those_that_are_not() {
        let graph = graph();
        let y = graph.nodes().nth_back(1).map(|(id, _)| id).unwrap();
        let parameters = random(graph.n_parameters(), 1);
        for batch in [1, 2, 37, 300] {
            let x = Tensor::new(vec![batch, 600], random(batch * 600, 2));
            let options = Compile { batch, keep: vec![y], ..Compile::default() };
            let mut program = Program::new(graph.clone(), &options).unwrap();
            let packed = program.pack(&parameters);
            let mut run = |packed, threads| {
                let (pool, inputs) = (&Pool::new(threads), &Tensors(&[&x]));
                let (pool, parameters) = (Some(pool), &parameters[..]);
                program.run(&RunArgs { pool, parameters, packed, inputs, ..RunArgs::default() });
                program.value(y).unwrap()
            };
            let expected = run(None, 1);
            for threads in [1, 2, 3] {
                assert!(run(Some(&packed), threads) == expected, "{batch}, {threads} threads");
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
            let (parameters, inputs) = (&parameters[..], &Tensors(&[&x]));
            program.run(&RunArgs { parameters, inputs, ..RunArgs::default() });
            let scale = outputs as f64;
            let rows = program.gradients().chunks(outputs).flat_map(|row| row[..500].to_vec());
            (program.row_parallel.len(), rows.map(|g| g * scale).collect::<Vec<_>>())
        };
        let ((none, tiles), (one, row_parallel)) = (gradients(500), gradients(512));
        assert_eq!((none, one), (0, 1));
        for (i, (tile, rows)) in tiles.iter().zip(&row_parallel).enumerate() {
            assert!((tile - rows).abs() <= 1e-12 * (1.0 + tile.abs()), "{i}: {tile}, {rows}");
        }
    }
}
