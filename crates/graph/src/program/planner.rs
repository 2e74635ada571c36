//! The planner: makes the execution [`Plan`] of a graph for one batch size.
//!
//! - A **tile** is a group of samples of the batch. One thread works on a tile at a time, and its size is
//!   chosen so that the values of the group stay in the second-level cache.
//! - A **stage** is a list of tasks between two points at which all threads wait for each other. In a *tiled*
//!   stage each tile goes through all tasks of the stage before its thread takes the next tile. An *untiled*
//!   stage works on values without batch axis, once.
//! - A **shard** is a part of the batch with tiles of its own, whose sums begin at zero: see `shards`.
//! - A **chunk** is a piece of a parameter's gradient. After the last stage one thread makes the chunk from
//!   all tiles, in the order of the tiles, and updates the parameters with it.
//!
//! A stage ends where a value depends on all tiles: the result of a reduction over the batch in the forward
//! pass, the gradient of a shared value in the backward pass. A network without batch normalization has
//! one tiled stage, forward and backward in one, with one exception: a *row-parallel* layer, whose weight is so
//! large that it is better read once for all tiles, has an untiled stage of its own in each direction.
//!
//! The steps, one module each:
//!
//! 1. `analysis`: which nodes are needed, which have a gradient, which layers are row-parallel;
//! 2. `stages`: in which stage each node is computed, and the tasks of the stages;
//! 3. `storage`: where each value is stored, and which ops work in place;
//! 4. `fuse_bias`: additions of a bias are left to the op before them;
//! 5. `strips`: which tasks of a stage are done together, a part of each value after the other;
//! 6. `chunks`: the pieces of the parameters' gradients.
//!
//! The plan depends on graph and options, never on machine or threads, since the order of sums depends on it.

mod analysis;
mod chunks;
mod fuse_bias;
mod stages;
mod storage;
mod strips;

use kernels::{Float, Isa};

use self::analysis::Analysis;
pub(super) use self::analysis::layer_weight;
use super::buffer::ROW_ALIGNMENT;
use super::options::Compile;
use super::plan::{NodePlan, Plan};
use crate::Shape;
use crate::graph::{Graph, Leaf, PlannerHint};

/// What a tile's values may take of a core's second-level cache: a constant, since the order of sums depends on it.
const TILE_BYTES: usize = 2 << 20;
/// Widths of a tile, each with the smallest batch for it: small tiles leave no thread without work.
const WIDTHS: [(usize, usize); 5] = [(256, 4096), (128, 1024), (64, 96), (32, 48), (16, 8)];
/// Batches from this one on are computed in tiles of [`FORWARD_WIDTHS`] where there is no loss.
pub(super) const FORWARD_BATCH: usize = 192;
/// Of these a row is an odd number of cache lines, so that rows meet all sets of the first-level cache; and what the
/// values may take, since none is kept for a backward pass.
const FORWARD_WIDTHS: [usize; 3] = [112, 48, 16];
const FORWARD_BYTES: usize = 5 << 20;
/// The largest width, and the smallest batch for a width above those in [`WIDTHS`].
const MAX_WIDTH: usize = 35 * ROW_ALIGNMENT;
const MAX_WIDTH_BATCH: usize = 8192;

/// The widths that the planner chooses from, beside that of a batch too small for them.
pub(crate) fn tile_widths() -> impl Iterator<Item = usize> {
    WIDTHS.into_iter().map(|(width, _)| width).chain(FORWARD_WIDTHS).chain([MAX_WIDTH])
}

// Not inlined, and named with both types: it is compiled here once, not in each crate that has a program.
#[inline(never)]
pub(super) fn plan<T: Float>(graph: &Graph<T>, options: &Compile) -> Plan {
    let analysis = Analysis::new(graph, options, |node| !node.is_frozen());
    let mut plan = place(&analysis, options);
    fuse_bias::fuse_bias(graph, &mut plan);
    chunks::cut(&analysis, &mut plan);
    plan.width = options.tile.unwrap_or_else(|| {
        if graph.nodes().any(|(_, node)| node.is_frozen()) {
            // The width that trains all parameters: freezing one does not change the rounding of the others.
            let trained = place(&Analysis::new(graph, options, |_| true), options);
            return width::<T>(&trained.worker_rows, options);
        }
        width::<T>(&plan.worker_rows, options)
    });
    plan.alignment = Isa::current().lanes();
    strips::cut(graph, &mut plan);
    plan
}

/// The plan with its stages, and storage for each value.
fn place<T: Float>(analysis: &Analysis<'_, T>, options: &Compile) -> Plan {
    let graph = analysis.graph;
    let mut nodes: Vec<NodePlan> = Vec::with_capacity(graph.nodes().len());
    for (id, node) in graph.nodes() {
        let input = match node.leaf() {
            Some(&Leaf::Input(input)) => Some(input),
            None if node.hint() == PlannerHint::View => nodes[node.operands()[0].index()].input,
            _ => None,
        };
        let shapes: Vec<Shape> =
            node.operands().iter().map(|&id| graph.shape(id).clone()).collect();
        let is_computed = analysis.needed[id.index()] && !analysis.row_parallel[id.index()];
        let kept_rows = node.op().filter(|_| is_computed).map_or(0, |op| op.kept_rows(&shapes));
        nodes.push(NodePlan { shapes, input, kept_rows, ..NodePlan::default() });
    }
    let mut stages = stages::stages(analysis);
    for stage in &mut stages {
        stage.strips = strips::find(graph, stage);
    }
    let Compile { batch, shards, .. } = *options;
    let may_halve = options.loss.is_none();
    let mut plan = Plan { nodes, stages, batch, shards, may_halve, ..Plan::default() };
    storage::place_shared(analysis, &mut plan);
    storage::place_batched(analysis, options, &mut plan);
    plan
}

#[used]
static F32: fn(&Graph<f32>, &Compile) -> Plan = plan;
#[used]
static F64: fn(&Graph<f64>, &Compile) -> Plan = plan;

fn width<T>(worker_rows: &[usize], &Compile { batch, shards, loss, .. }: &Compile) -> usize {
    // A shard, or a batch, too small for any of the widths is one tile without padding.
    let longest = batch.div_ceil(shards);
    if WIDTHS.iter().all(|&(_, min_batch)| longest < min_batch) {
        return longest;
    }
    let rows = worker_rows.iter().fold(0, |sum: usize, &rows| sum.saturating_add(rows));
    let row_bytes = rows.saturating_mul(size_of::<T>());
    if loss.is_none() && (FORWARD_BATCH..MAX_WIDTH_BATCH).contains(&batch) {
        let fits = |&&width: &&usize| row_bytes.saturating_mul(width) <= FORWARD_BYTES;
        return *FORWARD_WIDTHS.iter().find(fits).unwrap_or(&ROW_ALIGNMENT);
    }
    let fits = |&&(width, min_batch): &&(usize, usize)| {
        batch >= min_batch
            && (row_bytes.saturating_mul(width) <= TILE_BYTES || width == ROW_ALIGNMENT)
    };
    // An even number of tiles, for two threads, and an odd one of cache lines a row, for all sets of the cache.
    let tiles = batch.max(1).div_ceil(MAX_WIDTH).next_multiple_of(2);
    let odd = (batch.div_ceil(tiles).div_ceil(ROW_ALIGNMENT) | 1) * ROW_ALIGNMENT;
    let of_batch = [(odd, MAX_WIDTH_BATCH)];
    let &(width, _) = of_batch.iter().chain(&WIDTHS).find(fits).expect("the smallest fits any");
    width.min(longest.next_multiple_of(ROW_ALIGNMENT))
}
