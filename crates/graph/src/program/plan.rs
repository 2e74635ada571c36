//! The planner: which task runs when, and where each value lives.
//!
//! Work falls into **stages**. In a *tiled* stage each tile of samples goes through all tasks of the
//! stage before its core takes the next tile, so its values stay in cache. A *whole* stage works on
//! values without batch axis, once. A stage ends where a value needs all tiles: the result of a
//! reduction over the batch going forward, the gradient of a shared value going backward. A network
//! without batch normalisation has one tiled stage, forward and backward in one go.
//!
//! Everything here depends on the graph and the batch size, never on the number of threads.

use std::collections::BTreeSet;

use crate::graph::{Graph, Kind, Leaf, NodeId};
use crate::op::Saved;
use crate::{Float, Shape};

use super::Compile;

/// One thing to do, within a tile or on shared values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Read an input.
    Fill(usize),
    /// Compute a node; for a reduction over the batch, the tile's part.
    Forward(usize),
    /// Put the tiles' parts of a reduction together.
    Finish(usize),
    /// Clear a gradient.
    Zero(usize),
    /// Set the gradient of the loss to 1.
    Seed(usize),
    /// Add to the gradient of an operand.
    Backward(usize, usize),
    /// Keep what the rows of a split gradient need.
    Prepare(usize),
    /// Add the tiles' parts of a shared gradient up.
    Reduce(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) tiled: bool,
    pub(super) tasks: Vec<Task>,
}

/// Where a value or gradient lives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere: it is not needed.
    #[default]
    Nowhere,
    /// In the tile, from stage to stage.
    Tile(usize),
    /// In the thread that works on the tile, within one stage.
    Worker(usize),
    /// Once, for all tiles.
    Shared(usize),
    /// In the vector of parameters, or of their gradients.
    Parameter(std::ops::Range<usize>),
    /// In the graph.
    Constant,
}

/// How long a buffer of a tile is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extent {
    /// So many rows of the tile's width.
    Rows(usize),
    /// So many elements.
    Fixed(usize),
    /// The workspace of a node's split gradient.
    Workspace(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct NodePlan {
    pub(super) value: Place,
    pub(super) gradient: Place,
    /// The tile's part of a reduction over the batch.
    pub(super) part: Option<usize>,
    /// The tile's part of the gradient of a shared value.
    pub(super) gradient_part: Option<usize>,
    /// What a split gradient keeps in the tile.
    pub(super) workspace: Option<usize>,
    /// The value is computed over that of the first operand.
    pub(super) in_place: bool,
    /// The gradient of the first operand is computed over that of the node.
    pub(super) backward_in_place: bool,
    /// The shapes of the operands.
    pub(super) shapes: Vec<Shape>,
}

/// Some elements of one parameter's gradient, to be made by one thread.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) parameter: usize,
    /// Elements, counted from the parameter's first.
    pub(super) range: std::ops::Range<usize>,
    /// Nodes whose split gradients make it, from the loss down.
    pub(super) splits: Vec<usize>,
    /// Whether it has to be cleared first.
    pub(super) clear: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) stages: Vec<Stage>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) tile_buffers: Vec<Extent>,
    /// Rows of each of a worker's buffers.
    pub(super) worker_rows: Vec<usize>,
    pub(super) shared_lens: Vec<usize>,
    /// Lanes of a tile.
    pub(super) width: usize,
}

/// Elements of a parameter's gradient that one thread makes at a time.
const CHUNK: usize = 8192;
/// Rows that the product kernel takes at a time, at most.
const ROW_BLOCK: usize = 12;
/// What a tile's values may take of a core's second-level cache. A constant, not a look at the machine,
/// since the order of sums depends on it.
const TILE_BYTES: usize = 2 << 20;
/// Lanes of a tile, from the widest, each with the smallest batch it is used for: wide tiles cost fewer
/// calls, narrow ones leave no thread without work.
const WIDTHS: [(usize, usize); 4] = [(128, 1024), (64, 512), (32, 64), (16, 8)];

/// Makes the plan for a graph.
pub(super) fn plan<T: Float>(graph: &Graph<T>, options: &Compile) -> Plan {
    let facts = Facts::of(graph, options);
    let nodes = graph.nodes().map(|(_, node)| NodePlan {
        shapes: node.operands().iter().map(|&id| graph.shape(id).clone()).collect(),
        ..NodePlan::default()
    });
    let mut plan = Plan { nodes: nodes.collect(), stages: facts.stages(), ..Plan::default() };
    place_shared(graph, &facts, &mut plan);
    place_batched(options, &facts, &mut plan);
    chunk(graph, &facts, &mut plan);
    plan.width = options.tile.unwrap_or_else(|| width::<T>(&plan.worker_rows, options.batch));
    plan
}

fn width<T>(worker_rows: &[usize], batch: usize) -> usize {
    let row_bytes = worker_rows.iter().sum::<usize>() * size_of::<T>();
    let fits = |&&(width, min_batch): &&(usize, usize)| {
        batch >= min_batch && (row_bytes * width <= TILE_BYTES || width == 16)
    };
    // A batch too small for any of them is one tile without padding.
    WIDTHS.iter().find(fits).map_or(batch.max(1), |&(width, _)| width)
}

/// What the planner knows of each node before anything is placed.
struct Facts<'a, T> {
    graph: &'a Graph<T>,
    loss: Option<usize>,
    needed: Vec<bool>,
    /// Whether the node has a gradient: something wants it, and the loss depends on it.
    has_gradient: Vec<bool>,
    /// The stage of the forward pass, even for whole and odd for tiled.
    forward: Vec<usize>,
    /// The stage of the backward pass, counted from the loss, likewise.
    backward: Vec<usize>,
    /// The stage of the backward pass in which the node's gradient is complete.
    complete: Vec<usize>,
    /// Nodes whose weight gradient is made in rows.
    splits: Vec<bool>,
    /// For each node the nodes with a gradient that read it, and the operand they read it as.
    readers: Vec<Vec<(usize, usize)>>,
}

impl<'a, T: Float> Facts<'a, T> {
    fn of(graph: &'a Graph<T>, options: &Compile) -> Self {
        let n = graph.nodes().len();
        let mut facts = Self {
            graph,
            loss: options.loss.map(NodeId::index),
            needed: vec![options.keep_all; n],
            has_gradient: vec![false; n],
            forward: vec![0; n],
            backward: vec![0; n],
            complete: vec![0; n],
            splits: vec![false; n],
            readers: vec![Vec::new(); n],
        };
        for id in options.loss.iter().chain(&options.keep) {
            facts.needed[id.index()] = true;
        }
        for (id, node) in graph.nodes().rev() {
            if facts.needed[id.index()] {
                node.operands().iter().for_each(|operand| facts.needed[operand.index()] = true);
            }
        }
        facts.find_gradients(options);
        for (id, node) in graph.nodes().filter(|(id, _)| facts.has_gradient[id.index()]) {
            for (k, operand) in node.operands().iter().enumerate() {
                facts.readers[operand.index()].push((id.index(), k));
            }
        }
        facts.number_stages();
        facts.choose_splits(options.batch);
        facts
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
            self.forward[i] = if self.is_tiled(i) { ready | 1 } else { ready };
        }
        for (id, node) in self.graph.nodes().rev() {
            let i = id.index();
            if !self.has_gradient[i] {
                continue;
            }
            // By now every node that reads this one has said when its gradient is complete.
            let complete = self.complete[i];
            self.backward[i] = if self.is_tiled(i) { complete | 1 } else { complete };
            for operand in node.operands().iter().map(|operand| operand.index()) {
                // A shared value's gradient is complete when the tiles' parts are added up.
                let adds_up = self.is_tiled(i) && !self.is_batched(operand);
                let ready = self.backward[i] + usize::from(adds_up);
                self.complete[operand] = self.complete[operand].max(ready);
            }
        }
    }

    /// A weight that is large beside the activations gets its gradient row by row: parts for each tile
    /// would cost more memory traffic than reading the activations again.
    fn choose_splits(&mut self, batch: usize) {
        let n_tiles = batch.div_ceil(32);
        for (id, node) in self.graph.nodes() {
            let Some(split) = node.op().and_then(|op| op.split_gradient()) else { continue };
            let weight = self.graph.node(node.operands()[split.operand()]);
            let is_parameter = matches!(weight.leaf(), Some(Leaf::Parameter(_)));
            let batched = node.operands().iter().map(|&operand| self.graph.shape(operand));
            let batched = batched.chain([node.shape()]).filter(|shape| shape.is_batched());
            let activations: usize = batched.map(Shape::len).sum();
            self.splits[id.index()] = is_parameter
                && node.shape().is_batched()
                && self.has_gradient[node.operands()[split.operand()].index()]
                && weight.shape().len() * n_tiles > activations * batch;
        }
    }

    fn is_batched(&self, node: usize) -> bool {
        self.node(node).shape.is_batched()
    }

    /// A shared result of batched operands.
    fn is_reduction(&self, node: usize) -> bool {
        let reads_batch = self.node(node).operands.iter().any(|id| self.is_batched(id.index()));
        !self.is_batched(node) && reads_batch
    }

    fn is_tiled(&self, node: usize) -> bool {
        self.is_batched(node) || self.is_reduction(node)
    }

    fn node(&self, node: usize) -> &'a crate::Node<T> {
        self.graph.node(NodeId(node as u32))
    }

    fn op(&self, node: usize) -> &'a dyn crate::op::Op<T> {
        self.node(node).op().expect("only ops have forward and backward passes")
    }

    fn is_leaf(&self, node: usize) -> bool {
        matches!(self.node(node).kind, Kind::Leaf(_))
    }

    /// The first stage that may read the node's value.
    fn available(&self, node: usize) -> usize {
        self.forward[node] + usize::from(self.is_reduction(node))
    }

    fn stages(&self) -> Vec<Stage> {
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
        for &i in needed.iter().filter(|&&i| self.forward[i] == stage) {
            match self.node(i).leaf() {
                Some(Leaf::Input(_)) => tasks.push(Task::Fill(i)),
                Some(_) => {}
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
        for &i in nodes.iter().rev() {
            if self.has_parts(i) && !self.is_parameter(i) && self.complete[i] == stage {
                tasks.push(Task::Reduce(i));
            }
            if self.backward[i] != stage || self.is_leaf(i) {
                continue;
            }
            if self.splits[i] {
                tasks.push(Task::Prepare(i));
            }
            // The first operand last: its gradient may then be computed over that of the node.
            for operand in (0..self.node(i).operands.len()).rev() {
                let to = self.node(i).operands[operand].index();
                if !self.has_gradient[to] || self.is_split(i, operand) {
                    continue;
                }
                if (self.is_batched(to) || self.is_tiled(i)) && zeroed.insert(to) {
                    tasks.push(Task::Zero(to));
                }
                tasks.push(Task::Backward(i, operand));
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
    fn values_read(&self, task: Task) -> Vec<usize> {
        let saved = |i: usize, operand: usize| {
            let saved: Saved = self.op(i).saved(operand);
            let operands = self.node(i).operands.iter().enumerate();
            let operands =
                operands.filter(|(k, _)| saved.has_operand(*k)).map(|(_, id)| id.index());
            operands.chain(saved.has_result().then_some(i)).collect()
        };
        match task {
            Task::Forward(i) => self.node(i).operands.iter().map(|id| id.index()).collect(),
            Task::Backward(i, operand) => saved(i, operand),
            Task::Prepare(i) => saved(i, self.split_operand(i)),
            _ => Vec::new(),
        }
    }

    /// The nodes whose gradients a task reads or adds to.
    fn gradients_touched(&self, task: Task) -> Vec<usize> {
        match task {
            Task::Zero(i) | Task::Seed(i) | Task::Prepare(i) | Task::Reduce(i) => vec![i],
            Task::Backward(i, operand) => vec![i, self.node(i).operands[operand].index()],
            _ => Vec::new(),
        }
    }

    fn split_operand(&self, node: usize) -> usize {
        self.op(node).split_gradient().expect("the node has a split gradient").operand()
    }

    fn is_split(&self, node: usize, operand: usize) -> bool {
        self.splits[node] && self.split_operand(node) == operand
    }

    fn is_parameter(&self, node: usize) -> bool {
        matches!(self.node(node).leaf(), Some(Leaf::Parameter(_)))
    }

    fn has_whole_reader(&self, node: usize) -> bool {
        self.loss == Some(node) || self.readers[node].iter().any(|&(i, _)| !self.is_tiled(i))
    }

    /// Whether tiles have parts of the gradient of this shared value.
    fn has_parts(&self, node: usize) -> bool {
        !self.is_batched(node)
            && self.readers[node].iter().any(|&(i, k)| self.is_tiled(i) && !self.is_split(i, k))
    }
}

/// Shared values and gradients, and the tiles' parts of them, have places of their own.
fn place_shared<T: Float>(graph: &Graph<T>, facts: &Facts<'_, T>, plan: &mut Plan) {
    for (id, node) in graph.nodes() {
        let i = id.index();
        if !facts.needed[i] {
            continue;
        }
        let len = node.shape().len();
        let mut shared = || {
            plan.shared_lens.push(len);
            Place::Shared(plan.shared_lens.len() - 1)
        };
        if !facts.is_batched(i) {
            plan.nodes[i].value = match node.leaf() {
                Some(Leaf::Parameter(range)) => Place::Parameter(range.clone()),
                Some(Leaf::Constant(_)) => Place::Constant,
                _ => shared(),
            };
            if facts.has_gradient[i] {
                plan.nodes[i].gradient = match node.leaf() {
                    Some(Leaf::Parameter(range)) => Place::Parameter(range.clone()),
                    _ => shared(),
                };
            }
        }
        let mut in_tile = |extent| {
            plan.tile_buffers.push(extent);
            Some(plan.tile_buffers.len() - 1)
        };
        if facts.is_reduction(i) {
            plan.nodes[i].part = in_tile(Extent::Fixed(len));
        }
        if facts.has_gradient[i] && facts.has_parts(i) {
            plan.nodes[i].gradient_part = in_tile(Extent::Fixed(len));
        }
        if facts.splits[i] {
            plan.nodes[i].workspace = in_tile(Extent::Workspace(i));
        }
    }
}

/// A batched value or gradient from its first task to its last.
#[derive(Clone, Debug)]
struct Life {
    rows: usize,
    /// Stage and task.
    first: (usize, usize),
    last: (usize, usize),
    kept: bool,
}

/// Batched values that live within one stage share the buffers of the worker; the others get one in
/// each tile.
fn place_batched<T: Float>(options: &Compile, facts: &Facts<'_, T>, plan: &mut Plan) {
    let n = plan.nodes.len();
    // Values are lives 0 to n, gradients n to 2n.
    let mut lives: Vec<Option<Life>> = vec![None; 2 * n];
    let mut touch = |life: usize, at: (usize, usize)| {
        let i = life % n;
        if facts.is_batched(i) {
            let kept = options.keep_all || (life < n && options.keep.contains(&NodeId(i as u32)));
            let rows = facts.node(i).shape().len();
            lives[life].get_or_insert(Life { rows, first: at, last: at, kept }).last = at;
        }
    };
    let mut moments = Vec::new();
    for (s, stage) in plan.stages.iter().enumerate() {
        for (t, &task) in stage.tasks.iter().enumerate() {
            moments.push(((s, t), task));
            if let Task::Fill(i) | Task::Forward(i) = task {
                touch(i, (s, t));
            }
            facts.values_read(task).into_iter().for_each(|i| touch(i, (s, t)));
            facts.gradients_touched(task).into_iter().for_each(|i| touch(n + i, (s, t)));
        }
    }
    // Split gradients read values after the last stage.
    for i in (0..n).filter(|&i| facts.splits[i]) {
        facts
            .values_read(Task::Prepare(i))
            .into_iter()
            .for_each(|v| touch(v, (plan.stages.len(), 0)));
    }
    let mut homes: Vec<usize> = (0..2 * n).collect();
    for (at, task) in moments {
        if let Some((from, to)) = in_place(facts, plan, &lives, &homes, at, task) {
            // The new value moves into the home of the old one, which lives on as long.
            let moved = lives[to].take().expect("the task writes it");
            let home = lives[homes[from]].as_mut().expect("the task reads it");
            home.last = moved.last;
            home.kept |= moved.kept;
            homes[to] = homes[from];
        }
    }
    for stage in &mut plan.stages {
        let is_needless = |i: usize| stage.tiled && homes[n + i] != n + i;
        stage.tasks.retain(|task| !matches!(task, Task::Zero(i) if is_needless(*i)));
    }
    let places = allot(&lives, plan);
    for i in (0..n).filter(|&i| facts.is_batched(i)) {
        plan.nodes[i].value = places[homes[i]].clone();
        plan.nodes[i].gradient = places[homes[n + i]].clone();
    }
}

/// The two lives that become one if the task may write its result over what it reads, and notes that
/// in the plan.
fn in_place<T: Float>(
    facts: &Facts<'_, T>,
    plan: &mut Plan,
    lives: &[Option<Life>],
    homes: &[usize],
    at: (usize, usize),
    task: Task,
) -> Option<(usize, usize)> {
    let n = plan.nodes.len();
    let (Task::Forward(i) | Task::Backward(i, 0)) = task else { return None };
    let node = facts.node(i);
    let first = node.operands.first()?.index();
    let is_as_long = facts.is_batched(first) && facts.node(first).shape.len() == node.shape.len();
    let fits = facts.op(i).in_place() && facts.is_batched(i) && is_as_long;
    let is_last =
        |life: usize| lives[homes[life]].as_ref().is_some_and(|l| l.last == at && !l.kept);
    if let Task::Forward(_) = task {
        let is_only = node.operands.iter().filter(|id| id.index() == first).count() == 1;
        if !(fits && is_only && is_last(first)) {
            return None;
        }
        plan.nodes[i].in_place = true;
        Some((first, i))
    } else {
        if !(fits && facts.readers[first].len() == 1 && is_last(n + i)) {
            return None;
        }
        plan.nodes[i].backward_in_place = true;
        Some((n + i, n + first))
    }
}

/// Gives each life a buffer: of the worker within one stage, where later lives take over what earlier
/// ones have left, else of the tile.
fn allot(lives: &[Option<Life>], plan: &mut Plan) -> Vec<Place> {
    let mut places = vec![Place::Nowhere; lives.len()];
    let mut of_worker: Vec<(usize, &Life)> = Vec::new();
    for (i, life) in lives.iter().enumerate() {
        match life {
            Some(life) if !life.kept && life.first.0 == life.last.0 => of_worker.push((i, life)),
            Some(life) => {
                plan.tile_buffers.push(Extent::Rows(life.rows));
                places[i] = Place::Tile(plan.tile_buffers.len() - 1);
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
        places[i] = Place::Worker(slot);
    }
    places
}

/// Cuts the gradients of the parameters into chunks, one thread's work each.
fn chunk<T: Float>(graph: &Graph<T>, facts: &Facts<'_, T>, plan: &mut Plan) {
    for (id, range) in graph.parameters().filter(|(id, _)| facts.has_gradient[id.index()]) {
        let parameter = id.index();
        let readers = facts.readers[parameter].iter().rev();
        let splits: Vec<usize> =
            readers.filter(|&&(i, k)| facts.is_split(i, k)).map(|&(i, _)| i).collect();
        let row = graph.shape(id).sizes().last().copied().unwrap_or(1).max(1);
        let step = if splits.is_empty() {
            CHUNK
        } else {
            (CHUNK / row / ROW_BLOCK).max(1) * ROW_BLOCK * row
        };
        for start in (0..range.len()).step_by(step) {
            plan.chunks.push(Chunk {
                parameter,
                range: start..(start + step).min(range.len()),
                splits: splits.clone(),
                clear: !facts.has_whole_reader(parameter),
            });
        }
    }
}
