//! The gradient check: analytic gradients of a graph against finite differences of its loss.

use std::borrow::Borrow;
use std::ops::Range;
use std::sync::Arc;

use kernels::random::Stream;

use crate::{Compile, CompileError, Graph, InputSource, NodeId, Program, RunArgs, numeric};

/// How to check the gradients of a graph.
#[derive(Clone, Copy, Debug)]
pub struct GradCheckOptions {
    /// Samples to check with.
    pub batch: usize,
    /// Samples in a tile; the planner's choice if not given.
    pub tile: Option<usize>,
    /// Random directions for each parameter; every element individually if not given.
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
    /// The derivatives that were compared.
    pub compared: Vec<DerivativePair>,
    /// Directions that were redrawn with a shorter step, since a step crossed a kink.
    pub redrawn: usize,
    /// Directions given up, since even the shortest step crossed a kink.
    pub skipped: usize,
    /// The result.
    pub outcome: GradCheckOutcome,
}

/// A derivative of the loss in a direction of a parameter, both ways.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DerivativePair {
    /// From the gradient.
    pub analytic: f64,
    /// By finite differences.
    pub numerical: f64,
    /// The element whose direction it is, if elements were checked individually.
    pub element: Option<usize>,
}

/// The result for one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GradCheckOutcome {
    /// Derivatives were compared, or the parameter has no elements.
    Compared {
        /// The largest relative error.
        error: f64,
        /// The element with that error, if elements were checked individually.
        worst_element: Option<usize>,
    },
    /// Every step crossed a kink, as where values tie: the loss has no derivative, nothing was compared.
    NotDifferentiable,
    /// The parameter is [frozen](Graph::freeze) and has no gradient.
    Frozen,
}

impl GradCheckReport {
    /// The largest relative error, if something was compared.
    pub fn error(&self) -> Option<f64> {
        match self.outcome {
            GradCheckOutcome::Compared { error, .. } => Some(error),
            GradCheckOutcome::NotDifferentiable | GradCheckOutcome::Frozen => None,
        }
    }

    /// Whether something was compared and no error is above `tolerance`. NaN does not pass.
    pub fn passes(&self, tolerance: f64) -> bool {
        self.error().is_some_and(|error| error <= tolerance)
    }
}

/// The first step: the error of the formula (`h⁴/30` of a fifth derivative) and rounding (`1e-16 / h`) vanish.
const STEP: f64 = 1e-3;
/// What a step is multiplied by when it crossed a kink.
const SHRINK: f64 = 0.6;
/// Directions tried before the check gives up: by then the step is below `1e-7`.
const ATTEMPTS: usize = 20;

/// Compares the gradient of `loss` for each parameter with finite differences of the loss.
///
/// The derivative along a direction `v` of length 1 is compared with
/// `(8·(L(+h) − L(−h)) − (L(+2h) − L(−2h))) / 12h`. The error is relative to the larger of the two, or to what a
/// random direction typically gives (`|∇L| / √n`), should this one be almost flat. A direction along which a
/// kink is crossed (a ReLU changes sides, a pool its winner) is redrawn with a shorter step, and counted.
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
    let derivatives = derivatives(graph.into(), loss, parameters, inputs, options)?;
    Ok(derivatives.iter().map(|of_parameter| of_parameter.report(1.0)).collect())
}

/// The derivatives of a loss along directions of one parameter, analytic and numerical.
#[derive(Debug)]
pub(crate) struct Derivatives {
    parameter: NodeId,
    pub(crate) norm: f64,
    /// What a random direction would typically give, `|∇L| / √n`.
    typical: f64,
    /// Derivatives below this are rounding of the loss.
    noise: f64,
    pairs: Vec<DerivativePair>,
    redrawn: usize,
    skipped: usize,
    is_frozen: bool,
}

impl Derivatives {
    /// The report if the gradient were `factor` times as large: how the check itself is tested.
    pub(crate) fn report(&self, factor: f64) -> GradCheckReport {
        let floor = (factor * self.typical).max(self.noise);
        let (mut worst, mut worst_element) = (0.0, None);
        for &DerivativePair { analytic, numerical, element } in &self.pairs {
            let analytic = factor * analytic;
            let larger = numerical.abs().max(analytic.abs()).max(floor);
            let error = (numerical - analytic).abs() / larger;
            if error.is_nan() || error > worst {
                (worst, worst_element) = (error, element);
            }
        }
        GradCheckReport {
            parameter: self.parameter,
            compared: self.pairs.clone(),
            redrawn: self.redrawn,
            skipped: self.skipped,
            outcome: if self.is_frozen {
                GradCheckOutcome::Frozen
            } else if self.pairs.is_empty() && self.skipped > 0 {
                GradCheckOutcome::NotDifferentiable
            } else {
                GradCheckOutcome::Compared { error: worst, worst_element }
            },
        }
    }
}

pub(crate) fn derivatives(
    graph: Arc<Graph<f64>>,
    loss: NodeId,
    parameters: &[f64],
    inputs: &dyn InputSource<f64>,
    options: &GradCheckOptions,
) -> Result<Vec<Derivatives>, CompileError> {
    let (batch, tile) = (options.batch, options.tile);
    let compile = Compile { batch, tile, loss: Some(loss), ..Compile::default() };
    let mut trained = Program::new(Arc::clone(&graph), &compile)?;
    trained.run(&RunArgs { parameters, inputs, seed: options.seed, ..RunArgs::default() });
    let compile = Compile { batch, tile, keep: vec![loss], keep_all: true, ..Compile::default() };
    let mut program = Program::new(Arc::clone(&graph), &compile)?;
    let mut evaluate = |parameters: &[f64]| {
        let run = RunArgs { parameters, inputs, seed: options.seed, ..RunArgs::default() };
        program.run(&run);
        (program.scalar(loss), program.choices(&run))
    };
    let (value, choices) = evaluate(parameters);
    let mut at = parameters.to_vec();
    // The slope along a direction of the parameters in a range; none if a kink was crossed.
    let mut slope = |range: &Range<usize>, direction: &[f64], step: f64| {
        let mut value = |distance: f64| {
            let start = at[range.clone()].iter_mut().zip(&parameters[range.clone()]);
            start.zip(direction).for_each(|((at, start), v)| *at = start + distance * v);
            let (value, found) = evaluate(&at);
            (found == choices).then_some(value)
        };
        let far = (value(2.0 * step), value(-2.0 * step));
        let near = (value(step), value(-step));
        at.copy_from_slice(parameters);
        Some((8.0 * (near.0? - near.1?) - (far.0? - far.1?)) / (12.0 * step))
    };
    let mut random = Stream::new(options.seed, 0x0063_6865_636b);
    let mut all = Vec::new();
    for (parameter, range) in graph.parameters() {
        let (gradient, len) = (&trained.gradients()[range.clone()], range.len());
        let gradient_norm = norm(gradient);
        let mut found = Derivatives {
            parameter,
            norm: gradient_norm,
            typical: gradient_norm / (len as f64).max(1.0).sqrt(),
            noise: 1e-6 * value.abs().max(1e-3),
            pairs: Vec::new(),
            redrawn: 0,
            skipped: 0,
            is_frozen: graph.node(parameter).is_frozen(),
        };
        let n_directions = match options.directions {
            _ if found.is_frozen => 0,
            Some(n_directions) if len > 0 => n_directions,
            _ => len,
        };
        for number in 0..n_directions {
            let element = options.directions.is_none().then_some(number);
            let mut compare = |step: f64| {
                let mut direction = vec![0.0; len];
                match element {
                    Some(element) => direction[element] = 1.0,
                    None => {
                        direction.fill_with(|| random.normal());
                        let length = norm(&direction);
                        direction.iter_mut().for_each(|v| *v /= length);
                    }
                }
                let numerical = slope(&range, &direction, step)?;
                let analytic = gradient.iter().zip(&direction).map(|(g, v)| g * v).sum();
                Some(DerivativePair { analytic, numerical, element })
            };
            let steps = std::iter::successors(Some(STEP), |step| Some(step * SHRINK));
            let mut tried = steps.take(ATTEMPTS).enumerate();
            match tried.find_map(|(redrawn, step)| Some((redrawn, compare(step)?))) {
                Some((redrawn, pair)) => {
                    found.redrawn += redrawn;
                    found.pairs.push(pair);
                }
                None => found.skipped += 1,
            }
        }
        all.push(found);
    }
    Ok(all)
}

/// The L2 norm.
pub(crate) fn norm(values: impl IntoIterator<Item = impl Borrow<f64>>) -> f64 {
    values.into_iter().map(|v| v.borrow() * v.borrow()).sum::<f64>().sqrt()
}

/// The gradient of `loss` for every parameter by central differences, two runs of the program for each element.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tensors;

    /// The report for `x`, a parameter at which a loss is built.
    fn check(
        x: &[f64],
        directions: Option<usize>,
        build: impl Fn(&mut Graph<f64>, NodeId) -> NodeId,
    ) -> GradCheckReport {
        let mut g = Graph::new();
        let parameter = g.parameter("x", [x.len()]);
        let y = build(&mut g, parameter);
        let loss = g.sum_all(y).unwrap();
        let options = GradCheckOptions { directions, ..GradCheckOptions::default() };
        gradient_check(g, loss, x, &Tensors(&[]), &options).unwrap().remove(0)
    }

    #[test]
    fn a_tie_is_not_differentiable_which_is_neither_right_nor_wrong() {
        let report = check(&[1.0, 1.0], Some(3), |g, x| g.max(x, &[0]).unwrap());
        assert_eq!(report.outcome, GradCheckOutcome::NotDifferentiable);
        assert_eq!((report.compared.len(), report.skipped, report.error()), (0, 3, None));
        assert!(!report.passes(f64::INFINITY));
    }

    #[test]
    fn elements_at_a_kink_are_skipped_and_a_kink_close_by_shortens_the_step() {
        let report = check(&[0.0, 2.0, 0.0], None, |g, x| g.abs(x));
        assert_eq!((report.compared.len(), report.skipped), (1, 2));
        assert!(report.passes(1e-9), "{report:?}");
        let report = check(&[1e-4], None, |g, x| g.relu(x));
        assert!(
            report.compared.len() == 1 && report.redrawn > 0 && report.passes(1e-6),
            "{report:?}"
        );
    }

    #[test]
    fn a_frozen_parameter_is_reported_as_such() {
        let mut g = Graph::new();
        let [x, y] = ["x", "y"].map(|name| g.parameter(name, [2]));
        g.freeze(x);
        let product = g.mul(x, y).unwrap();
        let loss = g.sum_all(product).unwrap();
        let report =
            gradient_check(g, loss, &[1.0, 2.0, 3.0, 4.0], &Tensors(&[]), &Default::default());
        let [of_x, of_y] = &report.unwrap()[..] else { panic!("two parameters") };
        assert_eq!((of_x.parameter, of_x.outcome), (x, GradCheckOutcome::Frozen));
        let of_x = (of_x.compared.len(), of_x.error(), of_x.passes(f64::INFINITY));
        assert_eq!(of_x, (0, None, false));
        assert!(of_y.parameter == y && of_y.compared.len() == 3 && of_y.passes(1e-9), "{of_y:?}");
    }

    #[test]
    fn a_parameter_without_elements_passes_and_nan_does_not() {
        assert!(check(&[], Some(3), |g, x| g.abs(x)).passes(0.0));
        let report = check(&[-1.0], Some(1), |g, x| g.sqrt(x));
        assert!(report.error().unwrap().is_nan() && !report.passes(f64::INFINITY), "{report:?}");
    }
}
