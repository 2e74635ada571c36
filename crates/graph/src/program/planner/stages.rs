//! In which stage each node is computed, and the tasks of the stages.

use kernels::Float;

use super::analysis::Analysis;
use crate::graph::Leaf;
use crate::program::plan::Stage;
use crate::program::task::Task;

/// The position of a stage in the forward or the backward pass. Untiled and tiled stages alternate, beginning
/// with an untiled one; those without tasks are dropped in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StageId(usize);

impl StageId {
    const FIRST: Self = Self(0);

    fn is_tiled(self) -> bool {
        self.0 % 2 == 1
    }

    fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The first tiled stage from this one on.
    fn tiled_from_here(self) -> Self {
        if self.is_tiled() { self } else { self.next() }
    }

    /// The first untiled stage that follows a tiled one, from this one on.
    fn untiled_after_tiled(self) -> Self {
        self.tiled_from_here().next()
    }

    /// The stages from the first to the last.
    fn all(last: Option<Self>) -> impl Iterator<Item = Self> {
        (0..=last.unwrap_or(Self::FIRST).0).map(Self)
    }
}

/// The stages of the forward pass, then those of the backward pass if there is a loss.
pub(super) fn stages<T: Float>(analysis: &Analysis<'_, T>) -> Vec<Stage> {
    let order = StageOrder::new(analysis);
    let mut stages = order.forward_pass();
    if analysis.loss.is_some_and(|loss| analysis.has_gradient[loss]) {
        let mut backward = order.backward_pass();
        order.merge(&mut stages, &mut backward);
        stages.append(&mut backward);
    }
    stages.retain(|stage| !stage.tasks.is_empty());
    stages
}

/// The stages of each node, by its index.
struct StageOrder<'a, T> {
    analysis: &'a Analysis<'a, T>,
    forward: Vec<StageId>,
    backward: Vec<StageId>,
    /// The stage of the backward pass from which on the node's gradient is complete.
    complete: Vec<StageId>,
}

impl<'a, T: Float> StageOrder<'a, T> {
    fn new(analysis: &'a Analysis<'a, T>) -> Self {
        let first = vec![StageId::FIRST; analysis.needed.len()];
        let (forward, backward) = (first.clone(), first.clone());
        let mut order = Self { analysis, forward, backward, complete: first };
        for (id, node) in analysis.graph.nodes() {
            let ready = node.operands().iter().map(|operand| order.available(operand.index()));
            let ready = ready.max().unwrap_or(StageId::FIRST);
            order.forward[id.index()] = order.earliest(id.index(), ready);
        }
        let with_gradient =
            analysis.graph.nodes().rev().filter(|(id, _)| analysis.has_gradient[id.index()]);
        for (id, node) in with_gradient {
            let i = id.index();
            // Every reader of this node comes before it here, so this is final.
            order.backward[i] = order.earliest(i, order.complete[i]);
            for operand in node.operands().iter().map(|operand| operand.index()) {
                // The gradient of a shared value is complete when the parts of the tiles are added up, that
                // of a row-parallel layer's operand when it is scattered to the tiles.
                let adds_up = analysis.is_tiled(i) && !analysis.is_batched(operand);
                let ready = if adds_up || analysis.row_parallel[i] {
                    order.backward[i].next()
                } else {
                    order.backward[i]
                };
                order.complete[operand] = order.complete[operand].max(ready);
            }
        }
        order
    }

    /// The stage of a node's forward or backward pass if what it reads is ready from stage `ready` on.
    fn earliest(&self, i: usize, ready: StageId) -> StageId {
        match (self.analysis.row_parallel[i], self.analysis.is_tiled(i)) {
            (true, _) => ready.untiled_after_tiled(),
            (false, true) => ready.tiled_from_here(),
            // Shared values are ready in untiled stages only.
            (false, false) => ready,
        }
    }

    /// The first stage that may read the node's value.
    fn available(&self, i: usize) -> StageId {
        let is_later = self.analysis.is_reduction(i) || self.analysis.row_parallel[i];
        if is_later { self.forward[i].next() } else { self.forward[i] }
    }

    fn forward_pass(&self) -> Vec<Stage> {
        let needed = &self.analysis.needed;
        let needed: Vec<usize> = (0..needed.len()).filter(|&i| needed[i]).collect();
        let last = needed.iter().map(|&i| self.available(i)).max();
        StageId::all(last).map(|stage| self.forward_stage(stage, &needed)).collect()
    }

    fn forward_stage(&self, stage: StageId, needed: &[usize]) -> Stage {
        let Analysis { row_parallel, .. } = self.analysis;
        let ends_here = |&i: &usize| self.available(i) == stage;
        let reductions = needed.iter().copied().filter(|&i| self.analysis.is_reduction(i));
        let mut tasks: Vec<Task> = reductions.filter(ends_here).map(Task::Finish).collect();
        let layers = needed.iter().copied().filter(|&i| row_parallel[i]);
        tasks.extend(layers.filter(ends_here).map(Task::Scatter));
        for &i in needed.iter().filter(|&&i| self.forward[i] == stage) {
            match self.analysis.node(i).leaf() {
                Some(Leaf::Input(_)) => tasks.push(Task::Load(i)),
                Some(_) => {}
                None if row_parallel[i] => tasks.push(Task::RowParallel(i)),
                None => tasks.push(Task::Forward(i)),
            }
        }
        Stage { is_tiled: stage.is_tiled(), tasks }
    }

    fn backward_pass(&self) -> Vec<Stage> {
        let has_gradient = &self.analysis.has_gradient;
        let nodes: Vec<usize> = (0..has_gradient.len()).filter(|&i| has_gradient[i]).collect();
        let last = nodes.iter().map(|&i| self.backward[i].max(self.complete[i])).max();
        // Whether a task has written to the gradient of the node.
        let mut written = vec![false; has_gradient.len()];
        StageId::all(last).map(|stage| self.backward_stage(stage, &nodes, &mut written)).collect()
    }

    fn backward_stage(&self, stage: StageId, nodes: &[usize], written: &mut [bool]) -> Stage {
        let analysis = self.analysis;
        let mut tasks = Vec::new();
        if stage == StageId::FIRST {
            // Gradients of shared values are added to in several stages; a parameter's only if an untiled op
            // reads it.
            let is_added_to = |&i: &usize| {
                !analysis.is_batched(i)
                    && (!analysis.is_parameter(i) || analysis.has_untiled_reader(i))
            };
            tasks.extend(nodes.iter().copied().filter(is_added_to).map(Task::Zero));
            tasks.extend(analysis.loss.map(Task::Seed));
        }
        let layers = nodes.iter().rev().copied().filter(|&i| analysis.row_parallel[i]);
        for node in layers.filter(|&i| self.backward[i].next() == stage) {
            let to = analysis.node(node).operands()[0].index();
            if analysis.has_gradient[to] {
                let adds = std::mem::replace(&mut written[to], true);
                tasks.push(Task::ScatterGradient { node, adds });
            }
        }
        for &i in nodes.iter().rev() {
            let has_parts = analysis.has_parts(i) && !analysis.is_parameter(i);
            if has_parts && self.complete[i] == stage {
                tasks.push(Task::Reduce(i));
            }
            if self.backward[i] == stage && analysis.node(i).op().is_some() {
                self.backward_tasks(i, written, &mut tasks);
            }
        }
        Stage { is_tiled: stage.is_tiled(), tasks }
    }

    /// The tasks of one op's backward pass.
    fn backward_tasks(&self, i: usize, written: &mut [bool], tasks: &mut Vec<Task>) {
        let analysis = self.analysis;
        if analysis.row_parallel[i] {
            tasks.push(Task::RowParallelBackward(i));
            return;
        }
        if analysis.by_rows[i] {
            tasks.push(Task::Pack(i));
        }
        // The first operand last: its gradient may then be computed over that of the node.
        for (operand, id) in analysis.node(i).operands().iter().enumerate().rev() {
            let to = id.index();
            if !analysis.has_gradient[to] || analysis.is_by_rows(i, operand) {
                continue;
            }
            let is_first = (analysis.is_batched(to) || analysis.is_tiled(i))
                && !std::mem::replace(&mut written[to], true);
            let sets = is_first && analysis.op(i).sets_gradient(operand);
            if is_first && !sets {
                tasks.push(Task::Zero(to));
            }
            tasks.push(Task::Backward { node: i, operand, adds: !sets });
        }
    }

    /// Makes the last tiled stage forward and the first one backward one stage, if the loss allows it: the
    /// gradient that starts the backward pass must not depend on values that need all tiles.
    fn merge(&self, forward: &mut Vec<Stage>, backward: &mut [Stage]) {
        let Some(last_tiled) = forward.iter().rposition(|stage| stage.is_tiled) else { return };
        if backward.iter().all(|stage| !stage.is_tiled || stage.tasks.is_empty()) {
            return;
        }
        let [start, first, ..] = backward else { return };
        let ready = StageId(last_tiled);
        let is_ready = |&i: &usize| self.analysis.is_batched(i) || self.available(i) <= ready;
        let reads_ready_values =
            |task: &Task| task.values_read(self.analysis.graph).iter().all(is_ready);
        if start.tasks.iter().chain(&first.tasks).all(reads_ready_values) {
            forward[last_tiled].tasks.append(&mut first.tasks);
            let tasks = std::mem::take(&mut start.tasks);
            forward.insert(last_tiled, Stage { is_tiled: start.is_tiled, tasks });
        }
    }
}
