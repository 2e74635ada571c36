//! How a program carries out its plan.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use kernels::{Float, Pool};

use super::buffer::add;
use super::context::{BackwardTask, Context};
use super::options::RunArgs;
use super::plan::Storage;
use super::row_parallel::RowParallelPasses;
use super::state::Worker;
use super::task::Task;
use super::times::{Direction, Times};
use super::{Program, Vectors};
use crate::op::{RandomKey, Tile};

#[used]
static F32: fn(&mut Program<f32>, &RunArgs<'_, f32>) = Program::run_stages;
#[used]
static F64: fn(&mut Program<f64>, &RunArgs<'_, f64>) = Program::run_stages;

impl<T: Float> Program<T> {
    /// All stages of the plan: every value, and what the chunks of the gradients are made of.
    // Compiled here once for both types, as `planner::plan` is.
    #[inline(never)]
    pub(super) fn run_stages(&mut self, run: &RunArgs<'_, T>) {
        let expected = self.graph.n_parameters();
        assert_eq!(run.parameters.len(), expected, "parameters: expected {expected}");
        let threads = run.pool.map_or(1, Pool::threads);
        if self.workers.len() < threads {
            self.row_parallel.iter_mut().for_each(|layer| layer.share_among(threads));
        }
        while self.workers.len() < threads {
            let worker = Worker::new(&self.plan, self.memory.thread_scratch);
            self.workers.push(Mutex::new(worker));
        }
        self.key = RandomKey { seed: run.seed, step: run.step, node: 0 };
        for stage in 0..self.plan.stages.len() {
            if self.plan.stages[stage].is_tiled {
                self.run_tiled(stage, run);
            } else {
                self.run_untiled(stage, run);
            }
        }
    }

    /// A tiled stage: each tile by one thread.
    fn run_tiled(&mut self, stage: usize, run: &RunArgs<'_, T>) {
        let Self { graph, plan, tiles, workers, shared, row_parallel, serial, key, .. } = self;
        let context =
            Context { graph, plan, parameters: run.parameters, shared, row_parallel, key: *key };
        let pool = run.pool.unwrap_or(serial);
        let is_last = !plan.stages[stage + 1..].iter().any(|stage| stage.is_tiled);
        pool.each_with(tiles, workers, |_, tile, worker| {
            for &task in &context.plan.stages[stage].tasks {
                let (node, direction) = task.counts_as();
                Times::count(run.times, node, direction, || {
                    context.run(task, tile, worker, run.inputs);
                });
            }
            if is_last {
                tile.is_bounded = context.is_bounded(tile, run.inputs);
            }
        });
    }

    /// An untiled stage: row-parallel layers by all threads, the other tasks by the caller's.
    fn run_untiled(&mut self, stage: usize, run: &RunArgs<'_, T>) {
        for number in 0..self.plan.stages[stage].tasks.len() {
            let task = self.plan.stages[stage].tasks[number];
            if let Task::RowParallel(i) | Task::RowParallelBackward(i) = task {
                self.run_row_parallel(i, task.counts_as().1, run);
            } else {
                let (node, direction) = task.counts_as();
                Times::count(run.times, node, direction, || self.run_shared(task, run));
            }
        }
    }

    fn run_row_parallel(&mut self, i: usize, direction: Direction, run: &RunArgs<'_, T>) {
        let mut layers = std::mem::take(&mut self.row_parallel);
        let layer = self.plan.nodes[i].row_parallel.expect("planned as a row-parallel layer");
        let passes = RowParallelPasses {
            context: self.context(run.parameters),
            tiles: &self.tiles,
            pool: run.pool.unwrap_or(&self.serial),
            times: run.times,
        };
        match direction {
            Direction::Forward => passes.forward(&mut layers[layer]),
            Direction::Backward => passes.backward(&mut layers[layer]),
        }
        self.row_parallel = layers;
    }

    /// One task on shared values.
    fn run_shared(&mut self, task: Task, run: &RunArgs<'_, T>) {
        let tile = Tile::unbatched(self.batch);
        let value = |own: &Self, i: usize| own.plan.nodes[i].value.clone();
        let gradient = |own: &Self, i: usize| own.plan.nodes[i].gradient.clone();
        match task {
            Task::Load(i) => self.write_shared(value(self, i), |own, y, _| {
                run.inputs.load(own.context(run.parameters).input(i), tile, y);
            }),
            Task::Finish(i) => self.write_shared(value(self, i), |own, y, _| {
                let part = own.plan.nodes[i].part.expect("planned with a part");
                for (to, tile) in own.parts.chunks_exact_mut(y.len().max(1)).zip(&own.tiles) {
                    to.copy_from_slice(&tile.buffers[part]);
                }
                let parts = &own.parts[..y.len() * own.tiles.len()];
                own.context(run.parameters).op(i).finish(parts, &own.samples, y);
            }),
            Task::Forward(i) => self.write_shared(value(self, i), |own, y, scratch| {
                own.context(run.parameters).forward(i, tile, None, y, scratch);
            }),
            Task::Backward { node, operand, adds } => {
                let to = self.node(node).operands()[operand].index();
                self.write_shared(gradient(self, to), |own, dx, scratch| {
                    let pass = BackwardTask { node, operand, adds, tile, local: None };
                    own.context(run.parameters).backward(pass, dx, scratch);
                });
            }
            Task::Zero(i) => self.write_shared(gradient(self, i), |_, dx, _| dx.fill(T::ZERO)),
            Task::Seed(i) => self.write_shared(gradient(self, i), |_, dx, _| dx.fill(T::ONE)),
            Task::Reduce(i) => self.write_shared(gradient(self, i), |own, dx, _| {
                let part = own.plan.nodes[i].gradient_part.expect("planned with a part");
                own.tiles.iter().for_each(|tile| add(dx, &tile.buffers[part]));
            }),
            Task::Pack(_)
            | Task::RowParallel(_)
            | Task::Scatter(_)
            | Task::RowParallelBackward(_)
            | Task::ScatterGradient { .. } => unreachable!("planned for tiles or all threads"),
        }
    }

    /// Calls `work` with a shared value or gradient, which is taken out meanwhile so that others can be read,
    /// and with scratch space.
    fn write_shared(&mut self, storage: Storage, work: impl FnOnce(&mut Self, &mut [T], &mut [T])) {
        let mut scratch = std::mem::take(&mut self.shared_scratch);
        match storage {
            Storage::Shared(at) => {
                let mut values = std::mem::take(&mut self.shared[at]);
                work(self, &mut values, &mut scratch);
                self.shared[at] = values;
            }
            Storage::Parameter(range) => {
                // With those of all parameters, of which no pass reads any.
                let mut gradients = std::mem::take(&mut self.gradients);
                work(self, &mut gradients[range], &mut scratch);
                self.gradients = gradients;
            }
            _ => unreachable!("planned as shared"),
        }
        self.shared_scratch = scratch;
    }

    /// The gradients of the parameters, each chunk by one thread: the tiles' parts added up in order,
    /// or rows made from all tiles in order. Then `update` with the chunk.
    pub(super) fn run_chunks(
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
                    context.weight_rows(chunk, tiles, adds, dx);
                    chunk_squares[c]
                        .store(kernels::sum_of_squares(dx).to_bits(), Ordering::Relaxed);
                });
                update(dx, [first, second, third]);
            },
        );
    }
}
