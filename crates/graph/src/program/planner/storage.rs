//! Where each value is stored, and which ops work in place.

use kernels::Float;

use super::analysis::Analysis;
use crate::graph::Leaf;
use crate::program::options::Compile;
use crate::program::plan::{BufferLen, Plan, Storage};
use crate::program::task::{Task, TaskKind};

/// Gives shared values and gradients, and the tiles' parts of them, storage of their own.
pub(super) fn place_shared<T: Float>(analysis: &Analysis<'_, T>, plan: &mut Plan) {
    for (id, node) in analysis.graph.nodes().filter(|(id, _)| analysis.needed[id.index()]) {
        let (i, len) = (id.index(), node.shape().len());
        let mut shared = || {
            plan.shared_lens.push(len);
            Storage::Shared(plan.shared_lens.len() - 1)
        };
        if !analysis.is_batched(i) {
            let node_plan = &mut plan.nodes[i];
            node_plan.value = match node.leaf() {
                Some(Leaf::Parameter(range)) => Storage::Parameter(range.clone()),
                Some(Leaf::Constant(_)) => Storage::Constant,
                _ => shared(),
            };
            if analysis.has_gradient[i] {
                let is_parameter = node.is_parameter();
                node_plan.gradient = if is_parameter { node_plan.value.clone() } else { shared() };
            }
        }
        if !analysis.is_tiled(i) && plan.nodes[i].kept_rows > 0 {
            plan.shared_lens.push(plan.nodes[i].kept_rows);
            plan.nodes[i].kept = Storage::Shared(plan.shared_lens.len() - 1);
        }
        let mut in_tile = |len| {
            plan.tile_buffers.push(len);
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
            plan.row_parallel.push(i);
        } else if analysis.by_rows[i] {
            plan.nodes[i].workspace = in_tile(BufferLen::Workspace(len));
        }
    }
}

/// The position of a task: its stage, and its number within it.
type At = (usize, usize);

/// A batched value or gradient, or what an op keeps, from its first task to its last.
#[derive(Clone, Debug)]
struct LiveRange {
    rows: usize,
    first: At,
    last: At,
    kept: bool,
}

/// Gives batched values and gradients, and what ops keep, storage: of the worker if they live within one stage, else
/// in each tile.
pub(super) fn place_batched<T: Float>(
    analysis: &Analysis<'_, T>,
    options: &Compile,
    plan: &mut Plan,
) {
    let n = plan.nodes.len();
    let mut live = live_ranges(analysis, options, plan);
    // The range that each range was joined with.
    let mut joined: Vec<usize> = (0..live.len()).collect();
    for stage in 0..plan.stages.len() {
        for number in 0..plan.stages[stage].tasks.len() {
            let at = (stage, number);
            let task = plan.stages[stage].tasks[number];
            if let Some((from, to)) = in_place(analysis, plan, &live, &joined, at, task) {
                // The new value takes the storage of the old one, which is in use until both are dead.
                let new = live[to].take().expect("the task writes it");
                let old = live[joined[from]].as_mut().expect("the task reads it");
                old.last = new.last;
                old.kept |= new.kept;
                joined[to] = joined[from];
            }
        }
    }
    // In strips the tasks of a group take turns: what one of them touches is in use during all of them.
    let group = |(stage, number): At| {
        let mut groups = plan.stages.get(stage).into_iter().flat_map(|stage| &stage.strips);
        let group = groups.find(|strips| strips.tasks.contains(&number));
        group.map_or(number..number + 1, |strips| strips.tasks.clone())
    };
    for range in live.iter_mut().flatten() {
        range.first.1 = group(range.first).start;
        range.last.1 = group(range.last).end - 1;
    }
    let mut storage = allocate(&live, plan);
    for i in 0..n {
        if analysis.is_batched(i) {
            plan.nodes[i].value = storage[joined[i]].clone();
            plan.nodes[i].gradient = storage[joined[n + i]].clone();
        }
        if analysis.is_tiled(i) {
            plan.nodes[i].kept = std::mem::take(&mut storage[2 * n + i]);
        }
    }
}

/// The live ranges of the batched values, then of the gradients, then of what ops keep in tiles, by node.
fn live_ranges<T: Float>(
    analysis: &Analysis<'_, T>,
    options: &Compile,
    plan: &Plan,
) -> Vec<Option<LiveRange>> {
    let n = plan.nodes.len();
    let mut live: Vec<Option<LiveRange>> = vec![None; 3 * n];
    let mut touch = |range: usize, at: At| {
        let i = range % n;
        let (is_stored, rows, kept) = if range < 2 * n {
            let is_asked_for = range < n && options.keep.contains(&analysis.graph.id(i));
            let rows = analysis.graph.at(i).shape().len();
            (analysis.is_batched(i), rows, options.keep_all || is_asked_for)
        } else {
            let rows = plan.nodes[i].kept_rows;
            (rows > 0 && analysis.is_tiled(i), rows, false)
        };
        if is_stored {
            live[range].get_or_insert(LiveRange { rows, first: at, last: at, kept }).last = at;
        }
    };
    for (s, stage) in plan.stages.iter().enumerate() {
        for (t, task) in stage.tasks.iter().enumerate() {
            let values = task.value_written().into_iter().chain(task.values_read(analysis.graph));
            values.for_each(|i| touch(i, (s, t)));
            task.gradients_touched(analysis.graph).into_iter().for_each(|i| touch(n + i, (s, t)));
            if task.kind == TaskKind::Forward || task.reads_kept(analysis.graph) {
                touch(2 * n + task.node, (s, t));
            }
        }
    }
    // Weight gradients made in rows read values after the last stage; row-parallel layers have copies of theirs.
    for i in (0..n).filter(|&i| analysis.by_rows[i] && !analysis.row_parallel[i]) {
        let values = TaskKind::Pack.of(i).values_read(analysis.graph);
        values.into_iter().for_each(|i| touch(i, (plan.stages.len(), 0)));
    }
    live
}

/// The two live ranges that become one if the task may write its result over what it reads, and notes that
/// in the plan.
fn in_place<T: Float>(
    analysis: &Analysis<'_, T>,
    plan: &mut Plan,
    live: &[Option<LiveRange>],
    joined: &[usize],
    at: At,
    task: Task,
) -> Option<(usize, usize)> {
    let n = plan.nodes.len();
    let i = task.node;
    if !matches!(task.kind, TaskKind::Forward | TaskKind::Backward { operand: 0, .. }) {
        return None;
    }
    let node = analysis.graph.at(i);
    let first = node.operands().first()?.index();
    let is_as_long =
        analysis.is_batched(first) && analysis.graph.at(first).shape().len() == node.shape().len();
    if !(node.op()?.in_place() && analysis.is_batched(i) && is_as_long) {
        return None;
    }
    let is_last = |range: usize| {
        live[joined[range]].as_ref().is_some_and(|live| live.last == at && !live.kept)
    };
    if task.kind == TaskKind::Forward {
        let is_only = node.operands().iter().filter(|id| id.index() == first).count() == 1;
        let fits = is_only && is_last(first);
        plan.nodes[i].in_place = fits;
        fits.then_some((first, i))
    } else {
        // Other readers add to it later.
        let is_first = matches!(task.kind, TaskKind::Backward { is_first: true, .. });
        let fits = is_first && is_last(n + i);
        plan.nodes[i].backward_in_place = fits;
        fits.then_some((n + i, n + first))
    }
}

/// Gives each live range a buffer: of the worker if it lies within one stage, where later ranges take over
/// buffers of those that ended, else of the tile.
fn allocate(live: &[Option<LiveRange>], plan: &mut Plan) -> Vec<Storage> {
    let mut storage = vec![Storage::None; live.len()];
    let mut of_worker: Vec<(usize, &LiveRange)> = Vec::new();
    for (i, range) in live.iter().enumerate() {
        let Some(range) = range else { continue };
        if !range.kept && range.first.0 == range.last.0 {
            of_worker.push((i, range));
        } else {
            plan.tile_buffers.push(BufferLen::Rows(range.rows));
            storage[i] = Storage::Tile(plan.tile_buffers.len() - 1);
        }
    }
    of_worker.sort_by_key(|(_, range)| range.first);
    // The last use of each buffer.
    let mut used_until: Vec<At> = Vec::new();
    for (i, range) in of_worker {
        let free = (0..used_until.len()).filter(|&buffer| used_until[buffer] < range.first);
        // The one whose size fits best.
        let buffer = free.min_by_key(|&buffer| plan.worker_rows[buffer].abs_diff(range.rows));
        let buffer = buffer.unwrap_or_else(|| {
            used_until.push((0, 0));
            plan.worker_rows.push(0);
            used_until.len() - 1
        });
        used_until[buffer] = range.last;
        plan.worker_rows[buffer] = plan.worker_rows[buffer].max(range.rows);
        storage[i] = Storage::Worker(buffer);
    }
    storage
}
