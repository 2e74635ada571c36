//! The execution plan: which task runs when, and where each value is stored.

use std::ops::Range;

use super::ParameterPiece;
use super::shards;
use super::task::Task;
use crate::Shape;
use crate::op::Tile;
use crate::ops::matmul::MatMulOp;

/// Tasks between two points at which all tiles wait for each other.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Whether each tile does the tasks for its samples; else they are done once, on shared values.
    pub(super) is_tiled: bool,
    pub(super) tasks: Vec<Task>,
    /// Tasks that follow each other and are done together, strip by strip.
    pub(super) strips: Vec<Strips>,
}

impl Stage {
    pub(super) fn new(is_tiled: bool, tasks: Vec<Task>) -> Self {
        Self { is_tiled, tasks, strips: Vec::new() }
    }

    /// Calls `run` with each task, for each strip of those that are done in strips.
    pub(super) fn for_each_task(&self, mut run: impl FnMut(Task, Strip<'_>)) {
        let mut next = 0;
        for Strips { tasks, count, shapes } in &self.strips {
            self.tasks[next..tasks.start].iter().for_each(|&task| run(task, Strip::WHOLE));
            for number in 0..*count {
                for (&task, shapes) in self.tasks[tasks.clone()].iter().zip(shapes) {
                    run(task, Strip { number, count: *count, shapes: Some(shapes) });
                }
            }
            next = tasks.end;
        }
        self.tasks[next..].iter().for_each(|&task| run(task, Strip::WHOLE));
    }
}

/// Tasks of a stage that are done for one strip of a tile's values after the other: for equal shares of their first axis.
#[derive(Clone, Debug)]
pub(super) struct Strips {
    pub(super) tasks: Range<usize>,
    pub(super) count: usize,
    /// The shapes in one strip, of the operands and result of each task's node.
    pub(super) shapes: Vec<TaskShapes>,
}

#[derive(Clone, Debug)]
pub(super) struct TaskShapes {
    pub(super) operands: Vec<Shape>,
    pub(super) result: Shape,
}

/// What of the values of a tile a task works on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip<'a> {
    pub(super) number: usize,
    pub(super) count: usize,
    /// Those of the task; none for the whole values.
    pub(super) shapes: Option<&'a TaskShapes>,
}

impl Strip<'_> {
    /// Everything.
    pub(super) const WHOLE: Self = Self { number: 0, count: 1, shapes: None };

    /// The strip of a batched value, of what is kept, or of an empty slice.
    pub(super) fn of(self, len: usize) -> Range<usize> {
        let len = len / self.count;
        self.number * len..(self.number + 1) * len
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Storage {
    /// Nowhere: no task reads or writes it.
    #[default]
    None,
    /// In the tile, from stage to stage.
    Tile(usize),
    /// In the thread that works on the tile, within one stage.
    Worker(usize),
    Shared(usize),
    /// In the vector of parameters, or of their gradients.
    Parameter(Range<usize>),
    /// In the graph.
    Constant,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum BufferLen {
    /// This number of rows of the tile's width.
    Rows(usize),
    Fixed(usize),
    /// The workspace of a weight gradient that is made in rows, for a result with this number of rows.
    Workspace(usize),
}

impl BufferLen {
    pub(super) fn elements(self, width: usize) -> usize {
        match self {
            Self::Rows(rows) => rows.saturating_mul(width),
            Self::Fixed(len) => len,
            Self::Workspace(rows) => MatMulOp::workspace(rows, width),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct NodePlan {
    pub(super) value: Storage,
    pub(super) gradient: Storage,
    /// What the forward pass keeps for the backward pass.
    pub(super) kept: Storage,
    pub(super) kept_rows: usize,
    /// The tile buffer for the tile's part of a reduction over the batch.
    pub(super) part: Option<usize>,
    /// The tile buffer for the tile's part of the gradient of a shared value.
    pub(super) gradient_part: Option<usize>,
    /// The tile buffer for what the rows of the weight's gradient need.
    pub(super) workspace: Option<usize>,
    /// The value is computed over that of the first operand.
    pub(super) in_place: bool,
    /// The gradient of the first operand is computed over that of the node.
    pub(super) backward_in_place: bool,
    pub(super) row_parallel: Option<usize>,
    /// The node whose value is added to this one's as a bias.
    pub(super) bias: Option<usize>,
    /// The number of the input that the value is, be it in another shape.
    pub(super) input: Option<usize>,
    pub(super) shapes: Vec<Shape>,
}

/// Some elements of one parameter's gradient, to be made by one thread.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// The parameter's node, and its number among the parameters.
    pub(super) parameter: usize,
    pub(super) number: usize,
    /// Elements, counted from the parameter's first.
    pub(super) range: Range<usize>,
    /// Nodes that make their weight gradients in rows, from the loss down.
    pub(super) by_rows: Vec<usize>,
    /// Whether old content means nothing.
    pub(super) clear: bool,
    /// Whether the parameter is not trained: nothing is made.
    pub(super) is_frozen: bool,
}

impl Chunk {
    pub(super) fn piece(&self) -> ParameterPiece {
        ParameterPiece { parameter: self.number, offset: self.range.start }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub(super) nodes: Vec<NodePlan>,
    pub(super) stages: Vec<Stage>,
    pub(super) chunks: Vec<Chunk>,
    /// Where the chunks begin in the vector of gradients, and the last one ends.
    pub(super) chunk_bounds: Vec<usize>,
    pub(super) tile_buffers: Vec<BufferLen>,
    /// Rows of each of a worker's buffers.
    pub(super) worker_rows: Vec<usize>,
    pub(super) shared_lens: Vec<usize>,
    /// The layers with so large a weight that it is read once for all tiles, each thread some rows.
    pub(super) row_parallel: Vec<usize>,
    pub(super) batch: usize,
    pub(super) shards: usize,
    /// Elements of a row of a tile, at most.
    pub(super) width: usize,
    /// Whether the last of an odd number of tiles may be two: without a loss.
    pub(super) may_halve: bool,
    /// Of what the elements of a row of a tile are a multiple, unless they are all of [`width`](Self::width).
    pub(super) alignment: usize,
}

impl Plan {
    /// Where some consecutive chunks begin, and the last one ends; nothing without a loss.
    pub(super) fn bounds_of(&self, chunks: &Range<usize>) -> &[usize] {
        self.chunk_bounds.get(chunks.start..=chunks.end).unwrap_or(&[])
    }

    /// The number of tiles of a shard.
    pub(super) fn tiles_in(&self, shard: usize) -> usize {
        let samples = shards::samples(self.batch, self.shards, shard).len();
        samples.div_ceil(self.width) + usize::from(self.halves_last(samples))
    }

    /// Whether the last of so many samples, which would be an odd tile, are two: for as much work on each of two threads.
    fn halves_last(&self, samples: usize) -> bool {
        let before = samples.div_ceil(self.width).saturating_sub(1);
        let is_odd = before > 0 && before.is_multiple_of(2);
        self.may_halve && is_odd && samples - before * self.width > 1
    }

    /// Tile `i` of a shard.
    pub(super) fn tile(&self, shard: usize, i: usize) -> Tile {
        let samples = shards::samples(self.batch, self.shards, shard);
        let tiles = self.tiles_in(shard);
        let (start, step) = if self.halves_last(samples.len()) {
            // One half behind each half of the others: a thread begins with consecutive tiles.
            let (of_half, number) = (tiles / 2, i % (tiles / 2));
            let whole = of_half - 1;
            let half = (samples.len() - 2 * whole * self.width).div_ceil(2);
            let start = i / of_half * (whole * self.width + half) + number * self.width;
            (start, if number < whole { self.width } else { half })
        } else {
            // As many samples in each tile as in any other, so that all threads have as much to do.
            let step = samples.len().div_ceil(tiles);
            (i * step, step)
        };
        let first = samples.start + start;
        let valid = step.min(samples.end - first);
        // A tile may be narrower, as long as its rows stay whole vectors.
        let width = self.width.min(valid.next_multiple_of(self.alignment));
        Tile { first, valid, width, batch: self.batch }
    }
}
