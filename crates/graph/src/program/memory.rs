//! How much memory a program needs, known before it is allocated.

use std::cmp::Reverse;
use std::iter;

use kernels::Float;

use super::error::CompileError;
use super::exchange::Exchange;
use super::options::{Compile, MemoryLimit};
use super::plan::{NodePlan, Plan, Storage};
use super::shards;
use super::state::RowParallelState;
use crate::graph::{Graph, NodeId};

/// Elements that a program allocates. No sum overflows: what is larger than any memory is `usize::MAX`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// The buffers of the largest tile.
    pub(super) tile: usize,
    /// Those of all tiles.
    tiles: usize,
    /// The buffers of a thread, with its scratch space.
    pub(super) thread: usize,
    pub(super) thread_scratch: usize,
    /// Shared values and gradients, with the scratch space of untiled stages.
    pub(super) shared: usize,
    /// For passes, or for the tiles' parts of the largest reduction, one after the other.
    pub(super) shared_scratch: usize,
    /// Bytes of all of these, with as many threads as the limit counts.
    pub(super) bytes: usize,
}

impl Memory {
    /// # Errors
    ///
    /// If the program needs more than the options allow.
    pub(super) fn new<T: Float>(
        graph: &Graph<T>,
        plan: &Plan,
        options: &Compile,
        exchange: Option<&Exchange>,
    ) -> Result<Self, CompileError> {
        let mut memory = Self::of_values(graph, plan, exchange);
        memory.check(graph, plan, options)?;
        // Only now, since ops do not expect to be asked about sizes that no memory holds.
        let parts = memory.shared_scratch;
        memory.thread_scratch = scratch_len(graph, plan, plan.width).max(chunk_scratch(plan));
        memory.shared_scratch = scratch_len(graph, plan, 1).max(parts);
        memory.thread = memory.thread.saturating_add(memory.thread_scratch);
        memory.shared = memory.shared.saturating_add(memory.shared_scratch - parts);
        memory.check(graph, plan, options)?;
        Ok(memory)
    }

    fn of_values<T: Float>(graph: &Graph<T>, plan: &Plan, exchange: Option<&Exchange>) -> Self {
        let of_tile = |width| sum(plan.tile_buffers.iter().map(|len| len.elements(width)));
        let (mut most, mut width, mut columns, mut tiles) = (0, 0, 0_usize, 0_usize);
        for shard in 0..plan.shards {
            let n_tiles = plan.tiles_in(shard);
            if n_tiles == 0 {
                continue;
            }
            // All its tiles are alike but the last of each half, which may be narrower. They are not listed: a batch may be
            // huge.
            let each = plan.tile(shard, 0).width;
            let last = [n_tiles - 1, (n_tiles / 2).saturating_sub(1)].into_iter().take(n_tiles);
            let last = last.map(|i| (1, plan.tile(shard, i).width));
            for (count, width) in iter::once((n_tiles.saturating_sub(2), each)).chain(last) {
                columns = columns.saturating_add(count.saturating_mul(width));
                tiles = tiles.saturating_add(count.saturating_mul(of_tile(width)));
            }
            (most, width) = (most.max(n_tiles), width.max(each));
        }
        let largest = |is_asked: fn(&NodePlan) -> bool| {
            let nodes = graph.nodes().zip(&plan.nodes).filter(|(_, plan)| is_asked(plan));
            nodes.map(|((_, node), _)| node.shape().len()).max().unwrap_or(0)
        };
        let of_shard = largest(|plan| plan.part.is_some()).saturating_mul(most);
        let summed = largest(|plan| plan.part.or(plan.gradient_part).is_some());
        let parts = of_shard.saturating_add(summed.saturating_mul(shards::buffers(plan.shards)));
        let parts = parts.saturating_add(exchange.map_or(0, |exchange| exchange.sums_len(summed)));
        let exchanged = exchange.map_or([0; 2], Exchange::gradient_lens);
        let layers = plan.row_parallel.iter();
        let layers =
            layers.flat_map(|&layer| RowParallelState::lens(graph, plan, layer, columns).1);
        let shared = plan.shared_lens.iter().copied().chain(layers);
        Self {
            tile: of_tile(width),
            tiles,
            thread: sum(plan.worker_rows.iter().copied()).saturating_mul(plan.width),
            thread_scratch: 0,
            shared: sum(shared.chain([parts, graph.n_parameters()]).chain(exchanged)),
            shared_scratch: parts,
            bytes: 0,
        }
    }

    fn check<T: Float>(
        &mut self,
        graph: &Graph<T>,
        plan: &Plan,
        options: &Compile,
    ) -> Result<(), CompileError> {
        let MemoryLimit { bytes: limit, reserved, threads } = options.memory;
        let of_threads = self.thread.saturating_mul(threads);
        let len = sum([self.tiles, of_threads, self.shared].into_iter());
        self.bytes = len.saturating_mul(size_of::<T>());
        let bytes = self.bytes.saturating_add(reserved);
        if bytes <= limit {
            return Ok(());
        }
        // The first of the largest values tells what to change: those after it have its size.
        let size = |id| {
            let shape = graph.shape(id);
            shape.len().saturating_mul(if shape.is_batched() { plan.batch } else { 1 })
        };
        let largest = stored(graph, plan).min_by_key(|&id| Reverse(size(id)));
        let largest = largest.expect("a program that needs memory computes values");
        Err(CompileError::Memory {
            bytes,
            limit,
            batch: options.batch,
            scope: graph.scope(largest).into(),
            value: graph.node(largest).label().into(),
            shape: graph.shape(largest).clone(),
        })
    }
}

fn sum(lens: impl Iterator<Item = usize>) -> usize {
    lens.fold(0, usize::saturating_add)
}

fn stored<T: Float>(graph: &Graph<T>, plan: &Plan) -> impl Iterator<Item = NodeId> {
    let ids = graph.nodes().map(|(id, _)| id);
    ids.filter(|id| plan.nodes[id.index()].value != Storage::None)
}

/// The scratch space for the sum of a chunk over all shards.
fn chunk_scratch(plan: &Plan) -> usize {
    let lens = plan.chunks.iter().map(|chunk| chunk.range.len());
    lens.max().unwrap_or(0).saturating_mul(shards::buffers(plan.shards))
}

/// The largest scratch space that a pass needs for a tile of this width.
fn scratch_len<T: Float>(graph: &Graph<T>, plan: &Plan, width: usize) -> usize {
    let passes = stored(graph, plan)
        .filter_map(|id| Some((graph.node(id).op()?, &plan.nodes[id.index()].shapes)));
    let len = passes.map(|(op, shapes)| {
        let backward = (0..shapes.len()).map(|operand| op.backward_scratch(operand, shapes, width));
        backward.max().unwrap_or(0).max(op.forward_scratch(shapes, width))
    });
    len.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use crate::{Compile, CompileError, Graph, MemoryLimit, Padding, Program, Shape};

    fn refused(g: Graph<f32>, options: &Compile) -> String {
        let error = Program::new(g, options).unwrap_err();
        assert!(matches!(error, CompileError::Memory { .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn a_program_that_no_memory_holds_is_refused_with_layer_and_sizes() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([28, 28, 1]));
        g.begin_scope("layer 1 (conv2d)");
        let weight = g.parameter("weight", [1, 1, 1, 1_000_000]);
        let y = g.conv2d(x, weight, [1, 1], Padding::Valid).unwrap();
        g.begin_scope("layer 2 (relu)");
        let y = g.relu(y);
        let loss = g.mean_all(y).unwrap();
        let options = Compile { batch: 100, loss: Some(loss), ..Compile::default() };
        let text = refused(g, &options);
        let expected = "layer 1 (conv2d): conv2d [N, 28, 28, 1000000] with a batch of 100: ";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.ends_with(" bytes are needed, the limit is 17179869184"), "{text}");
    }

    #[test]
    fn sizes_whose_product_overflows_and_a_batch_that_no_memory_holds_are_refused() {
        const HUGE: usize = 1 << 60;
        // With the second stride the result is small, but the gradient of the weight needs the image with its padding.
        for stride in [1, HUGE] {
            let mut g = Graph::<f32>::new();
            let x = g.input("x", Shape::batch([4, 4, 1]));
            let weight = g.parameter("weight", [2, 2, 1, 3]);
            let padding = Padding::Explicit { top: HUGE, bottom: HUGE, left: HUGE, right: 0 };
            let y = g.conv2d(x, weight, [stride; 2], padding).unwrap();
            let loss = g.mean_all(y).unwrap();
            refused(g, &Compile { batch: 8, loss: Some(loss), ..Compile::default() });
        }
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([3]));
        let y = g.relu(x);
        let loss = g.mean_all(y).unwrap();
        refused(g, &Compile { batch: 1 << 60, loss: Some(loss), ..Compile::default() });
    }

    #[test]
    fn the_limit_counts_everything_that_is_allocated() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([600]));
        let weight = g.parameter("weight", [600, 600]);
        let y = g.matmul(x, weight).unwrap();
        let loss = g.mean_all(y).unwrap();
        // Gradients of 600 · 600 numbers, and two values of 600 numbers and their gradients for 48 samples.
        let least = 4 * (600 * 600 + 3 * 600 * 48);
        let options = |bytes, reserved, threads| {
            let memory = MemoryLimit { bytes, reserved, threads };
            Compile { batch: 48, loss: Some(loss), memory, ..Compile::default() }
        };
        refused(g.clone(), &options(least, 0, 1));
        let bytes = Program::new(g.clone(), &options(4 * least, 0, 1)).unwrap().bytes();
        assert!(bytes > least, "{bytes}");
        // To the byte, with what is reserved; and each thread takes some.
        Program::new(g.clone(), &options(bytes + 100, 100, 1)).unwrap();
        for options in [options(bytes + 99, 100, 1), options(bytes, 0, 2)] {
            let text = refused(g.clone(), &options);
            assert!(text.contains("weight [600, 600] with a batch of 48: "), "{text}");
        }
    }
}
