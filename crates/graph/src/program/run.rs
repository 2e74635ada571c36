//! How a program carries out its plan.

use std::mem::{replace, take};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use kernels::Float;

use super::buffer::Buffer;
use super::context::TaskOutput;
use super::input_source::check_shapes;
use super::options::RunArgs;
use super::plan::{Chunk, Storage};
use super::state::Worker;
use super::task::{Task, TaskKind};
use super::times::{Direction, Times};
use super::{ParameterPiece, Program, check_lens, shards};
use crate::rows::add_or_set;

#[used]
static F32: fn(&mut Program<f32>, &RunArgs<'_, f32>) = Program::run_stages;
#[used]
static F64: fn(&mut Program<f64>, &RunArgs<'_, f64>) = Program::run_stages;

impl<T: Float> Program<T> {
    /// All stages of the plan: every value, and what the chunks of the gradients are made of.
    // Compiled here once for both types, as `planner::plan` is.
    #[inline(never)]
    pub(super) fn run_stages(&mut self, run: &RunArgs<'_, T>) {
        // A panic leaves the tiles taken out; without them a run would find nothing to do.
        assert!(!self.tiles.is_empty(), "an earlier run panicked");
        let expected = self.graph.n_parameters();
        assert_eq!(run.parameters.len(), expected, "parameters: expected {expected}");
        check_shapes(run.inputs, &self.graph, self.plan.batch);
        let threads = run.pool().threads();
        if self.workers.len() < threads {
            self.row_parallel.iter_mut().for_each(|layer| layer.share_among(threads));
        }
        while self.workers.len() < threads {
            let worker = Worker::new(&self.plan, self.memory.thread_scratch);
            self.workers.push(Mutex::new(worker));
        }
        for stage in 0..self.plan.stages.len() {
            if self.plan.stages[stage].is_tiled {
                self.run_tiled(stage, run);
            } else {
                for number in 0..self.plan.stages[stage].tasks.len() {
                    self.run_untiled(self.plan.stages[stage].tasks[number], run);
                }
            }
        }
    }

    fn run_tiled(&mut self, stage: usize, run: &RunArgs<'_, T>) {
        let mut tiles = take(&mut self.tiles);
        let context = self.context(run);
        let is_last = !self.plan.stages[stage + 1..].iter().any(|stage| stage.is_tiled);
        run.pool().each_with(&mut tiles, &self.workers, |_, tile, worker| {
            context.plan.stages[stage].for_each_task(|task, strip| {
                Times::count(run.times, task.node, task.direction(), || {
                    context.run_in_tile(task, strip, tile, worker);
                });
            });
            if is_last {
                tile.is_bounded = context.is_bounded(tile);
            }
        });
        self.tiles = tiles;
    }

    /// A task of an untiled stage: row-parallel layers by all threads, the others by the caller's.
    fn run_untiled(&mut self, task: Task, run: &RunArgs<'_, T>) {
        if let TaskKind::RowParallel | TaskKind::RowParallelBackward = task.kind {
            let mut layers = take(&mut self.row_parallel);
            let layer = self.plan.nodes[task.node].row_parallel;
            let layer = &mut layers[layer.expect("planned as a row-parallel layer")];
            match task.direction() {
                Direction::Forward => self.context(run).row_parallel_forward(layer),
                Direction::Backward => self.context(run).row_parallel_backward(layer),
            }
            self.row_parallel = layers;
        } else {
            Times::count(run.times, task.node, task.direction(), || self.run_shared(task, run));
        }
    }

    /// One task on shared values. The buffers that it writes are taken out meanwhile, so that others can be read.
    fn run_shared(&mut self, task: Task, run: &RunArgs<'_, T>) {
        let (_, storage) = self.context(run).target(task, false);
        let kept_storage = self.context(run).kept(task).0.cloned();
        let mut kept = kept_storage.as_ref().map(|storage| take(self.shared_buffer(storage)));
        let mut scratch = take(&mut self.shared_scratch);
        let mut values = take(self.shared_buffer(&storage));
        let out = match &storage {
            Storage::Parameter(range) => &mut values[range.clone()],
            _ => &mut values[..],
        };
        let kept_out = kept.as_mut().map_or(&mut [][..], |kept| &mut kept[..]);
        let output = TaskOutput { out, kept: kept_out, scratch: &mut scratch };
        self.context(run).execute(task, None, output);
        *self.shared_buffer(&storage) = values;
        if let (Some(storage), Some(kept)) = (&kept_storage, kept) {
            *self.shared_buffer(storage) = kept;
        }
        self.shared_scratch = scratch;
    }

    fn shared_buffer(&mut self, storage: &Storage) -> &mut Buffer<T> {
        match storage {
            Storage::Shared(at) => &mut self.shared[*at],
            Storage::Parameter(_) => &mut self.gradients,
            _ => unreachable!("planned as shared"),
        }
    }

    /// The gradients of the parameters, each chunk by one thread, from the tiles of each shard in order; then `update`.
    pub(super) fn run_chunks<const N: usize>(
        &mut self,
        run: &RunArgs<'_, T>,
        vectors: [&mut [T]; N],
        update: impl Fn(ParameterPiece, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        let mut gradients = take(&mut self.gradients);
        check_lens(&gradients, &vectors);
        let context = self.context(run);
        let add_up = |chunk: &Chunk, dx: &mut [T], worker: &Mutex<Worker<T>>| {
            let part = self.plan.nodes[chunk.parameter].gradient_part;
            if part.is_none() && chunk.by_rows.is_empty() {
                return;
            }
            let mut worker = (self.plan.shards > 1)
                .then(|| worker.lock().unwrap_or_else(PoisonError::into_inner));
            let scratch = worker.as_mut().map_or(&mut [][..], |worker| &mut worker.scratch);
            shards::sum(&self.shard_bounds, !chunk.clear, dx, scratch, |tiles, mut adds, dx| {
                if let Some(part) = part {
                    for tile in &self.tiles[tiles.clone()] {
                        let part = &tile.buffers[part][chunk.range.clone()];
                        add_or_set(dx, part, replace(&mut adds, true));
                    }
                }
                context.weight_rows(chunk, tiles, adds, dx);
            });
        };
        let (bounds, workers) = (&self.plan.chunk_bounds, &self.workers);
        run.pool().split_with(
            &mut gradients,
            vectors,
            bounds,
            workers,
            |c, dx, vectors, worker| {
                let chunk = &self.plan.chunks[c];
                if chunk.is_frozen {
                    return;
                }
                Times::count(run.times, chunk.parameter, Direction::Backward, || {
                    add_up(chunk, dx, worker);
                    let squares = kernels::sum_of_squares(dx).to_bits();
                    self.chunk_squares[c].store(squares, Ordering::Relaxed);
                });
                update(chunk.piece(), dx, vectors);
            },
        );
        self.gradients = gradients;
    }
}
