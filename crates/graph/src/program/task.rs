//! The tasks that stages consist of.
//!
//! What a task reads and writes, and how it is printed, is here; how it runs is in `context` for one tile,
//! in `run` for values without batch axis, and in `row_parallel`.

use kernels::Float;

use super::times::Direction;
use crate::graph::{Graph, NodeId};
use crate::ops::matmul::WEIGHT;

/// One thing to do, within a tile or on shared values. Nodes are given by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Load an input.
    Load(usize),
    /// Compute a node; for a reduction over the batch, the tile's part.
    Forward(usize),
    /// Combine the tiles' parts of a reduction.
    Finish(usize),
    /// Clear a gradient.
    Zero(usize),
    /// Set the gradient of the loss to 1.
    Seed(usize),
    /// Add to the gradient of an operand, or set it if nothing has been added before.
    Backward { node: usize, operand: usize, adds: bool },
    /// Pack the gradient of the result for [`Chunk`](super::plan::Chunk)s of the weight's gradient.
    Pack(usize),
    /// Add up the tiles' parts of a shared gradient.
    Reduce(usize),
    /// Compute a row-parallel layer, for all tiles at once.
    RowParallel(usize),
    /// Copy the tile's samples out of the result of a row-parallel layer.
    Scatter(usize),
    /// The backward pass of a row-parallel layer.
    RowParallelBackward(usize),
    /// Add the tile's samples to the gradient of a row-parallel layer's operand, or set it.
    ScatterGradient { node: usize, adds: bool },
}

impl Task {
    /// The node, and the pass through it, that the time for this task counts for.
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

    /// The node whose value a tile has after the task.
    pub(super) fn value_written(self) -> Option<usize> {
        match self {
            Self::Load(i) | Self::Forward(i) | Self::Scatter(i) => Some(i),
            _ => None,
        }
    }

    /// The nodes whose values the task reads.
    pub(super) fn values_read<T: Float>(self, graph: &Graph<T>) -> Vec<usize> {
        let operands = |i: usize| graph.node(NodeId::new(i)).operands();
        let saved = |i: usize, operand: usize| {
            let saved =
                graph.node(NodeId::new(i)).op().expect("only ops have passes").saved(operand);
            let operands = operands(i).iter().enumerate();
            let operands =
                operands.filter(|(k, _)| saved.has_operand(*k)).map(|(_, id)| id.index());
            operands.chain(saved.has_result().then_some(i)).collect()
        };
        match self {
            Self::Forward(i) => operands(i).iter().map(|id| id.index()).collect(),
            Self::Backward { node, operand, .. } => saved(node, operand),
            Self::Pack(i) => saved(i, WEIGHT),
            Self::RowParallel(i) => vec![operands(i)[0].index()],
            _ => Vec::new(),
        }
    }

    /// The nodes whose gradients the task reads or writes.
    pub(super) fn gradients_touched<T: Float>(self, graph: &Graph<T>) -> Vec<usize> {
        let operand = |i: usize, k: usize| graph.node(NodeId::new(i)).operands()[k].index();
        match self {
            Self::Zero(i)
            | Self::Seed(i)
            | Self::Pack(i)
            | Self::Reduce(i)
            | Self::RowParallelBackward(i) => vec![i],
            Self::ScatterGradient { node, .. } => vec![operand(node, 0)],
            Self::Backward { node, operand: k, .. } => vec![node, operand(node, k)],
            _ => Vec::new(),
        }
    }
}
