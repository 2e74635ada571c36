//! The gradient check: analytic gradients of a graph compared with finite differences of its loss.

use std::sync::Arc;

use kernels::random::Stream;

use crate::op::Choices;
use crate::{Compile, CompileError, Graph, InputSource, NodeId, Program, RunArgs, numeric};

/// How to check the gradients of a graph.
#[derive(Clone, Copy, Debug)]
pub struct GradCheckOptions {
    /// Samples to check with.
    pub batch: usize,
    /// Samples in a tile; the planner's choice if not given.
    pub tile: Option<usize>,
    /// Random directions for each parameter; scalar by scalar if not given.
    pub directions: Option<usize>,
    /// The seed of the directions, and of dropout, whose mask stays fixed.
    pub seed: u64,
}

impl Default for GradCheckOptions {
    /// Four samples, three directions, seed 0.
    fn default() -> Self {
        Self { batch: 4, tile: None, directions: Some(3), seed: 0 }
    }
}

/// What the check found for one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct GradCheckReport {
    /// The parameter.
    pub parameter: NodeId,
    /// Derivatives compared.
    pub compared: usize,
    /// The largest relative error among them.
    pub error: f64,
    /// The element with the largest error, if they were checked one by one.
    pub worst_element: Option<usize>,
    /// Directions thrown away since a step along them crossed a kink.
    pub redrawn: usize,
}

/// The first step along a direction of length 1. Small enough for the error of the fourth-order formula
/// (`h⁴/30` of a fifth derivative) to vanish, large enough for rounding (`1e-16 / h`) to do so.
const STEP: f64 = 1e-3;
/// What a step is multiplied by when it crossed a kink.
const SHRINK: f64 = 0.6;
/// Directions tried before the check gives up: by then the step is below `1e-7`.
const ATTEMPTS: usize = 20;

/// Compares the gradient of `loss` for each parameter with differences of the loss.
///
/// The derivative along a direction `v` of length 1 is compared with
/// `(8·(L(+h) − L(−h)) − (L(+2h) − L(−2h))) / 12h`. The error is relative to the larger of the two, or to
/// what a random direction would typically give (`|∇L| / √n`), should this one happen to be almost flat.
/// A direction along which a kink is crossed (a ReLU changes sides, a pool its winner) says nothing about
/// the gradient: it is drawn again with a shorter step, and counted.
///
/// # Errors
///
/// If `loss` is not one number.
///
/// # Panics
///
/// If `parameters` is not of the graph's length.
pub fn gradient_check(
    graph: impl Into<Arc<Graph<f64>>>,
    loss: NodeId,
    parameters: &[f64],
    inputs: &dyn InputSource<f64>,
    options: &GradCheckOptions,
) -> Result<Vec<GradCheckReport>, CompileError> {
    let graph = graph.into();
    let (batch, tile) = (options.batch, options.tile);
    let compile = Compile { batch, tile, loss: Some(loss), ..Compile::default() };
    let mut trained = Program::new(Arc::clone(&graph), &compile)?;
    trained.run(&RunArgs { parameters, inputs, seed: options.seed, ..RunArgs::default() });
    let compile = Compile { batch, tile, keep: vec![loss], keep_all: true, ..Compile::default() };
    let mut program = Program::new(Arc::clone(&graph), &compile)?;
    let mut evaluate = |parameters: &[f64]| {
        program.run(&RunArgs { parameters, inputs, seed: options.seed, ..RunArgs::default() });
        (program.scalar(loss), program.choices(parameters))
    };
    let (value, choices) = evaluate(parameters);
    let mut line =
        Line { at: parameters.to_vec(), start: parameters, choices, evaluate: &mut evaluate };
    // Rounding of the loss itself: derivatives below this cannot be told from 0.
    let noise = 1e-6 * value.abs().max(1e-3);
    let mut random = Stream::new(options.seed, 0x0063_6865_636b);
    let mut report = Vec::new();
    for (parameter, range) in graph.parameters() {
        let gradient = &trained.gradients()[range.clone()];
        let norm = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
        let typical = (norm / (range.len() as f64).sqrt()).max(noise);
        let mut checked =
            GradCheckReport { parameter, compared: 0, error: 0.0, worst_element: None, redrawn: 0 };
        for turn in 0..options.directions.unwrap_or(range.len()) {
            if range.is_empty() {
                break;
            }
            let mut step = STEP;
            for attempt in 0..ATTEMPTS {
                let direction = match options.directions {
                    Some(_) => unit_direction(range.len(), &mut random),
                    None => (0..range.len()).map(|i| f64::from(u8::from(i == turn))).collect(),
                };
                let Some(numerical) = line.slope(range.start, &direction, step) else {
                    checked.redrawn += 1;
                    step *= SHRINK;
                    if attempt + 1 == ATTEMPTS && checked.compared == 0 {
                        // Nothing could be compared: that proves nothing, and must not look like a proof.
                        checked.error = f64::INFINITY;
                    }
                    continue;
                };
                let analytic: f64 = gradient.iter().zip(&direction).map(|(g, v)| g * v).sum();
                let error =
                    (numerical - analytic).abs() / numerical.abs().max(analytic.abs()).max(typical);
                if error.is_nan() || error > checked.error {
                    checked.error = error;
                    checked.worst_element = options.directions.is_none().then_some(turn);
                }
                checked.compared += 1;
                break;
            }
        }
        report.push(checked);
    }
    Ok(report)
}

/// The gradient of `loss` for every parameter by central differences, two runs of the program for each: for
/// small graphs, and as an independent check of the analytic one.
///
/// # Panics
///
/// If `loss` is not one number, or the program does not compute it.
///
/// # Examples
///
/// ```
/// use gradus_graph::gradient_check::numerical_gradient;
/// use gradus_graph::numeric::STEP;
/// use gradus_graph::{Compile, Graph, Program, RunArgs};
///
/// let mut g = Graph::<f64>::new();
/// let [x, y] = ["x", "y"].map(|name| g.parameter(name, []));
/// let sum = g.add(x, y)?;
/// let square = g.mul(sum, sum)?;
///
/// let mut program = Program::new(g, &Compile { keep: vec![square], ..Compile::default() })?;
/// let at = RunArgs { parameters: &[1.0, 2.0], ..RunArgs::default() };
/// let slope = numerical_gradient(&mut program, square, &at, STEP);
/// assert!(slope.iter().all(|slope| (slope - 6.0).abs() < 1e-9));
/// # Ok::<(), gradus_graph::CompileError>(())
/// ```
pub fn numerical_gradient(
    program: &mut Program<f64>,
    loss: NodeId,
    at: &RunArgs<'_, f64>,
    step: f64,
) -> Vec<f64> {
    let value = |parameters: &[f64]| {
        program.run(&RunArgs { parameters, ..*at });
        program.scalar(loss)
    };
    numeric::gradient(value, at.parameters, step)
}

/// The loss along lines through the parameters.
struct Line<'a, F> {
    at: Vec<f64>,
    start: &'a [f64],
    choices: Choices,
    evaluate: &'a mut F,
}

impl<F: FnMut(&[f64]) -> (f64, Choices)> Line<'_, F> {
    /// The slope along `direction`, which begins at parameter `first`; none if a kink was crossed.
    fn slope(&mut self, first: usize, direction: &[f64], step: f64) -> Option<f64> {
        let mut value = |distance: f64| {
            for (i, v) in direction.iter().enumerate() {
                self.at[first + i] = self.start[first + i] + distance * v;
            }
            let (value, choices) = (self.evaluate)(&self.at);
            (choices == self.choices).then_some(value)
        };
        let far = (value(2.0 * step), value(-2.0 * step));
        let near = (value(step), value(-step));
        self.at[first..first + direction.len()]
            .copy_from_slice(&self.start[first..first + direction.len()]);
        Some((8.0 * (near.0? - near.1?) - (far.0? - far.1?)) / (12.0 * step))
    }
}

fn unit_direction(len: usize, random: &mut Stream) -> Vec<f64> {
    let direction: Vec<f64> = (0..len).map(|_| random.normal()).collect();
    let norm = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
    direction.into_iter().map(|v| v / norm).collect()
}
