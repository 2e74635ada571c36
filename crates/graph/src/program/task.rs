//! The tasks that stages consist of: what they read and write.

use kernels::Float;

use super::times::Direction;
use crate::graph::Graph;
use crate::ops::matmul::WEIGHT;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) node: usize,
    pub(super) kind: TaskKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TaskKind {
    /// Load an input.
    Load,
    /// Compute a node; for a reduction over the batch, the tile's part.
    Forward,
    /// Combine the tiles' parts of a reduction.
    Finish,
    /// Compute a row-parallel layer, for all tiles at once.
    RowParallel,
    /// Copy the tile's samples out of the result of a row-parallel layer.
    Scatter,
    /// Clear a gradient.
    Zero,
    /// Set the gradient of the loss to 1.
    Seed,
    /// Add to the gradient of an operand, or set it if nothing has been added before.
    Backward { operand: usize, is_first: bool },
    /// Pack the gradient of the result for [`Chunk`](super::plan::Chunk)s of the weight's gradient.
    Pack,
    /// Add up the tiles' parts of a shared gradient.
    Reduce,
    /// The backward pass of a row-parallel layer.
    RowParallelBackward,
    /// Add the tile's samples to the gradient of a row-parallel layer's operand, or set it.
    ScatterGradient { adds: bool },
}

impl TaskKind {
    pub(super) fn of(self, node: usize) -> Task {
        Task { node, kind: self }
    }
}

impl Task {
    /// The pass through the node that the time for this task counts for.
    pub(super) fn direction(self) -> Direction {
        use TaskKind::{Finish, Forward, Load, RowParallel, Scatter};
        let is_forward = matches!(self.kind, Load | Forward | Finish | RowParallel | Scatter);
        if is_forward { Direction::Forward } else { Direction::Backward }
    }

    /// The node whose value a tile has after the task.
    pub(super) fn value_written(self) -> Option<usize> {
        use TaskKind::{Forward, Load, Scatter};
        matches!(self.kind, Load | Forward | Scatter).then_some(self.node)
    }

    pub(super) fn values_read<T: Float>(self, graph: &Graph<T>) -> Vec<usize> {
        let node = graph.at(self.node);
        let operands = node.operands().iter().map(|id| id.index());
        let operand = match self.kind {
            TaskKind::Forward => return operands.collect(),
            TaskKind::RowParallel => return operands.take(1).collect(),
            TaskKind::Backward { operand, .. } => operand,
            TaskKind::Pack => WEIGHT,
            _ => return Vec::new(),
        };
        let saved = node.op().expect("only ops have passes").saved(operand);
        let operands = operands.enumerate().filter(|(k, _)| saved.has_operand(*k));
        operands.map(|(_, i)| i).chain(saved.has_result().then_some(self.node)).collect()
    }

    /// Whether it reads what the forward pass of its node kept.
    pub(super) fn reads_kept<T: Float>(self, graph: &Graph<T>) -> bool {
        let TaskKind::Backward { operand, .. } = self.kind else { return false };
        graph.at(self.node).op().is_some_and(|op| op.saved(operand).has_kept())
    }

    pub(super) fn gradients_touched<T: Float>(self, graph: &Graph<T>) -> Vec<usize> {
        let operand = |k: usize| graph.at(self.node).operands()[k].index();
        match self.kind {
            TaskKind::Backward { operand: k, .. } => vec![self.node, operand(k)],
            TaskKind::ScatterGradient { .. } => vec![operand(0)],
            _ if self.direction() == Direction::Forward => Vec::new(),
            _ => vec![self.node],
        }
    }
}
