//! Bias fusion: matrix products and convolutions add a bias before they store their result.
//!
//! The pattern is `add(product(…), bias)` with an addition in place. The sum is the same to the bit.

use kernels::Float;

use crate::Shape;
use crate::graph::{Graph, PlannerHint};
use crate::ops::conv2d::Conv2dOp;
use crate::ops::matmul::{MatMulOp, PositionsMatMulOp};
use crate::program::plan::{Plan, Strips};
use crate::program::task::{Task, TaskKind};

pub(super) fn fuse_bias<T: Float>(graph: &Graph<T>, plan: &mut Plan) {
    let mut fused = vec![false; plan.nodes.len()];
    for (id, node) in graph.nodes() {
        if !plan.nodes[id.index()].in_place {
            continue;
        }
        let [product, bias] = node.operands() else { continue };
        let is_sum = node.hint() == PlannerHint::Sum;
        let is_bias = is_sum && is_bias(&plan.nodes[id.index()].shapes);
        let product_node = graph.node(*product);
        let adds_bias = product_node.is::<MatMulOp>()
            || product_node.is::<PositionsMatMulOp>()
            || product_node.is::<Conv2dOp>();
        // A computed value may not be there yet; a leaf is.
        if is_bias && adds_bias && graph.node(*bias).leaf().is_some() {
            plan.nodes[product.index()].bias = Some(bias.index());
            fused[id.index()] = true;
        }
    }
    for stage in &mut plan.stages {
        let is_left = |task: &Task| !(task.kind == TaskKind::Forward && fused[task.node]);
        for Strips { tasks, .. } in &mut stage.strips {
            let left = |end| stage.tasks[..end].iter().filter(|task| is_left(task)).count();
            *tasks = left(tasks.start)..left(tasks.end);
        }
        stage.tasks.retain(is_left);
    }
}

/// Whether the second operand is a bias: without batch axis, one value for each index of the last axis.
fn is_bias(operands: &[Shape]) -> bool {
    let [a, b] = operands else { return false };
    !b.is_batched() && b.rank() == 1 && a.dims().last() == b.dims().first()
}
