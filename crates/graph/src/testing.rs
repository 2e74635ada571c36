//! Checks for ops, custom ones included: forward against a plain reference, backward against finite differences,
//! and the check itself against a wrong rule.

use std::ops::Range;
use std::sync::Arc;

use kernels::random::Stream;

use crate::gradient_check::{GradCheckOptions, GradCheckReport, gradient_check};
use crate::op::{BackwardPass, Choices, ForwardPass, Op, Saved};
use crate::{Compile, Float, Graph, NodeId, Program, RunArgs, Shape, ShapeError, Tensor, Tensors};

/// The largest relative error of a gradient that passes.
pub const TOLERANCE: f64 = 1e-6;

/// An op with inputs to try it on.
#[derive(Debug)]
pub struct OpCase<'a, B, R>
where
    B: Fn(&mut Graph<f64>, &[NodeId]) -> Result<NodeId, ShapeError>,
    R: Fn(&[Tensor<f64>]) -> Tensor<f64>,
{
    /// Adds the op to a graph.
    pub build: B,
    /// The same by plain loops on row-major tensors, the batch as their first axis.
    pub reference: R,
    /// Where to draw the operands from.
    pub inputs: &'a [Uniform],
}

/// A random tensor.
#[derive(Clone, Debug)]
pub struct Uniform {
    shape: Shape,
    range: Range<f64>,
}

/// Uniform random numbers in a shape written as `"N 2 3"`, with `N` for the batch axis.
///
/// # Panics
///
/// If a size is not a number.
pub fn uniform(shape: &str, range: Range<f64>) -> Uniform {
    let mut words = shape.split_whitespace().peekable();
    let is_batched = words.next_if_eq(&"N").is_some();
    let sizes: Vec<usize> = words.map(|size| size.parse().expect("a size is a number")).collect();
    let shape = if is_batched { Shape::batch(sizes) } else { Shape::from(&sizes[..]) };
    Uniform { shape, range }
}

/// Checks one op in `f64`.
///
/// The forward pass is compared with the reference and the gradient of every operand with differences
/// along random directions, under a random weight for each element of the result. Batches of 1 and 5 and
/// tiles of 2 samples take all paths through the planner. Then the same check runs on the op with a
/// gradient that is 0.1 % off and must fail: a check that cannot fail proves nothing.
///
/// # Panics
///
/// If a check fails, with what failed.
#[track_caller]
pub fn check_op<B, R>(case: OpCase<'_, B, R>)
where
    B: Fn(&mut Graph<f64>, &[NodeId]) -> Result<NodeId, ShapeError>,
    R: Fn(&[Tensor<f64>]) -> Tensor<f64>,
{
    let shapes: Vec<String> = case.inputs.iter().map(|input| input.shape.to_string()).collect();
    for (batch, tile) in [(1, None), (5, None), (5, Some(2)), (37, Some(16))] {
        let place = format!("shapes {}, batch {batch}, tile {tile:?}", shapes.join(" "));
        let trial = Trial::new(&case, batch, tile);
        let want = (case.reference)(&trial.values);
        let got = trial.forward();
        assert_eq!(got.shape(), want.shape(), "{place}: sizes of the result");
        for (i, (got, want)) in got.values().iter().zip(want.values()).enumerate() {
            let close = (got - want).abs() <= 1e-12 * (1.0 + want.abs()) || got == want;
            assert!(close, "{place}: element {i} is {got}, the reference says {want}");
        }
        for checked in trial.check() {
            let name = trial.graph.node(checked.parameter).name();
            assert!(checked.error <= TOLERANCE, "{place}: gradient of operand {name}: {checked:?}");
        }
        let Trial { mut graph, loss, y, values, weights, .. } = trial;
        graph.replace_op(y, |op| Arc::new(Mutant(op)));
        let mutant = Trial { graph, loss, y, values, weights, batch, tile };
        let worst = mutant.check().into_iter().map(|checked| checked.error).fold(0.0, f64::max);
        assert!(
            worst > TOLERANCE,
            "{place}: the check did not notice a gradient that is 0.1 % off"
        );
    }
}

/// A graph `loss = Σ weight · op(operands)` whose operands are parameters of one sample each.
///
/// Parameters have no batch axis. So that batched operands have gradients to check, operand `i` is the
/// sum of a batched input and a parameter of the same sizes; the input holds the values, the parameter
/// is 0 and shifts all samples alike.
struct Trial {
    graph: Graph<f64>,
    loss: NodeId,
    y: NodeId,
    values: Vec<Tensor<f64>>,
    weights: Tensor<f64>,
    batch: usize,
    tile: Option<usize>,
}

impl Trial {
    fn new<B, R>(case: &OpCase<'_, B, R>, batch: usize, tile: Option<usize>) -> Self
    where
        B: Fn(&mut Graph<f64>, &[NodeId]) -> Result<NodeId, ShapeError>,
        R: Fn(&[Tensor<f64>]) -> Tensor<f64>,
    {
        let mut random = Stream::new(17, batch as u64);
        let mut graph = Graph::new();
        let (mut operands, mut values) = (Vec::new(), Vec::new());
        for (i, Uniform { shape, range }) in case.inputs.iter().enumerate() {
            let value = graph.input(format!("value {i}"), shape.clone());
            let shift = graph.parameter(i.to_string(), Shape::from(shape.dims()));
            operands.push(graph.add(value, shift).expect("shapes agree"));
            let sizes = shape.with_batch(batch);
            let draw = |_| range.start + (range.end - range.start) * random.uniform();
            let drawn: Vec<f64> = (0..sizes.iter().product()).map(draw).collect();
            values.push(Tensor::new(sizes, drawn));
        }
        let y = (case.build)(&mut graph, &operands).expect("the operands fit");
        let shape = graph.shape(y).clone();
        let weight = graph.input("weight", shape.clone());
        let weighted = graph.mul(y, weight).expect("shapes agree");
        let loss = graph.sum_all(weighted).expect("the axes are there");
        let sizes = shape.with_batch(batch);
        let drawn: Vec<f64> = (0..sizes.iter().product()).map(|_| 0.5 + random.uniform()).collect();
        Self { graph, loss, y, values, weights: Tensor::new(sizes, drawn), batch, tile }
    }

    fn inputs(&self) -> Vec<&Tensor<f64>> {
        self.values.iter().chain([&self.weights]).collect()
    }

    fn forward(&self) -> Tensor<f64> {
        let options = Compile {
            batch: self.batch,
            tile: self.tile,
            keep: vec![self.y],
            ..Compile::default()
        };
        let mut program = Program::new(self.graph.clone(), &options).expect("there is no loss");
        let parameters = vec![0.0; self.graph.n_parameters()];
        let inputs = self.inputs();
        program.run(&RunArgs {
            parameters: &parameters,
            inputs: &Tensors(&inputs),
            ..RunArgs::default()
        });
        program.value(self.y).expect("kept")
    }

    fn check(&self) -> Vec<GradCheckReport> {
        let parameters = vec![0.0; self.graph.n_parameters()];
        let inputs = self.inputs();
        let options =
            GradCheckOptions { batch: self.batch, tile: self.tile, ..GradCheckOptions::default() };
        gradient_check(self.graph.clone(), self.loss, &parameters, &Tensors(&inputs), &options)
            .expect("a loss")
    }
}

/// An op whose gradients are 0.1 % off, and not 0 where they should be.
#[derive(Debug)]
struct Mutant<T>(Arc<dyn Op<T>>);

impl<T: Float> Op<T> for Mutant<T> {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        self.0.infer_shape(operands)
    }
    fn saved(&self, operand: usize) -> Saved {
        self.0.saved(operand)
    }
    fn forward(&self, pass: ForwardPass<'_, T>) {
        self.0.forward(pass);
    }
    fn backward(&self, pass: BackwardPass<'_, T>) {
        let mut right = vec![T::ZERO; pass.dx.len()];
        let BackwardPass { operand, x, y, dy, dx, adds: _, shapes, y_shape, tile, random, scratch } =
            pass;
        self.0.backward(BackwardPass {
            operand,
            x,
            y,
            dy,
            dx: &mut right,
            adds: true,
            shapes,
            y_shape,
            tile,
            random,
            scratch,
        });
        for (dx, right) in dx.iter_mut().zip(right) {
            *dx += right * T::from_f64(1.001) + T::from_f64(1e-3);
        }
    }
    fn finish(&self, parts: &[T], samples: &[usize], y: &mut [T]) {
        self.0.finish(parts, samples, y);
    }
    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        self.0.forward_scratch(operands, width)
    }
    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        self.0.backward_scratch(operand, operands, width)
    }
    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        self.0.choices(pass, choices);
    }
}

/// `f` of the elements of two tensors, broadcast together.
///
/// # Panics
///
/// If the sizes neither agree nor are 1, from the last axis on.
pub fn zip(a: &Tensor<f64>, b: &Tensor<f64>, f: impl Fn(f64, f64) -> f64) -> Tensor<f64> {
    // A batched value is only ever as long as the other behind the batch axis, which comes first.
    let rank = a.shape().len().max(b.shape().len());
    let padded = |t: &Tensor<f64>| [vec![1; rank - t.shape().len()], t.shape().to_vec()].concat();
    let (a_sizes, b_sizes) = (padded(a), padded(b));
    let sizes: Vec<usize> = a_sizes.iter().zip(&b_sizes).map(|(&a, &b)| a.max(b)).collect();
    let element = |t: &Tensor<f64>, own: &[usize], index: &[usize]| {
        let at = own
            .iter()
            .zip(index)
            .fold(0, |at, (&size, &i)| at * size + if size == 1 { 0 } else { i });
        t.values()[at]
    };
    let values: Vec<f64> = indices(&sizes)
        .map(|index| f(element(a, &a_sizes, &index), element(b, &b_sizes, &index)))
        .collect();
    Tensor::new(sizes, values)
}

/// `f` of the elements along `axes`, for each element of what is left.
pub fn reduce(x: &Tensor<f64>, axes: &[usize], f: impl Fn(&[f64]) -> f64) -> Tensor<f64> {
    let kept: Vec<usize> = (0..x.shape().len()).filter(|axis| !axes.contains(axis)).collect();
    let sizes: Vec<usize> = kept.iter().map(|&axis| x.shape()[axis]).collect();
    let group = |of: Vec<usize>| {
        let belongs = |index: &Vec<usize>| kept.iter().zip(&of).all(|(&axis, &i)| index[axis] == i);
        let members = indices(x.shape()).zip(x.values()).filter(|(index, _)| belongs(index));
        f(&members.map(|(_, &value)| value).collect::<Vec<_>>())
    };
    let values: Vec<f64> = indices(&sizes).map(group).collect();
    Tensor::new(sizes, values)
}

/// The matrix product by three loops.
pub fn matmul(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    let ([m, k], [_, n]) = ([a.shape()[0], a.shape()[1]], [b.shape()[0], b.shape()[1]]);
    let cell =
        |i: usize, j: usize| (0..k).map(|l| a.values()[i * k + l] * b.values()[l * n + j]).sum();
    let values: Vec<f64> = (0..m * n).map(|at| cell(at / n, at % n)).collect();
    Tensor::new([m, n], values)
}

/// Every index of a tensor of `sizes`, row by row.
pub fn indices(sizes: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let sizes = sizes.to_vec();
    (0..sizes.iter().product()).map(move |mut at: usize| {
        let mut index = vec![0; sizes.len()];
        for (i, &size) in index.iter_mut().zip(&sizes).rev() {
            (*i, at) = (at % size, at / size);
        }
        index
    })
}

/// The result of an elementwise op in `f32`, for special values.
pub fn forward_f32(build: impl Fn(&mut Graph<f32>, NodeId) -> NodeId, x: &[f32]) -> Vec<f32> {
    run_f32(build, x).0
}

/// The gradient of the sum of an elementwise op in `f32`, for special values.
pub fn gradient_f32(build: impl Fn(&mut Graph<f32>, NodeId) -> NodeId, x: &[f32]) -> Vec<f32> {
    run_f32(build, x).1
}

fn run_f32(build: impl Fn(&mut Graph<f32>, NodeId) -> NodeId, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut graph = Graph::new();
    let input = graph.parameter("x", [x.len()]);
    let y = build(&mut graph, input);
    let loss = graph.sum_all(y).expect("the axes are there");
    let options = Compile { loss: Some(loss), keep: vec![y], ..Compile::default() };
    let mut program = Program::new(graph, &options).expect("the loss is one number");
    program.run(&RunArgs { parameters: x, ..RunArgs::default() });
    (program.value(y).expect("kept").into_values(), program.gradients().to_vec())
}
