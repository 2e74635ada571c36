//! How a program carries out its plan.

use std::mem::take;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kernels::Float;

use super::buffer::Buffer;
use super::context::TaskOutput;
use super::exchange::Exchange;
use super::input_source::check_shapes;
use super::options::RunArgs;
use super::plan::{Chunk, Storage};
use super::shards::SumTree;
use super::state::Worker;
use super::task::{Task, TaskKind};
use super::times::{Direction, Times};
use super::{ParameterPiece, Program, check_lens};

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

    /// The gradients of the parameters, each chunk by one thread, from the tiles of each shard in order; then `update`. With
    /// other processes, those of this one's chunks.
    pub(super) fn run_chunks<const N: usize>(
        &mut self,
        run: &RunArgs<'_, T>,
        vectors: [&mut [T]; N],
        update: impl Fn(ParameterPiece, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        if self.exchange.is_some() {
            self.exchange_gradients(run);
        }
        let mut gradients = take(&mut self.gradients);
        check_lens(&gradients, &vectors);
        let (context, workers) = (self.context(run), &self.workers);
        let own = self.own_chunks();
        let bounds = self.plan.bounds_of(&own);
        let exchanged = self.exchanged.each_ref().map(|buffer| &buffer[..]);
        let make = |c: usize, dx: &mut [T], vectors: [&mut [T]; N], worker: &Mutex<Worker<T>>| {
            let (chunk, start) = (&self.plan.chunks[own.start + c], bounds[c] - bounds[0]);
            if chunk.is_frozen {
                return;
            }
            Times::count(run.times, chunk.parameter, Direction::Backward, || {
                if self.is_summed(chunk) {
                    let mut worker = (self.plan.shards > 1).then(|| lock(worker));
                    let scratch = worker.as_mut().map_or(&mut [][..], |worker| &mut worker.scratch);
                    match &self.exchange {
                        None => {
                            context.sum_chunk(chunk, context.own_tree(), !chunk.clear, dx, scratch);
                        }
                        Some(exchange) => {
                            exchange.sum_branches(exchanged, start, !chunk.clear, dx, scratch);
                        }
                    }
                }
                let squares = kernels::sum_of_squares(dx).to_bits();
                self.chunk_squares[own.start + c].store(squares, Ordering::Relaxed);
            });
            update(chunk.piece(), dx, vectors);
        };
        run.pool().split_with(&mut gradients, vectors, bounds, workers, make);
        self.gradients = gradients;
        if let Some(exchange) = &self.exchange {
            exchange.gather_squares(&self.chunk_squares);
        }
    }

    /// Makes the gradients of this process's branches, and receives those of the others for its chunks.
    fn exchange_gradients(&mut self, run: &RunArgs<'_, T>) {
        let [mut own, mut received] = take(&mut self.exchanged);
        let exchange = self.exchange.as_ref().expect("asked for with other processes only");
        let (context, chunks) = (self.context(run), &self.plan.chunks);
        let (bounds, workers) = (&self.plan.chunk_bounds, &self.workers);
        for (own, shards) in
            own.chunks_exact_mut(self.gradients.len().max(1)).zip(exchange.own_branches())
        {
            let bounds_of_tree = &self.shard_bounds[shards.start..=shards.end];
            let tree = SumTree { bounds: bounds_of_tree, known: &[] };
            run.pool().split_with(own, [], bounds, workers, |c, dx, [], worker| {
                if self.is_summed(&chunks[c]) {
                    context.sum_chunk(&chunks[c], tree, false, dx, &mut lock(worker).scratch);
                }
            });
        }
        exchange.exchange_gradients(&own, &mut received);
        self.exchanged = [own, received];
    }

    /// The chunks of the gradient that this process makes and updates.
    pub(super) fn own_chunks(&self) -> Range<usize> {
        self.exchange.as_ref().map_or(0..self.plan.chunks.len(), Exchange::own_chunks)
    }

    /// Whether tiles have parts of the gradient of a chunk.
    fn is_summed(&self, chunk: &Chunk) -> bool {
        let has_parts = self.plan.nodes[chunk.parameter].gradient_part.is_some();
        !chunk.is_frozen && (has_parts || !chunk.by_rows.is_empty())
    }
}

fn lock<T>(worker: &Mutex<Worker<T>>) -> MutexGuard<'_, Worker<T>> {
    worker.lock().unwrap_or_else(PoisonError::into_inner)
}
