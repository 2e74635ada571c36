//! What the planner knows of each node, and the stages that follow from it.

use std::collections::BTreeSet;

use crate::graph::{Graph, Leaf, NodeId, NodeKind};
use crate::op::{Op, Saved, WEIGHT};
use crate::{Float, Node, Shape};

use super::super::Compile;
use super::{Stage, Task};

/// Samples of a batch whose tiles are so large that each may read all weights.
const ROW_PARALLEL_MAX_BATCH: usize = 1024;
/// Elements of a weight that is read once for all tiles.
const ROW_PARALLEL_WEIGHT: usize = 1 << 18;

/// What the planner knows of each node before anything is placed.
pub(super) struct Analysis<'a, T> {
    graph: &'a Graph<T>,
    loss: Option<usize>,
    pub(super) needed: Vec<bool>,
    /// Whether the node has a gradient: something wants it, and the loss depends on it.
    pub(super) has_gradient: Vec<bool>,
    /// The stage of the forward pass, even for whole and odd for tiled.
    forward: Vec<usize>,
    /// The stage of the backward pass, counted from the loss, likewise.
    backward: Vec<usize>,
    /// The stage of the backward pass in which the node's gradient is complete.
    complete: Vec<usize>,
    /// Nodes whose weight gradient is made in rows.
    pub(super) splits: Vec<bool>,
    /// Nodes whose weight is so large that all tiles pass them at once.
    pub(super) row_parallel: Vec<bool>,
    /// For each node the nodes with a gradient that read it, and the operand they read it as.
    pub(super) readers: Vec<Vec<(usize, usize)>>,
}

impl<'a, T: Float> Analysis<'a, T> {
    pub(super) fn of(graph: &'a Graph<T>, options: &Compile) -> Self {
        let n = graph.nodes().len();
        let mut analysis = Self {
            graph,
            loss: options.loss.map(NodeId::index),
            needed: vec![options.keep_all; n],
            has_gradient: vec![false; n],
            forward: vec![0; n],
            backward: vec![0; n],
            complete: vec![0; n],
            splits: vec![false; n],
            row_parallel: vec![false; n],
            readers: vec![Vec::new(); n],
        };
        for id in options.loss.iter().chain(&options.keep) {
            analysis.needed[id.index()] = true;
        }
        for (id, node) in graph.nodes().rev() {
            if analysis.needed[id.index()] {
                node.operands().iter().for_each(|operand| analysis.needed[operand.index()] = true);
            }
        }
        analysis.find_gradients(options);
        for (id, node) in graph.nodes().filter(|(id, _)| analysis.has_gradient[id.index()]) {
            for (k, operand) in node.operands().iter().enumerate() {
                analysis.readers[operand.index()].push((id.index(), k));
            }
        }
        analysis.choose_row_parallel(options.batch);
        analysis.number_stages();
        analysis.choose_splits(options.batch);
        analysis
    }

    fn find_gradients(&mut self, options: &Compile) {
        let mut wanted = vec![options.keep_all; self.needed.len()];
        for (id, node) in self.graph.nodes() {
            wanted[id.index()] |= matches!(node.leaf(), Some(Leaf::Parameter(_)))
                || node.operands().iter().any(|operand| wanted[operand.index()]);
        }
        let mut reaches = vec![false; self.needed.len()];
        self.loss.iter().for_each(|&loss| reaches[loss] = true);
        for (id, node) in self.graph.nodes().rev() {
            if reaches[id.index()] {
                node.operands().iter().for_each(|operand| reaches[operand.index()] = true);
                self.has_gradient[id.index()] = wanted[id.index()];
            }
        }
    }

    fn number_stages(&mut self) {
        for (id, node) in self.graph.nodes() {
            let i = id.index();
            let ready = node.operands().iter().map(|operand| self.available(operand.index()));
            let ready = ready.max().unwrap_or(0);
            self.forward[i] = match (self.row_parallel[i], self.is_tiled(i)) {
                (true, _) => (ready | 1) + 1,
                (false, true) => ready | 1,
                (false, false) => ready,
            };
        }
        for (id, node) in self.graph.nodes().rev() {
            let i = id.index();
            if !self.has_gradient[i] {
                continue;
            }
            // By now every node that reads this one has said when its gradient is complete.
            let complete = self.complete[i];
            self.backward[i] = match (self.row_parallel[i], self.is_tiled(i)) {
                (true, _) => (complete | 1) + 1,
                (false, true) => complete | 1,
                (false, false) => complete,
            };
            for operand in node.operands().iter().map(|operand| operand.index()) {
                // A shared value's gradient is complete when the tiles' parts are added up, and the operand's
                // of a row-parallel layer when the tiles have taken it.
                let adds_up = self.is_tiled(i) && !self.is_batched(operand);
                let ready = self.backward[i] + usize::from(adds_up || self.row_parallel[i]);
                self.complete[operand] = self.complete[operand].max(ready);
            }
        }
    }

    /// A weight that does not fit into a core's second-level cache beside the activations, and a batch whose
    /// tiles have too few samples to make up for that.
    fn choose_row_parallel(&mut self, batch: usize) {
        if batch >= ROW_PARALLEL_MAX_BATCH {
            return;
        }
        for (id, node) in self.graph.nodes() {
            let can = node.op().is_some_and(|op| op.split_weight().is_some());
            let is_row_parallel = can && node.shape().is_batched() && {
                let weight = self.graph.node(node.operands()[WEIGHT]);
                matches!(weight.leaf(), Some(Leaf::Parameter(_)))
                    && weight.shape().len() >= ROW_PARALLEL_WEIGHT
            };
            self.row_parallel[id.index()] = is_row_parallel && self.needed[id.index()];
        }
    }

    /// A weight that is large beside the activations gets its gradient row by row: parts for each tile
    /// would cost more memory traffic than reading the activations again.
    fn choose_splits(&mut self, batch: usize) {
        let n_tiles = batch.div_ceil(32);
        for (id, node) in self.graph.nodes() {
            if node.op().is_none_or(|op| op.split_weight().is_none()) {
                continue;
            }
            let weight = self.graph.node(node.operands()[WEIGHT]);
            let is_parameter = matches!(weight.leaf(), Some(Leaf::Parameter(_)));
            let batched = node.operands().iter().map(|&operand| self.graph.shape(operand));
            let batched = batched.chain([node.shape()]).filter(|shape| shape.is_batched());
            let activations: usize = batched.map(Shape::len).sum();
            self.splits[id.index()] = is_parameter
                && node.shape().is_batched()
                && self.has_gradient[node.operands()[WEIGHT].index()]
                && (self.row_parallel[id.index()]
                    || weight.shape().len() * n_tiles > activations * batch);
        }
    }

    pub(super) fn is_batched(&self, node: usize) -> bool {
        self.node(node).shape.is_batched()
    }

    /// A shared result of batched operands.
    pub(super) fn is_reduction(&self, node: usize) -> bool {
        let reads_batch = self.node(node).operands.iter().any(|id| self.is_batched(id.index()));
        !self.is_batched(node) && reads_batch
    }

    pub(super) fn is_tiled(&self, node: usize) -> bool {
        self.is_batched(node) || self.is_reduction(node)
    }

    pub(super) fn node(&self, node: usize) -> &'a Node<T> {
        self.graph.node(NodeId(node as u32))
    }

    pub(super) fn op(&self, node: usize) -> &'a dyn Op<T> {
        self.node(node).op().expect("only ops have forward and backward passes")
    }

    fn is_leaf(&self, node: usize) -> bool {
        matches!(self.node(node).kind, NodeKind::Leaf(_))
    }

    /// The first stage that may read the node's value.
    fn available(&self, node: usize) -> usize {
        self.forward[node] + usize::from(self.is_reduction(node) || self.row_parallel[node])
    }

    pub(super) fn stages(&self) -> Vec<Stage> {
        let needed: Vec<usize> = (0..self.needed.len()).filter(|&i| self.needed[i]).collect();
        let last = needed.iter().map(|&i| self.available(i)).max().unwrap_or(0);
        let mut stages: Vec<Stage> = (0..=last).map(|s| self.forward_stage(s, &needed)).collect();
        if self.loss.is_some_and(|loss| self.has_gradient[loss]) {
            let with_gradient: Vec<usize> =
                (0..self.needed.len()).filter(|&i| self.has_gradient[i]).collect();
            let last = with_gradient.iter().map(|&i| self.backward[i].max(self.complete[i])).max();
            let mut zeroed = BTreeSet::new();
            let mut backward: Vec<Stage> = (0..=last.unwrap_or(0))
                .map(|s| self.backward_stage(s, &with_gradient, &mut zeroed))
                .collect();
            self.merge(&mut stages, &mut backward);
            stages.append(&mut backward);
        }
        stages.retain(|stage| !stage.tasks.is_empty());
        stages
    }

    fn forward_stage(&self, stage: usize, needed: &[usize]) -> Stage {
        let mut tasks = Vec::new();
        for &i in needed {
            if self.is_reduction(i) && self.available(i) == stage {
                tasks.push(Task::Finish(i));
            }
        }
        let took = |&&i: &&usize| self.row_parallel[i] && self.available(i) == stage;
        tasks.extend(needed.iter().filter(took).map(|&i| Task::Scatter(i)));
        for &i in needed.iter().filter(|&&i| self.forward[i] == stage) {
            match self.node(i).leaf() {
                Some(Leaf::Input(_)) => tasks.push(Task::Load(i)),
                Some(_) => {}
                None if self.row_parallel[i] => tasks.push(Task::RowParallel(i)),
                None => tasks.push(Task::Forward(i)),
            }
        }
        Stage { tiled: stage % 2 == 1, tasks }
    }

    fn backward_stage(&self, stage: usize, nodes: &[usize], zeroed: &mut BTreeSet<usize>) -> Stage {
        let mut tasks = Vec::new();
        if stage == 0 {
            // Gradients of shared values grow over several stages; a parameter's only if a whole op reads it.
            let grows = |&&i: &&usize| {
                !self.is_batched(i) && (!self.is_parameter(i) || self.has_whole_reader(i))
            };
            tasks.extend(nodes.iter().filter(grows).map(|&i| Task::Zero(i)));
            tasks.extend(self.loss.map(Task::Seed));
        }
        for &i in
            nodes.iter().rev().filter(|&&i| self.row_parallel[i] && self.backward[i] + 1 == stage)
        {
            let to = self.node(i).operands[0].index();
            if self.has_gradient[to] {
                tasks.push(Task::ScatterGradient { node: i, adds: !zeroed.insert(to) });
            }
        }
        for &i in nodes.iter().rev() {
            if self.has_parts(i) && !self.is_parameter(i) && self.complete[i] == stage {
                tasks.push(Task::Reduce(i));
            }
            if self.backward[i] != stage || self.is_leaf(i) {
                continue;
            }
            if self.row_parallel[i] {
                tasks.push(Task::RowParallelBackward(i));
                continue;
            }
            if self.splits[i] {
                tasks.push(Task::Pack(i));
            }
            // The first operand last: its gradient may then be computed over that of the node.
            for operand in (0..self.node(i).operands.len()).rev() {
                let to = self.node(i).operands[operand].index();
                if !self.has_gradient[to] || self.is_split(i, operand) {
                    continue;
                }
                let is_first = (self.is_batched(to) || self.is_tiled(i)) && zeroed.insert(to);
                let sets = is_first && self.op(i).sets_gradient(operand);
                if is_first && !sets {
                    tasks.push(Task::Zero(to));
                }
                tasks.push(Task::Backward { node: i, operand, adds: !sets });
            }
        }
        Stage { tiled: stage % 2 == 1, tasks }
    }

    /// Lets the last tiled stage forward and the first one backward be one, if the loss allows it: the
    /// gradient that starts the backward pass must not depend on values that need all tiles.
    fn merge(&self, forward: &mut Vec<Stage>, backward: &mut [Stage]) {
        let Some(last_tiled) = forward.iter().rposition(|stage| stage.tiled) else { return };
        if backward.len() < 2
            || backward.iter().skip(1).step_by(2).all(|stage| stage.tasks.is_empty())
        {
            return;
        }
        let reads_ready_values = |stage: &Stage, ready: usize| {
            stage.tasks.iter().all(|&task| {
                let available = |&i: &usize| self.is_batched(i) || self.available(i) <= ready;
                self.values_read(task).iter().all(available)
            })
        };
        if reads_ready_values(&backward[0], last_tiled)
            && reads_ready_values(&backward[1], last_tiled)
        {
            let start = std::mem::take(&mut backward[0]);
            let mut first = std::mem::take(&mut backward[1]);
            forward[last_tiled].tasks.append(&mut first.tasks);
            forward.insert(last_tiled, start);
        }
    }

    /// The nodes whose values a task reads.
    pub(super) fn values_read(&self, task: Task) -> Vec<usize> {
        let saved = |i: usize, operand: usize| {
            let saved: Saved = self.op(i).saved(operand);
            let operands = self.node(i).operands.iter().enumerate();
            let operands =
                operands.filter(|(k, _)| saved.has_operand(*k)).map(|(_, id)| id.index());
            operands.chain(saved.has_result().then_some(i)).collect()
        };
        match task {
            Task::Forward(i) => self.node(i).operands.iter().map(|id| id.index()).collect(),
            Task::Backward { node, operand, .. } => saved(node, operand),
            Task::Pack(i) => saved(i, WEIGHT),
            Task::RowParallel(i) => vec![self.node(i).operands[0].index()],
            _ => Vec::new(),
        }
    }

    /// The nodes whose gradients a task reads or adds to.
    pub(super) fn gradients_touched(&self, task: Task) -> Vec<usize> {
        match task {
            Task::Zero(i)
            | Task::Seed(i)
            | Task::Pack(i)
            | Task::Reduce(i)
            | Task::RowParallelBackward(i) => vec![i],
            Task::ScatterGradient { node, .. } => vec![self.node(node).operands[0].index()],
            Task::Backward { node, operand, .. } => {
                vec![node, self.node(node).operands[operand].index()]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn is_split(&self, node: usize, operand: usize) -> bool {
        self.splits[node] && operand == WEIGHT
    }

    fn is_parameter(&self, node: usize) -> bool {
        matches!(self.node(node).leaf(), Some(Leaf::Parameter(_)))
    }

    pub(super) fn has_whole_reader(&self, node: usize) -> bool {
        self.loss == Some(node) || self.readers[node].iter().any(|&(i, _)| !self.is_tiled(i))
    }

    /// Whether tiles have parts of the gradient of this shared value.
    pub(super) fn has_parts(&self, node: usize) -> bool {
        !self.is_batched(node)
            && self.readers[node].iter().any(|&(i, k)| self.is_tiled(i) && !self.is_split(i, k))
    }
}
