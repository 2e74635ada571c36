//! Which tasks are done together, strip by strip, so that what one of them writes is read by the next from the first-level
//! cache: the passes over memory between two convolutions become one.
//!
//! A group is tasks in a row whose ops [work in strips](crate::Op::in_strips), on values whose first axes have a common
//! divisor. Every value that such a task reads is complete, or made in strips by a task before it.

use std::ops::Range;

use kernels::Float;

use crate::Shape;
use crate::graph::Graph;
use crate::program::plan::{Plan, Stage, Strips, TaskShapes};
use crate::program::task::{Task, TaskKind};

/// Bytes of the longest value in a strip, about: several of them share the first-level cache and the one behind it.
const STRIP_BYTES: usize = 32 << 10;

/// The groups of a stage, each with the largest number of strips that is possible.
pub(super) fn find<T: Float>(graph: &Graph<T>, stage: &Stage) -> Vec<Strips> {
    let mut groups: Vec<(Range<usize>, usize)> = Vec::new();
    let mut open: Option<(Range<usize>, usize)> = None;
    let tasks = if stage.is_tiled { &stage.tasks[..] } else { &[] };
    for (number, &task) in tasks.iter().enumerate() {
        let parts = most_strips(graph, task);
        let joint = open.as_ref().map_or(parts, |&(_, before)| gcd(parts, before));
        if joint > 1 {
            let start = open.map_or(number, |(tasks, _)| tasks.start);
            open = Some((start..number + 1, joint));
        } else {
            groups.extend(open.take());
            open = (parts > 1).then_some((number..number + 1, parts));
        }
    }
    groups.extend(open);
    let groups = groups.into_iter().filter(|(tasks, _)| tasks.len() > 1);
    groups.map(|(tasks, count)| Strips { tasks, count, shapes: Vec::new() }).collect()
}

/// The common divisor of the first axes of everything batched that the task touches; 1 if it is done at once.
fn most_strips<T: Float>(graph: &Graph<T>, task: Task) -> usize {
    let node = graph.at(task.node);
    let Some(op) = node.op() else { return 1 };
    if !matches!(task.kind, TaskKind::Forward | TaskKind::Backward { .. }) {
        return 1;
    }
    let operands: Vec<Shape> = node.operands().iter().map(|&id| graph.shape(id).clone()).collect();
    if !node.shape().is_batched() || !op.in_strips(&operands) {
        return 1;
    }
    let batched = operands.iter().chain([node.shape()]).filter(|shape| shape.is_batched());
    batched.fold(0, |common, shape| gcd(common, shape.dims().first().copied().unwrap_or(1)))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Cuts the values of the groups that were found into strips, for tiles of the plan's width.
pub(super) fn cut<T: Float>(graph: &Graph<T>, plan: &mut Plan) {
    let width = plan.width;
    for stage in &mut plan.stages {
        for strips in &mut stage.strips {
            let tasks = &stage.tasks[strips.tasks.clone()];
            let rows = tasks.iter().flat_map(|task| {
                let node = graph.at(task.node);
                node.operands().iter().map(|&id| graph.shape(id)).chain([node.shape()])
            });
            let rows = rows.filter(|shape| shape.is_batched()).map(Shape::len).max().unwrap_or(0);
            let bytes = rows.saturating_mul(width).saturating_mul(size_of::<T>());
            let least = bytes.div_ceil(STRIP_BYTES).clamp(1, strips.count);
            let most = strips.count;
            strips.count = (least..=most).find(|count| most % count == 0).unwrap_or(most);
            let share = |shape: &Shape| match shape.dims() {
                [first, rest @ ..] if shape.is_batched() => {
                    shape.with_dims([&[first / strips.count], rest].concat())
                }
                _ => shape.clone(),
            };
            strips.shapes = tasks
                .iter()
                .map(|task| {
                    let node = graph.at(task.node);
                    let operands = node.operands().iter().map(|&id| share(graph.shape(id)));
                    TaskShapes { operands: operands.collect(), result: share(node.shape()) }
                })
                .collect();
        }
        stage.strips.retain(|strips| strips.count > 1);
    }
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, NodeId, Padding, Program, RunArgs, Shape, Tensor, Tensors};

    /// Ops in strips forward and backward, with a sum over strips, on images of this many rows.
    fn network(rows: usize) -> (Graph<f64>, NodeId) {
        let mut g = Graph::new();
        let x = g.input("x", Shape::batch([rows, 16, 8]));
        let gain = g.parameter("gain", [8]);
        let terms = g.parameter("terms", [3, 8]);
        let y = g.mul(x, gain).unwrap();
        let y = g.normalize(y, terms).unwrap();
        let y = g.relu(y);
        let y = g.max_pool2d(y, [2, 2], [2, 2], Padding::Valid).unwrap();
        let y = g.tanh(y);
        let y = g.avg_pool2d(y, [2, 2], [2, 2], Padding::Valid).unwrap();
        let y = g.leaky_relu(y, 0.1).unwrap();
        let y = g.mul(y, y).unwrap();
        let loss = g.mean_all(y).unwrap();
        (g, loss)
    }

    /// Loss and gradients of a batch, and the number of strips of each group.
    fn run(rows: usize, batch: usize, x: &[f64], keep_all: bool) -> (Vec<f64>, Vec<usize>) {
        let (g, loss) = network(rows);
        let options = Compile { batch, loss: Some(loss), keep_all, ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let parameters: Vec<f64> = (0..32).map(|i| f64::from(i % 7) * 0.3 - 0.4).collect();
        let x = Tensor::new([batch, rows, 16, 8], x);
        let inputs = &Tensors(&[&x]);
        program.run(&RunArgs { parameters: &parameters, inputs, ..RunArgs::default() });
        let results = [&[program.scalar(loss)], program.gradients()].concat();
        let groups = program.plan.stages.iter().flat_map(|stage| &stage.strips);
        (results, groups.map(|strips| strips.count).collect())
    }

    #[test]
    fn a_batch_in_strips_has_the_mean_of_the_results_of_its_samples() {
        const BATCH: usize = 24;
        for (rows, counts) in [(16, &[4, 4][..]), (20, &[5, 5]), (12, &[3, 3])] {
            let len = rows * 16 * 8;
            let number = |i| f64::from(u32::try_from(i * i % 1009).unwrap()) / 500.0 - 1.0;
            let x: Vec<f64> = (0..BATCH * len).map(number).collect();
            let mut mean = vec![0.0; 33];
            for x in x.chunks_exact(len) {
                let (results, strips) = run(rows, 1, x, false);
                assert!(strips.is_empty(), "{strips:?}");
                mean.iter_mut().zip(results).for_each(|(mean, x)| *mean += x / BATCH as f64);
            }
            let (found, strips) = run(rows, BATCH, &x, false);
            assert_eq!(strips, counts);
            for (found, mean) in found.iter().zip(&mean) {
                assert!((found - mean).abs() < 1e-12, "{found} {mean}");
            }
            assert!(mean.iter().filter(|x| x.abs() > 1e-6).count() > 25, "{mean:?}");
            assert_eq!(run(rows, BATCH, &x, true).0, found, "also where every value is kept");
        }
    }
}
