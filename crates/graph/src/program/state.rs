//! What a program keeps between tasks: of each tile, of each thread, and of each row-parallel layer.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use kernels::Float;

use super::buffer::{Buffer, ROW_ALIGNMENT};
use super::plan::{Plan, Storage};
use crate::graph::Graph;
use crate::op::Tile;
use crate::ops::matmul::{MatMulOp, WEIGHT, WORKSPACE_ROWS};

#[derive(Debug)]
pub(super) struct TileState<T> {
    pub(super) tile: Tile,
    /// The columns of the tile where all tiles are side by side.
    pub(super) columns: Range<usize>,
    pub(super) buffers: Vec<Buffer<T>>,
    /// Whether what the gradients of parameters will be made of is so small that they must be finite.
    pub(super) is_bounded: bool,
}

impl<T: Float> TileState<T> {
    /// The tile beside others that end at column `start`.
    pub(super) fn new(plan: &Plan, tile: Tile, start: usize) -> Self {
        let lens = plan.tile_buffers.iter().map(|len| len.elements(tile.width));
        let buffers = lens.map(Buffer::new).collect();
        Self { tile, columns: start..start + tile.width, buffers, is_bounded: false }
    }
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

impl<T: Float> RowParallelState<T> {
    /// The distance between rows for all tiles' columns, and the lengths of `x`, `y`, `dx` and `workspace`.
    pub(super) fn lens(
        graph: &Graph<T>,
        plan: &Plan,
        i: usize,
        columns: usize,
    ) -> (usize, [usize; 4]) {
        let operands = graph.at(i).operands();
        let (k, n) = (graph.shape(operands[0]).len(), graph.at(i).shape().len());
        // Rows an even number of cache lines apart would meet few sets of the first-level cache.
        let stride = if columns.is_multiple_of(ROW_ALIGNMENT) {
            ((columns / ROW_ALIGNMENT) | 1) * ROW_ALIGNMENT
        } else {
            columns
        };
        let wants = |k: usize| plan.nodes[operands[k].index()].gradient != Storage::None;
        let (x, y) = (k.saturating_mul(stride), n.saturating_mul(stride));
        let dx = if wants(0) { x } else { 0 };
        let workspace = if wants(WEIGHT) { MatMulOp::workspace(n, columns) } else { 0 };
        (stride, [x, y, dx, workspace])
    }

    pub(super) fn new(graph: &Graph<T>, plan: &Plan, node: usize, columns: usize) -> Self {
        let (width, lens) = Self::lens(graph, plan, node, columns);
        let [x, y, dx, workspace] = lens.map(Buffer::new);
        let n = graph.at(node).shape().len();
        Self {
            node,
            tile: Tile { first: 0, valid: columns, width, batch: plan.batch },
            x,
            y,
            dx,
            workspace,
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
}

/// The beginnings of pieces of `rows` of `n` rows, and the end of the last.
fn bounds(n: usize, rows: usize, at: impl Fn(usize) -> usize) -> Vec<usize> {
    (0..n).step_by(rows).chain([n]).map(at).collect()
}
