//! In which stage each node is computed, and the tasks of the stages.

use kernels::Float;

use super::analysis::Analysis;
use crate::graph::Leaf;
use crate::program::plan::Stage;
use crate::program::task::{Task, TaskKind};

/// The position of a stage in a pass: untiled and tiled ones alternate, and empty ones are dropped in the end.
type StageNumber = usize;

fn is_tiled(stage: StageNumber) -> bool {
    stage % 2 == 1
}

fn tiled_from(stage: StageNumber) -> StageNumber {
    stage | 1
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

struct StageOrder<'a, T> {
    analysis: &'a Analysis<'a, T>,
    forward: Vec<StageNumber>,
    backward: Vec<StageNumber>,
    /// The stage of the backward pass from which on the node's gradient is complete.
    complete: Vec<StageNumber>,
}

impl<'a, T: Float> StageOrder<'a, T> {
    fn new(analysis: &'a Analysis<'a, T>) -> Self {
        let first = vec![0; analysis.needed.len()];
        let (forward, backward) = (first.clone(), first.clone());
        let mut order = Self { analysis, forward, backward, complete: first };
        for (id, node) in analysis.graph.nodes() {
            let ready = node.operands().iter().map(|operand| order.available(operand.index()));
            order.forward[id.index()] = order.earliest(id.index(), ready.max().unwrap_or(0));
        }
        let with_gradient =
            analysis.graph.nodes().rev().filter(|(id, _)| analysis.has_gradient[id.index()]);
        for (id, node) in with_gradient {
            let i = id.index();
            // Every reader of this node comes before it here, so this is final.
            order.backward[i] = order.earliest(i, order.complete[i]);
            for operand in node.operands().iter().map(|operand| operand.index()) {
                // Complete when the parts of a shared value are added up, or a row-parallel layer's scattered.
                let adds_up = analysis.is_tiled(i) && !analysis.is_batched(operand);
                let is_later = adds_up || analysis.row_parallel[i];
                let ready = order.backward[i] + usize::from(is_later);
                order.complete[operand] = order.complete[operand].max(ready);
            }
        }
        order
    }

    /// The stage of a node's forward or backward pass if what it reads is ready from stage `ready` on.
    fn earliest(&self, i: usize, ready: StageNumber) -> StageNumber {
        match (self.analysis.row_parallel[i], self.analysis.is_tiled(i)) {
            // The first untiled stage that follows a tiled one.
            (true, _) => tiled_from(ready) + 1,
            (false, true) => tiled_from(ready),
            // Shared values are ready in untiled stages only.
            (false, false) => ready,
        }
    }

    /// The first stage that may read the node's value.
    fn available(&self, i: usize) -> StageNumber {
        let is_later = self.analysis.is_reduction(i) || self.analysis.row_parallel[i];
        self.forward[i] + usize::from(is_later)
    }

    fn forward_pass(&self) -> Vec<Stage> {
        let Analysis { graph, needed, row_parallel, .. } = self.analysis;
        let needed: Vec<usize> = (0..needed.len()).filter(|&i| needed[i]).collect();
        let reductions = needed.iter().filter(|&&i| self.analysis.is_reduction(i));
        let finish = reductions.map(|&i| (self.available(i), TaskKind::Finish.of(i)));
        let layers = needed.iter().filter(|&&i| row_parallel[i]);
        let scatter = layers.map(|&i| (self.available(i), TaskKind::Scatter.of(i)));
        let compute = needed.iter().filter_map(|&i| {
            let kind = match graph.at(i).leaf() {
                Some(Leaf::Input(_)) => TaskKind::Load,
                Some(_) => return None,
                None if row_parallel[i] => TaskKind::RowParallel,
                None => TaskKind::Forward,
            };
            Some((self.forward[i], kind.of(i)))
        });
        let mut stages = Vec::new();
        for (stage, task) in finish.chain(scatter).chain(compute) {
            while stages.len() <= stage {
                stages.push(Stage::new(is_tiled(stages.len()), Vec::new()));
            }
            stages[stage].tasks.push(task);
        }
        stages
    }

    fn backward_pass(&self) -> Vec<Stage> {
        let has_gradient = &self.analysis.has_gradient;
        let nodes: Vec<usize> = (0..has_gradient.len()).filter(|&i| has_gradient[i]).collect();
        let last = nodes.iter().map(|&i| self.backward[i].max(self.complete[i])).max().unwrap_or(0);
        // Whether a task has written to the gradient of the node.
        let mut written = vec![false; has_gradient.len()];
        (0..=last).map(|stage| self.backward_stage(stage, &nodes, &mut written)).collect()
    }

    fn backward_stage(&self, stage: StageNumber, nodes: &[usize], written: &mut [bool]) -> Stage {
        let (analysis, graph) = (self.analysis, self.analysis.graph);
        let mut tasks = Vec::new();
        if stage == 0 {
            // Shared gradients are added to in several stages; a parameter's only if an untiled op reads it.
            let is_added_to = |&i: &usize| {
                !analysis.is_batched(i)
                    && (!graph.at(i).is_parameter() || analysis.has_untiled_reader(i))
            };
            let added_to = nodes.iter().copied().filter(is_added_to);
            tasks.extend(added_to.map(|i| TaskKind::Zero.of(i)));
            tasks.extend(analysis.loss.map(|i| TaskKind::Seed.of(i)));
        }
        let layers = nodes.iter().rev().copied().filter(|&i| analysis.row_parallel[i]);
        for node in layers.filter(|&i| self.backward[i] + 1 == stage) {
            let to = graph.at(node).operands()[0].index();
            if analysis.has_gradient[to] {
                let adds = std::mem::replace(&mut written[to], true);
                tasks.push(TaskKind::ScatterGradient { adds }.of(node));
            }
        }
        for &i in nodes.iter().rev() {
            let has_parts = analysis.has_parts(i) && !graph.at(i).is_parameter();
            if has_parts && self.complete[i] == stage {
                tasks.push(TaskKind::Reduce.of(i));
            }
            if self.backward[i] == stage && graph.at(i).op().is_some() {
                self.backward_tasks(i, written, &mut tasks);
            }
        }
        Stage::new(is_tiled(stage), tasks)
    }

    fn backward_tasks(&self, i: usize, written: &mut [bool], tasks: &mut Vec<Task>) {
        let (analysis, node) = (self.analysis, self.analysis.graph.at(i));
        if analysis.row_parallel[i] {
            tasks.push(TaskKind::RowParallelBackward.of(i));
            return;
        }
        if analysis.by_rows[i] {
            tasks.push(TaskKind::Pack.of(i));
        }
        // The first operand last: its gradient may then be computed over that of the node.
        for (operand, id) in node.operands().iter().enumerate().rev() {
            let to = id.index();
            if !analysis.has_gradient[to] || analysis.is_by_rows(i, operand) {
                continue;
            }
            let is_first = (analysis.is_batched(to) || analysis.is_tiled(i))
                && !std::mem::replace(&mut written[to], true);
            tasks.push(TaskKind::Backward { operand, is_first }.of(i));
        }
    }

    /// Joins the last tiled stage forward and the first one backward, unless the seed depends on all tiles.
    fn merge(&self, forward: &mut Vec<Stage>, backward: &mut [Stage]) {
        let Some(last_tiled) = forward.iter().rposition(|stage| stage.is_tiled) else { return };
        if backward.iter().all(|stage| !stage.is_tiled || stage.tasks.is_empty()) {
            return;
        }
        let [start, first, ..] = backward else { return };
        let is_ready = |&i: &usize| self.analysis.is_batched(i) || self.available(i) <= last_tiled;
        let reads_ready_values = |task: &Task| {
            let graph = self.analysis.graph;
            // What an op keeps is ready when it has run; in a tile that is before.
            let is_kept =
                self.analysis.is_tiled(task.node) || self.forward[task.node] <= last_tiled;
            task.values_read(graph).iter().all(is_ready) && (is_kept || !task.reads_kept(graph))
        };
        if start.tasks.iter().chain(&first.tasks).all(reads_ready_values) {
            forward[last_tiled].tasks.append(&mut first.tasks);
            let tasks = std::mem::take(&mut start.tasks);
            forward.insert(last_tiled, Stage::new(start.is_tiled, tasks));
        }
    }
}
