//! Where each value lives, and who makes which part of a parameter's gradient.

use kernels::gemm::MAX_BLOCK_ROWS;

use crate::Float;
use crate::graph::{Graph, Leaf, NodeId};
use crate::op::WEIGHT;

use super::super::Compile;
use super::analysis::Analysis;
use super::{BufferLen, Chunk, Plan, RowParallelPlan, Storage, Task};

/// Elements of a parameter's gradient that one thread makes at a time.
const CHUNK: usize = 4096;
/// The same where the samples come from farther away.
const ROW_PARALLEL_CHUNK: usize = 32768;

/// Shared values and gradients, and the tiles' parts of them, have storages of their own.
pub(super) fn place_shared<T: Float>(
    graph: &Graph<T>,
    analysis: &Analysis<'_, T>,
    plan: &mut Plan,
) {
    for (id, node) in graph.nodes() {
        let i = id.index();
        if !analysis.needed[i] {
            continue;
        }
        let len = node.shape().len();
        let mut shared = || {
            plan.shared_lens.push(len);
            Storage::Shared(plan.shared_lens.len() - 1)
        };
        if !analysis.is_batched(i) {
            plan.nodes[i].value = match node.leaf() {
                Some(Leaf::Parameter(range)) => Storage::Parameter(range.clone()),
                Some(Leaf::Constant(_)) => Storage::Constant,
                _ => shared(),
            };
            if analysis.has_gradient[i] {
                plan.nodes[i].gradient = match node.leaf() {
                    Some(Leaf::Parameter(range)) => Storage::Parameter(range.clone()),
                    _ => shared(),
                };
            }
        }
        let mut in_tile = |extent| {
            plan.tile_buffers.push(extent);
            Some(plan.tile_buffers.len() - 1)
        };
        if analysis.is_reduction(i) {
            plan.nodes[i].part = in_tile(BufferLen::Fixed(len));
        }
        if analysis.has_gradient[i] && analysis.has_parts(i) {
            plan.nodes[i].gradient_part = in_tile(BufferLen::Fixed(len));
        }
        if analysis.row_parallel[i] {
            plan.nodes[i].row_parallel = Some(plan.row_parallel.len());
            let wants = |operand: usize| analysis.has_gradient[node.operands()[operand].index()];
            plan.row_parallel.push(RowParallelPlan { node: i, wants: [wants(0), wants(WEIGHT)] });
        } else if analysis.splits[i] {
            plan.nodes[i].workspace = in_tile(BufferLen::Workspace(i));
        }
    }
}

/// A batched value or gradient from its first task to its last.
#[derive(Clone, Debug)]
struct LiveRange {
    rows: usize,
    /// Stage and task.
    first: (usize, usize),
    last: (usize, usize),
    kept: bool,
}

/// Batched values that live within one stage share the buffers of the worker; the others get one in
/// each tile.
pub(super) fn place_batched<T: Float>(
    options: &Compile,
    analysis: &Analysis<'_, T>,
    plan: &mut Plan,
) {
    let n = plan.nodes.len();
    // Values are lives 0 to n, gradients n to 2n.
    let mut lives: Vec<Option<LiveRange>> = vec![None; 2 * n];
    let mut touch = |life: usize, at: (usize, usize)| {
        let i = life % n;
        if analysis.is_batched(i) {
            let kept = options.keep_all || (life < n && options.keep.contains(&NodeId(i as u32)));
            let rows = analysis.node(i).shape().len();
            lives[life].get_or_insert(LiveRange { rows, first: at, last: at, kept }).last = at;
        }
    };
    let mut moments = Vec::new();
    for (s, stage) in plan.stages.iter().enumerate() {
        for (t, &task) in stage.tasks.iter().enumerate() {
            moments.push(((s, t), task));
            if let Task::Load(i) | Task::Forward(i) | Task::Scatter(i) = task {
                touch(i, (s, t));
            }
            analysis.values_read(task).into_iter().for_each(|i| touch(i, (s, t)));
            analysis.gradients_touched(task).into_iter().for_each(|i| touch(n + i, (s, t)));
        }
    }
    // Split gradients read values after the last stage; those of row-parallel layers have them joined.
    for i in (0..n).filter(|&i| analysis.splits[i] && !analysis.row_parallel[i]) {
        analysis
            .values_read(Task::Pack(i))
            .into_iter()
            .for_each(|v| touch(v, (plan.stages.len(), 0)));
    }
    let mut buffers: Vec<usize> = (0..2 * n).collect();
    for (at, task) in moments {
        if let Some((from, to)) = in_place(analysis, plan, &lives, &buffers, at, task) {
            // The new value moves into the home of the old one, which lives on as long.
            let moved = lives[to].take().expect("the task writes it");
            let home = lives[buffers[from]].as_mut().expect("the task reads it");
            home.last = moved.last;
            home.kept |= moved.kept;
            buffers[to] = buffers[from];
        }
    }
    for stage in &mut plan.stages {
        let is_needless = |i: usize| stage.tiled && buffers[n + i] != n + i;
        stage.tasks.retain(|task| !matches!(task, Task::Zero(i) if is_needless(*i)));
    }
    fuse_biases(analysis, plan);
    let storages = allocate(&lives, plan);
    for i in (0..n).filter(|&i| analysis.is_batched(i)) {
        plan.nodes[i].value = storages[buffers[i]].clone();
        plan.nodes[i].gradient = storages[buffers[n + i]].clone();
    }
}

/// Leaves the addition of a bias to the op before, where it would be done in place.
fn fuse_biases<T: Float>(analysis: &Analysis<'_, T>, plan: &mut Plan) {
    let mut fused = vec![false; plan.nodes.len()];
    for (i, fused) in fused.iter_mut().enumerate() {
        if !plan.nodes[i].in_place {
            continue;
        }
        let [before, bias] = analysis.node(i).operands[..] else { continue };
        let is_bias = analysis.op(i).is_bias(&plan.nodes[i].shapes);
        let before_adds = analysis.node(before.index()).op().is_some_and(|op| op.adds_bias());
        // What tiles compute is not there for sure, nor is what a later stage computes.
        let is_there = analysis.node(bias.index()).leaf().is_some();
        if is_bias && before_adds && is_there {
            plan.nodes[before.index()].bias = Some(bias.index());
            *fused = true;
        }
    }
    for stage in &mut plan.stages {
        stage.tasks.retain(|task| !matches!(task, Task::Forward(i) if fused[*i]));
    }
}

/// The two lives that become one if the task may write its result over what it reads, and notes that
/// in the plan.
fn in_place<T: Float>(
    analysis: &Analysis<'_, T>,
    plan: &mut Plan,
    lives: &[Option<LiveRange>],
    buffers: &[usize],
    at: (usize, usize),
    task: Task,
) -> Option<(usize, usize)> {
    let n = plan.nodes.len();
    let (Task::Forward(i) | Task::Backward { node: i, operand: 0, .. }) = task else { return None };
    let node = analysis.node(i);
    let first = node.operands.first()?.index();
    let is_as_long =
        analysis.is_batched(first) && analysis.node(first).shape.len() == node.shape.len();
    let fits = analysis.op(i).in_place() && analysis.is_batched(i) && is_as_long;
    let is_last =
        |life: usize| lives[buffers[life]].as_ref().is_some_and(|l| l.last == at && !l.kept);
    if let Task::Forward(_) = task {
        let is_only = node.operands.iter().filter(|id| id.index() == first).count() == 1;
        if !(fits && is_only && is_last(first)) {
            return None;
        }
        plan.nodes[i].in_place = true;
        Some((first, i))
    } else {
        if !(fits && analysis.readers[first].len() == 1 && is_last(n + i)) {
            return None;
        }
        plan.nodes[i].backward_in_place = true;
        Some((n + i, n + first))
    }
}

/// Gives each life a buffer: of the worker within one stage, where later lives take over what earlier
/// ones have left, else of the tile.
fn allocate(lives: &[Option<LiveRange>], plan: &mut Plan) -> Vec<Storage> {
    let mut storages = vec![Storage::None; lives.len()];
    let mut of_worker: Vec<(usize, &LiveRange)> = Vec::new();
    for (i, life) in lives.iter().enumerate() {
        match life {
            Some(life) if !life.kept && life.first.0 == life.last.0 => of_worker.push((i, life)),
            Some(life) => {
                plan.tile_buffers.push(BufferLen::Rows(life.rows));
                storages[i] = Storage::Tile(plan.tile_buffers.len() - 1);
            }
            None => {}
        }
    }
    of_worker.sort_by_key(|(_, life)| life.first);
    // Until when each buffer is taken.
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (i, life) in of_worker {
        let free = (0..taken.len()).filter(|&slot| taken[slot] < life.first);
        // The one whose size fits best.
        let slot = free.min_by_key(|&slot| plan.worker_rows[slot].abs_diff(life.rows));
        let slot = slot.unwrap_or_else(|| {
            taken.push((0, 0));
            plan.worker_rows.push(0);
            taken.len() - 1
        });
        taken[slot] = life.last;
        plan.worker_rows[slot] = plan.worker_rows[slot].max(life.rows);
        storages[i] = Storage::Worker(slot);
    }
    storages
}

/// Cuts the gradients of the parameters into chunks, one thread's work each.
pub(super) fn chunk<T: Float>(graph: &Graph<T>, analysis: &Analysis<'_, T>, plan: &mut Plan) {
    for (id, range) in graph.parameters().filter(|(id, _)| analysis.has_gradient[id.index()]) {
        let parameter = id.index();
        let readers = analysis.readers[parameter].iter().rev();
        let splits: Vec<usize> =
            readers.filter(|&&(i, k)| analysis.is_split(i, k)).map(|&(i, _)| i).collect();
        let row = graph.shape(id).dims().last().copied().unwrap_or(1).max(1);
        let step = if splits.is_empty() {
            CHUNK
        } else {
            let is_row_parallel = splits.iter().any(|&i| analysis.row_parallel[i]);
            (if is_row_parallel { ROW_PARALLEL_CHUNK } else { CHUNK } / row / MAX_BLOCK_ROWS).max(1)
                * MAX_BLOCK_ROWS
                * row
        };
        for start in (0..range.len()).step_by(step) {
            plan.chunks.push(Chunk {
                parameter,
                range: start..(start + step).min(range.len()),
                splits: splits.clone(),
                clear: !analysis.has_whole_reader(parameter),
            });
        }
    }
}
