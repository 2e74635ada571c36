//! Descent along a gradient: the paths of optimizers on a formula, or on the loss of a line through points.
//!
//! The optimizers are those that train networks. A path that diverges to infinity is a result, not an error: the
//! [`PathEnd`] of its path says so.

mod answer;
mod contours;
#[cfg(feature = "drawing")]
mod picture;
mod program;
mod surface;

use std::collections::BTreeMap;

use graph::numeric;

use nn::optim::{MAX_STATE, Optimizer, OptimizerState, StepInfo};
use nn::registry::{InvalidSetting, Validate as _};
use serde::{Deserialize, Serialize};

pub use self::answer::{DescentAnswer, answer};
use self::program::DescentProgram;
pub use self::surface::{Contour, FunctionCurve, Surface};
use crate::FormulaValue;
use crate::formula::{Formula, FormulaError, FormulaMistake};

/// Variables at most: what a point of a path shows.
pub const MAX_VARIABLES: usize = 3;
/// Steps of a path at most, and of all paths together: what a page draws.
pub const MAX_STEPS: usize = 10_000;
/// Steps of all paths at most.
pub const MAX_ALL_STEPS: usize = 20_000;
/// Paths at most: as many as have colours of their own.
pub const MAX_PATHS: usize = 8;
/// Points of a line at most.
pub const MAX_POINTS: usize = 1_000;
/// What all steps and the surface may cost, roughly in nanoseconds: half a second.
pub const MAX_COST: u64 = 500_000_000;

/// The loss of a line through points: the mean of squared errors.
const LINE: &str = "mean((weight * x + bias - y)^2)";

/// What is descended from where, how.
///
/// ```
/// use gradus_explain::descent::{DescentRequest, descend};
///
/// let request: DescentRequest = serde_json::from_str(r#"{
///     "surface": { "kind": "formula", "formula": "x^2/20 + y^2", "from": { "x": -7, "y": 2 } },
///     "optimizers": [{ "optimizer": "sgd", "learning_rate": 0.95 }],
///     "steps": 1
/// }"#)?;
/// let descent = descend(&request)?;
/// assert_eq!(descent.paths[0].points[1].at, [-7.0 + 0.95 * 0.7, 2.0 - 0.95 * 4.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescentRequest {
    /// What is descended, and the start.
    pub surface: DescentSurface,
    /// Who descends: a path each, or one for each batch.
    pub optimizers: Vec<RatedOptimizer>,
    /// Steps of each path.
    #[serde(default = "default_steps")]
    pub steps: usize,
    /// Up instead of down.
    #[serde(default)]
    pub ascend: bool,
    /// By central differences with `h = 1e-4` instead of exact gradients.
    #[serde(default)]
    pub numerical: bool,
}

/// As many steps as the book's `gradient_descent` takes.
fn default_steps() -> usize {
    100
}

/// An optimizer and its learning rate.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatedOptimizer {
    /// A name, or a table with settings, as in an experiment file.
    pub optimizer: Optimizer,
    /// Above 0.
    pub learning_rate: f64,
}

/// What is descended.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum DescentSurface {
    /// A formula whose result is a number.
    Formula {
        /// Its text.
        formula: String,
        /// The variables with their values at the start.
        from: BTreeMap<String, f64>,
        /// The values of the other names.
        #[serde(default)]
        at: BTreeMap<String, FormulaValue>,
    },
    /// The mean squared error of `weight · x + bias` over points.
    Line {
        /// The points `[x, y]`; [some near a line](line_points) if they are not given.
        #[serde(default)]
        points: Option<Vec<[f64; 2]>>,
        /// Where the paths start.
        #[serde(default)]
        from: LineStart,
        /// Samples of a batch, one for all optimizers or one for each: all points where none is given.
        batches: Vec<Option<usize>>,
        /// The seed of the order of the samples, and of points that are not given.
        #[serde(default)]
        seed: u64,
    },
}

/// Where the paths of a line start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineStart {
    /// The weight.
    pub weight: f64,
    /// The bias.
    pub bias: f64,
}

/// Paths down a surface. In JSON a number that is not finite is `null`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Descent {
    /// The formula as it was read.
    pub formula: String,
    /// The variables, in the order of their first use in the formula.
    pub names: Vec<String>,
    /// Whether the paths go up.
    pub ascends: bool,
    /// Whether gradients are central differences.
    pub is_numerical: bool,
    /// A path for each optimizer, in their order.
    pub paths: Vec<DescentPath>,
    /// What lies below the paths of two variables.
    pub surface: Option<Surface>,
    /// What lies below the paths of one variable.
    pub curve: Option<FunctionCurve>,
    /// The points that a line is fitted to.
    pub data: Option<Vec<[f64; 2]>>,
}

/// The path of one optimizer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DescentPath {
    /// The name of the optimizer.
    pub optimizer: String,
    /// The learning rate.
    pub learning_rate: f64,
    /// Samples of a batch; none for a formula, and for all points.
    pub batch: Option<usize>,
    /// The start, also where its height is undefined, and the point after each step.
    pub points: Vec<DescentPoint>,
    /// How it ended.
    pub outcome: PathEnd,
    /// What its steps cost.
    pub cost: Cost,
}

/// A point of a path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DescentPoint {
    /// The variables.
    pub at: Vec<f64>,
    /// The height there: of the whole surface, also where the gradient is that of a batch.
    pub value: f64,
    /// The gradient that the next step uses.
    pub gradient: Vec<f64>,
}

/// How a path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PathEnd {
    /// After all steps.
    Ended,
    /// After all steps, higher than it began; of an ascent lower.
    Worse,
    /// A number was infinite or undefined: the path ends before it.
    Diverged {
        /// The step that leads there, 0 for the start.
        step: usize,
    },
}

/// What the steps of a path cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Forward passes.
    pub forward: usize,
    /// Backward passes.
    pub backward: usize,
    /// Samples that the gradients were computed from; 0 for a formula.
    pub samples: usize,
}

/// Why there is nothing to descend.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DescentError {
    /// The formula, or the values of its names.
    #[error(transparent)]
    Formula(#[from] FormulaError),
    /// A number outside of its range.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
}

impl From<FormulaMistake> for DescentError {
    fn from(mistake: FormulaMistake) -> Self {
        Self::Formula(mistake.into())
    }
}

fn require(
    holds: bool,
    name: &str,
    found: impl std::fmt::Display,
    expected: impl Into<String>,
) -> Result<(), DescentError> {
    Ok(nn::registry::require(holds, name, found, expected)?)
}

/// Points near the line `y = 2x + 1`, for those who have none: `x` from -1 to 1, noise with a deviation of 0.3.
pub fn line_points(seed: u64) -> Vec<[f64; 2]> {
    const POINTS: usize = 50;
    let mut random = kernels::random::Stream::new(seed, 0x006c_696e_6573);
    let mut point = |i: usize| {
        let x = -1.0 + 2.0 * i as f64 / (POINTS - 1) as f64;
        // Three decimals: what is printed is what is descended on.
        let round = |value: f64| (value * 1e3).round() / 1e3;
        [round(x), round(2.0 * x + 1.0 + 0.3 * random.normal())]
    };
    (0..POINTS).map(&mut point).collect()
}

/// Computes the paths, and the surface below them.
///
/// # Errors
///
/// If the formula, a value or a setting does not fit, or for more than the bounds of this module.
pub fn descend(request: &DescentRequest) -> Result<Descent, DescentError> {
    check_settings(request)?;
    match &request.surface {
        DescentSurface::Formula { formula, from, at } => {
            let formula = Formula::parse(formula)?;
            for name in from.keys() {
                if !formula.names().contains(name) {
                    return Err(FormulaError::unknown(name, formula.names()).into());
                }
            }
            let n = from.len();
            let expected = format!("1 to {MAX_VARIABLES} variables");
            require((1..=MAX_VARIABLES).contains(&n), "from", n, expected)?;
            let names: Vec<String> =
                formula.names().iter().filter(|name| from.contains_key(*name)).cloned().collect();
            let given = at.iter().map(|(name, value)| (name.clone(), value.clone()));
            let start: Vec<f64> = names.iter().map(|name| from[name]).collect();
            let mut whole = DescentProgram::new(&formula, &names, &start, given.collect())?;
            check_cost(request, &whole, request.optimizers.len())?;
            let paths = request.optimizers.iter().map(|optimizer| {
                let step =
                    |whole: &mut DescentProgram, at: &[f64], _| whole.slope(at, request.numerical);
                path(request, optimizer, &start, &mut whole, step, None)
            });
            let paths = paths.collect();
            Ok(below(request, formula.read_as(), names, paths, &mut whole, None))
        }
        DescentSurface::Line { points, from, batches, seed } => {
            let points = points.clone().unwrap_or_else(|| line_points(*seed));
            descend_to_a_line(request, points, *from, batches, *seed)
        }
    }
}

fn check_settings(request: &DescentRequest) -> Result<(), DescentError> {
    let n_optimizers = request.optimizers.len();
    let range = 1..=MAX_PATHS;
    require(
        range.contains(&n_optimizers),
        "optimizers",
        n_optimizers,
        format!("1 to {MAX_PATHS}"),
    )?;
    let n = n_optimizers.max(match &request.surface {
        DescentSurface::Line { batches, .. } => batches.len(),
        DescentSurface::Formula { .. } => 1,
    });
    require(n <= MAX_PATHS, "batches", n, format!("1 to {MAX_PATHS}"))?;
    let steps = request.steps;
    require(steps <= MAX_STEPS, "steps", steps, format!("at most {MAX_STEPS}"))?;
    let all = format!("at most {MAX_ALL_STEPS} of all paths together");
    require(n * steps <= MAX_ALL_STEPS, "steps", n * steps, all)?;
    for RatedOptimizer { optimizer, learning_rate } in &request.optimizers {
        nn::registry::positive("learning_rate", learning_rate)?;
        optimizer.validate()?;
    }
    Ok(())
}

/// An error if all paths and the surface take too long.
fn check_cost(
    request: &DescentRequest,
    program: &DescentProgram,
    n_paths: usize,
) -> Result<(), DescentError> {
    let per_step = if request.numerical { 2 * MAX_VARIABLES + 1 } else { 3 };
    let n_evaluations = n_paths * request.steps * per_step + surface::EVALUATIONS;
    let cost = program.cost().saturating_mul(n_evaluations as u64);
    let expected = "fewer: the formula is long, and all steps would take more than half a second";
    require(cost <= MAX_COST, "steps", request.steps, expected)
}

/// Calls `slope` for the gradient at each point, from the step that is to come.
fn path(
    request: &DescentRequest,
    optimizer: &RatedOptimizer,
    start: &[f64],
    whole: &mut DescentProgram,
    mut slope: impl FnMut(&mut DescentProgram, &[f64], usize) -> Vec<f64>,
    batch: Option<(usize, usize)>,
) -> DescentPath {
    let RatedOptimizer { optimizer, learning_rate } = optimizer;
    let rule = optimizer.as_dyn::<f64>();
    let len = |vector| if vector < rule.state_vectors() { start.len() } else { 0 };
    let mut state: [Vec<f64>; MAX_STATE] = std::array::from_fn(|vector| vec![0.0; len(vector)]);
    let mut at = start.to_vec();
    let mut points: Vec<DescentPoint> = Vec::new();
    let mut outcome = PathEnd::Ended;
    for step in 0..=request.steps {
        let (value, gradient) = (whole.value(&at), slope(whole, &at, step));
        if !at.iter().chain([&value]).chain(&gradient).all(|number| number.is_finite()) {
            outcome = PathEnd::Diverged { step };
            if step == 0 {
                points.push(DescentPoint { at, value, gradient });
            }
            break;
        }
        points.push(DescentPoint { at: at.clone(), value, gradient: gradient.clone() });
        let sign = if request.ascend { -1.0 } else { 1.0 };
        let grads: Vec<f64> = gradient.iter().map(|slope| sign * slope).collect();
        let pieces: OptimizerState<'_, f64> = state.each_mut().map(|vector| &mut vector[..]);
        // Variables are not weights: nothing decays.
        let info = StepInfo { decays: false, ..StepInfo::new(*learning_rate, step as u64 + 1) };
        rule.update(&info, &mut at, &grads, pieces);
    }
    if let ([first, .., last], PathEnd::Ended) = (&points[..], outcome) {
        let is_worse =
            if request.ascend { last.value < first.value } else { last.value > first.value };
        outcome = if is_worse { PathEnd::Worse } else { PathEnd::Ended };
    }
    let n_steps = points.len().saturating_sub(1);
    let per_step = match request.numerical {
        true => [2 * start.len(), 0],
        false => [1, 1],
    };
    DescentPath {
        optimizer: optimizer.name().to_owned(),
        learning_rate: *learning_rate,
        batch: batch.and_then(|(size, all)| (size < all).then_some(size)),
        points,
        outcome,
        cost: Cost {
            forward: n_steps * per_step[0],
            backward: n_steps * per_step[1],
            samples: n_steps * batch.map_or(0, |(size, _)| size * per_step[0]),
        },
    }
}

fn descend_to_a_line(
    request: &DescentRequest,
    points: Vec<[f64; 2]>,
    start: LineStart,
    batches: &[Option<usize>],
    seed: u64,
) -> Result<Descent, DescentError> {
    let n = points.len();
    require((2..=MAX_POINTS).contains(&n), "points", n, format!("2 to {MAX_POINTS}"))?;
    let lens = [request.optimizers.len(), batches.len()];
    let n_paths = lens[0].max(lens[1]);
    require(
        lens.iter().all(|len| [1, n_paths].contains(len)),
        "batches",
        batches.len(),
        format!("1 or {n_paths}, one for each path"),
    )?;
    for size in batches.iter().flatten() {
        require((1..=n).contains(size), "batches", size, format!("1 to {n} points"))?;
    }
    let formula = Formula::parse(LINE).expect("a formula");
    let names = ["weight".to_owned(), "bias".to_owned()];
    let start = &[start.weight, start.bias];
    let program = |points: &[[f64; 2]]| {
        let column = |i: usize| FormulaValue::Vector(points.iter().map(|point| point[i]).collect());
        let at = vec![("x".to_owned(), column(0)), ("y".to_owned(), column(1))];
        DescentProgram::new(&formula, &names, start, at)
    };
    let mut whole = program(&points)?;
    check_cost(request, &whole, n_paths)?;
    let mut paths = Vec::new();
    for i in 0..n_paths {
        // The one of all paths, or that of this one.
        let optimizer = request.optimizers.get(i).unwrap_or(&request.optimizers[0]);
        let batch = batches.get(i).unwrap_or(&batches[0]);
        let size = batch.unwrap_or(n);
        let mut part = program(&points[..size])?;
        let order = data::Order::ShuffledEpochs;
        let mut sampler = data::Sampler::new(order, n, size).expect("a batch of some points");
        let random = |draw: data::Draw| {
            kernels::random::Stream::at(seed, draw.stream, draw.counter).below(draw.bound)
        };
        let mut samples = Vec::new();
        let slope = |_: &mut DescentProgram, at: &[f64], step: usize| {
            sampler.draw_batch(step as u64, &random, &mut samples);
            for (place, i) in samples.iter().enumerate() {
                let [x, y] = points[*i as usize];
                part.set("x", place, x);
                part.set("y", place, y);
            }
            part.slope(at, request.numerical)
        };
        paths.push(path(request, optimizer, start, &mut whole, slope, Some((size, n))));
    }
    Ok(below(request, formula.read_as(), names.to_vec(), paths, &mut whole, Some(points)))
}

/// The paths with what lies below them.
fn below(
    request: &DescentRequest,
    formula: String,
    names: Vec<String>,
    paths: Vec<DescentPath>,
    whole: &mut DescentProgram,
    data: Option<Vec<[f64; 2]>>,
) -> Descent {
    let points = surface::shown(&paths, request.ascend);
    let (surface, curve) = match names.len() {
        1 => (None, Some(FunctionCurve::below(&points, |at| whole.value(at)))),
        2 => (Some(Surface::below(&points, |at| whole.value(at))), None),
        _ => (None, None),
    };
    let (ascends, is_numerical) = (request.ascend, request.numerical);
    Descent { formula, names, ascends, is_numerical, paths, surface, curve, data }
}

impl DescentProgram {
    /// The gradient, exact or by central differences.
    fn slope(&mut self, at: &[f64], numerical: bool) -> Vec<f64> {
        match numerical {
            true => numeric::gradient(|at| self.value(at), at, numeric::STEP),
            false => self.gradient(at),
        }
    }
}

#[cfg(test)]
mod tests;
