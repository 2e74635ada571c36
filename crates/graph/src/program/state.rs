//! What a program keeps between tasks: of each tile, of each thread, and of each row-parallel layer.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use kernels::Float;

use super::buffer::{Buffer, ROW_ALIGNMENT};
use super::plan::{BufferLen, Plan, RowParallelPlan};
use crate::graph::{Graph, NodeId};
use crate::op::Tile;
use crate::ops::matmul::{MatMulOp, WORKSPACE_ROWS};

/// A tile and what is kept of it from stage to stage.
#[derive(Debug)]
pub(super) struct TileState<T> {
    pub(super) tile: Tile,
    /// Columns of the tiles before it.
    pub(super) first_column: usize,
    pub(super) buffers: Vec<Buffer<T>>,
    /// Whether what the gradients of parameters will be made of is so small that they must be finite.
    pub(super) is_bounded: bool,
}

impl<T: Float> TileState<T> {
    pub(super) fn new(tile: Tile, first_column: usize, plan: &Plan) -> Self {
        let len = |&len: &BufferLen| buffer_len(len, tile.width);
        let buffers = plan.tile_buffers.iter().map(len).map(Buffer::new).collect();
        Self { tile, first_column, buffers, is_bounded: false }
    }

    /// The columns of the tile where all tiles are side by side.
    pub(super) fn columns(&self) -> Range<usize> {
        self.first_column..self.first_column + self.tile.width
    }
}

/// Elements of a tile's buffer.
pub(super) fn buffer_len(len: BufferLen, width: usize) -> usize {
    match len {
        BufferLen::Rows(rows) => rows.saturating_mul(width),
        BufferLen::Fixed(len) => len,
        BufferLen::Workspace(rows) => MatMulOp::workspace(rows, width),
    }
}

/// The tiles of a batch.
pub(super) fn tiles(plan: &Plan, batch: usize) -> impl Iterator<Item = Tile> {
    (0..batch).step_by(plan.samples).map(move |first| tile_at(plan, batch, first))
}

/// The tile whose first sample is `first`.
pub(super) fn tile_at(plan: &Plan, batch: usize, first: usize) -> Tile {
    let valid = plan.samples.min(batch - first);
    // The last tile may be narrower, as long as its rows stay whole vectors.
    let width = plan.width.min(valid.next_multiple_of(ROW_ALIGNMENT));
    Tile { first, valid, width, batch }
}

/// What a thread needs for the tile it works on.
#[derive(Debug)]
pub(super) struct Worker<T> {
    pub(super) buffers: Vec<Buffer<T>>,
    pub(super) scratch: Buffer<T>,
}

impl<T: Float> Worker<T> {
    pub(super) fn new(plan: &Plan, scratch: usize) -> Self {
        let buffers = plan.worker_rows.iter().map(|&rows| Buffer::new(rows * plan.width));
        Self { buffers: buffers.collect(), scratch: Buffer::new(scratch) }
    }
}

/// The values of all tiles of one row-parallel layer, side by side: each buffer has one row for each feature.
#[derive(Debug)]
pub(super) struct RowParallelState<T> {
    pub(super) node: usize,
    /// All tiles as one, whose width is the distance between rows.
    pub(super) tile: Tile,
    /// The first operand.
    pub(super) x: Buffer<T>,
    /// The result, and later its gradient.
    pub(super) y: Buffer<T>,
    /// The gradient of the first operand; empty if it is not needed.
    pub(super) dx: Buffer<T>,
    /// For the gradient of the weight; empty if it is not needed.
    pub(super) workspace: Buffer<T>,
    /// Where the pieces begin that threads work on, for the buffers with one row for each feature of `x`.
    pub(super) x_bounds: Vec<usize>,
    pub(super) y_bounds: Vec<usize>,
    pub(super) workspace_bounds: Vec<usize>,
    /// Whether what the gradient of the weight will be made of is so small that it must be finite.
    pub(super) is_bounded: AtomicBool,
}

/// Lengths of the buffers of a [`RowParallelState`].
#[derive(Clone, Copy, Debug)]
pub(super) struct RowParallelLens {
    stride: usize,
    x: usize,
    y: usize,
    dx: usize,
    workspace: usize,
}

impl RowParallelLens {
    pub(super) fn new<T: Float>(graph: &Graph<T>, layer: RowParallelPlan, columns: usize) -> Self {
        let node = graph.node(NodeId::new(layer.node));
        let (k, n) = (graph.shape(node.operands()[0]).len(), node.shape().len());
        // Rows an even number of cache lines apart would meet few sets of the first-level cache.
        let stride = if columns.is_multiple_of(ROW_ALIGNMENT) {
            ((columns / ROW_ALIGNMENT) | 1) * ROW_ALIGNMENT
        } else {
            columns
        };
        let [wants_dx, wants_dweight] = layer.wants;
        let (x, y) = (k.saturating_mul(stride), n.saturating_mul(stride));
        let dx = if wants_dx { x } else { 0 };
        let workspace = if wants_dweight { MatMulOp::workspace(n, columns) } else { 0 };
        Self { stride, x, y, dx, workspace }
    }

    pub(super) fn total(self) -> usize {
        [self.x, self.y, self.dx, self.workspace].into_iter().fold(0, usize::saturating_add)
    }
}

impl<T: Float> RowParallelState<T> {
    pub(super) fn new(graph: &Graph<T>, layer: RowParallelPlan, tiles: &[TileState<T>]) -> Self {
        let columns = tiles.iter().map(|state| state.tile.width).sum();
        let lens = RowParallelLens::new(graph, layer, columns);
        let n = graph.shape(NodeId::new(layer.node)).len();
        let batch = tiles[0].tile.batch;
        Self {
            node: layer.node,
            tile: Tile { first: 0, valid: columns, width: lens.stride, batch },
            x: Buffer::new(lens.x),
            y: Buffer::new(lens.y),
            dx: Buffer::new(lens.dx),
            workspace: Buffer::new(lens.workspace),
            x_bounds: Vec::new(),
            y_bounds: Vec::new(),
            workspace_bounds: bounds(n, WORKSPACE_ROWS, |row| MatMulOp::workspace(row, columns)),
            is_bounded: AtomicBool::new(true),
        }
    }

    /// Cuts the rows into one piece for each thread: not smaller, since each piece reads all samples.
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

    pub(super) fn is_bounded(&self) -> bool {
        self.is_bounded.load(Ordering::Relaxed)
    }

    /// Some columns of each row of `values`, one of the buffers.
    pub(super) fn rows<'a>(
        &self,
        values: &'a [T],
        columns: Range<usize>,
    ) -> impl Iterator<Item = &'a [T]> {
        values.chunks_exact(self.tile.width).map(move |row| &row[columns.clone()])
    }
}

/// The beginnings of pieces of `rows` of `n` rows, and the end of the last.
fn bounds(n: usize, rows: usize, at: impl Fn(usize) -> usize) -> Vec<usize> {
    (0..n).step_by(rows).chain([n]).map(at).collect()
}
