//! The planner: which task runs when, and where each value lives.
//!
//! Work falls into **stages**. In a *tiled* stage each tile of samples goes through all tasks of the
//! stage before its core takes the next tile, so its values stay in cache. A *whole* stage works on
//! values without batch axis, once. A stage ends where a value needs all tiles: the result of a
//! reduction over the batch going forward, the gradient of a shared value going backward. A network
//! without batch normalisation has one tiled stage, forward and backward in one go; but for *row-parallel* layers,
//! whose weight is so large that it is better read once for all tiles: each has a whole stage of its own,
//! forward and backward.
//!
//! Everything here depends on the graph and the batch size, never on the number of threads.

mod analysis;
mod storage;

use crate::{Float, Graph, Leaf, Shape};

use super::buffer::ROW_ALIGNMENT;
use super::{Compile, Direction};
use analysis::Analysis;
use storage::{chunk, place_batched, place_shared};

/// One thing to do, within a tile or on shared values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Read an input.
    Load(usize),
    /// Compute a node; for a reduction over the batch, the tile's part.
    Forward(usize),
    /// Put the tiles' parts of a reduction together.
    Finish(usize),
    /// Clear a gradient.
    Zero(usize),
    /// Set the gradient of the loss to 1.
    Seed(usize),
    /// Add to the gradient of an operand, or set it if nothing has been added before.
    Backward { node: usize, operand: usize, adds: bool },
    /// Keep what the rows of a split gradient need.
    Pack(usize),
    /// Add the tiles' parts of a shared gradient up.
    Reduce(usize),
    /// Compute a row-parallel layer, for all tiles at once.
    RowParallel(usize),
    /// Copy the tile's samples out of a row-parallel layer.
    Scatter(usize),
    /// The backward pass of a row-parallel layer.
    RowParallelBackward(usize),
    /// Add the tile's samples to the gradient of a row-parallel layer's operand, or set it.
    ScatterGradient { node: usize, adds: bool },
}

impl Task {
    /// The node, and the way through it, that the time for this task counts for.
    pub(super) fn counts_as(self) -> (usize, Direction) {
        match self {
            Self::Load(i)
            | Self::Forward(i)
            | Self::Finish(i)
            | Self::RowParallel(i)
            | Self::Scatter(i) => (i, Direction::Forward),
            Self::Zero(i)
            | Self::Seed(i)
            | Self::Backward { node: i, .. }
            | Self::Pack(i)
            | Self::Reduce(i)
            | Self::RowParallelBackward(i)
            | Self::ScatterGradient { node: i, .. } => (i, Direction::Backward),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) tiled: bool,
    pub(super) tasks: Vec<Task>,
}

/// Where a value or gradient lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Storage {
    /// Nowhere: it is not needed.
    #[default]
    None,
    /// In the tile, from stage to stage.
    Tile(usize),
    /// In the thread that works on the tile, within one stage.
    Worker(usize),
    /// Once, for all tiles.
    Shared(usize),
    /// In the vector of parameters, or of their gradients.
    Parameter(std::ops::Range<usize>),
    /// In the graph.
    Constant,
}

/// How long a buffer of a tile is.
#[derive(Clone, Copy, Debug)]
pub(super) enum BufferLen {
    /// So many rows of the tile's width.
    Rows(usize),
    /// So many elements.
    Fixed(usize),
    /// The workspace of a node's split gradient.
    Workspace(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct NodePlan {
    pub(super) value: Storage,
    pub(super) gradient: Storage,
    /// The tile's part of a reduction over the batch.
    pub(super) part: Option<usize>,
    /// The tile's part of the gradient of a shared value.
    pub(super) gradient_part: Option<usize>,
    /// What a split gradient keeps in the tile.
    pub(super) workspace: Option<usize>,
    /// The value is computed over that of the first operand.
    pub(super) in_place: bool,
    /// The gradient of the first operand is computed over that of the node.
    pub(super) backward_in_place: bool,
    /// Which of the row-parallel layers it is.
    pub(super) row_parallel: Option<usize>,
    /// The node whose value is added to this one's as a bias.
    pub(super) bias: Option<usize>,
    /// The number of the input that the value is, be it in another shape.
    pub(super) input: Option<usize>,
    /// The shapes of the operands.
    pub(super) shapes: Vec<Shape>,
}

/// A layer with so large a weight that it is read once for all tiles, each thread some rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowParallelPlan {
    pub(super) node: usize,
    /// Whether somebody wants the gradient of the first operand, and that of the weight.
    pub(super) wants: [bool; 2],
}

/// Some elements of one parameter's gradient, to be made by one thread.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) parameter: usize,
    /// Elements, counted from the parameter's first.
    pub(super) range: std::ops::Range<usize>,
    /// Nodes whose split gradients make it, from the loss down.
    pub(super) splits: Vec<usize>,
    /// Whether it has to be cleared first.
    pub(super) clear: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) stages: Vec<Stage>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) tile_buffers: Vec<BufferLen>,
    /// Rows of each of a worker's buffers.
    pub(super) worker_rows: Vec<usize>,
    pub(super) shared_lens: Vec<usize>,
    /// The row-parallel layers.
    pub(super) row_parallel: Vec<RowParallelPlan>,
    /// Lanes of a tile.
    pub(super) width: usize,
}

/// What a tile's values may take of a core's second-level cache. A constant, not a look at the machine,
/// since the order of sums depends on it.
const TILE_BYTES: usize = 2 << 20;
/// Lanes of a tile, from the largest, each with the smallest batch it is used for: large tiles cost fewer
/// calls, narrow ones leave no thread without work.
const WIDTHS: [(usize, usize); 5] = [(256, 4096), (128, 1024), (64, 96), (32, 48), (16, 8)];
/// The most lanes of a tile, and the smallest batch of which one has more than those above.
const WIDEST: usize = 35 * ROW_ALIGNMENT;
const WIDEST_BATCH: usize = 8192;

/// Makes the plan for a graph.
pub(super) fn plan<T: Float>(graph: &Graph<T>, options: &Compile) -> Plan {
    let analysis = Analysis::of(graph, options);
    let nodes = graph.nodes().map(|(_, node)| NodePlan {
        shapes: node.operands().iter().map(|&id| graph.shape(id).clone()).collect(),
        ..NodePlan::default()
    });
    let mut plan = Plan { nodes: nodes.collect(), stages: analysis.stages(), ..Plan::default() };
    for (id, node) in graph.nodes() {
        plan.nodes[id.index()].input = match (node.leaf(), node.op()) {
            (Some(&Leaf::Input(input)), _) => Some(input),
            (_, Some(op)) if op.is_view() => plan.nodes[node.operands()[0].index()].input,
            _ => None,
        };
    }
    place_shared(graph, &analysis, &mut plan);
    place_batched(options, &analysis, &mut plan);
    chunk(graph, &analysis, &mut plan);
    plan.width = options.tile.unwrap_or_else(|| width::<T>(&plan.worker_rows, options.batch));
    plan
}

fn width<T>(worker_rows: &[usize], batch: usize) -> usize {
    let row_bytes = worker_rows.iter().sum::<usize>() * size_of::<T>();
    let fits = |&&(width, min_batch): &&(usize, usize)| {
        batch >= min_batch && (row_bytes * width <= TILE_BYTES || width == 16)
    };
    // An even number of tiles, for two threads; and rows an odd number of cache lines apart, since those of
    // 512 lanes all meet the same sets of the first-level cache.
    let tiles = batch.max(1).div_ceil(WIDEST).next_multiple_of(2);
    let widest = (batch.div_ceil(tiles).div_ceil(ROW_ALIGNMENT) | 1) * ROW_ALIGNMENT;
    if fits(&&(widest, WIDEST_BATCH)) {
        return widest;
    }
    // A batch too small for any of them is one tile without padding.
    WIDTHS.iter().find(fits).map_or(batch.max(1), |&(width, _)| width)
}
