//! Checks of ops, custom ones included: forward against a plain reference, backward against finite
//! differences, `f32` against `f64`, and the checks themselves against a gradient that is 0.1 % off.

mod elements;
pub(crate) mod shards;
#[cfg(test)]
mod tests;
pub mod thread_group;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use kernels::random::Stream;

use crate::gradient_check::{GradCheckOptions, GradCheckReport, derivatives, norm};
use crate::program::tile_widths;
use crate::{
    Compile, CompileError, Float, Graph, NodeId, Program, RunArgs, Shape, ShapeError, Tensor,
    Tensors,
};

/// The largest relative error of a gradient in `f64` against finite differences that passes.
pub const TOLERANCE: f64 = 1e-6;
/// What the gradient of each operand in turn is multiplied by: the checks must notice.
pub const MUTATION: f64 = 1.001;

/// A function that adds an op to a graph.
pub trait BuildOp<T>: Fn(&mut Graph<T>, &[NodeId]) -> Result<NodeId, ShapeError> {}

impl<T, F: Fn(&mut Graph<T>, &[NodeId]) -> Result<NodeId, ShapeError>> BuildOp<T> for F {}

/// An op with inputs to try it on.
#[derive(Debug)]
pub struct OpCase<'a, D: BuildOp<f64>, S: BuildOp<f32>, R: Fn(&[Tensor<f64>]) -> Tensor<f64>> {
    /// Adds the op to a graph, in double and in single precision: see [`both_precisions`].
    pub build: (D, S),
    /// The same by plain loops on row-major tensors, the batch as their first axis.
    pub reference: R,
    /// Where to draw the operands from.
    pub inputs: &'a [RandomOperand],
}

/// One closure for a graph of `f64` and one of `f32`, from the same text.
///
/// # Examples
///
/// ```
/// use gradus_graph::testing::{OpCase, both_precisions, check_op, uniform};
///
/// let found = check_op(OpCase {
///     build: both_precisions!(|g, x| g.mul(x[0], x[0])),
///     reference: |x| x[0].map(|x| x * x),
///     inputs: &[uniform("N 3", -2.0..2.0)],
/// });
/// assert!(found[0].double.error < 1e-9 && found[0].double.mutant > 1e-6);
/// ```
#[doc(hidden)]
#[macro_export]
macro_rules! __both_precisions {
    ($build:expr) => {
        ($build, $build)
    };
}
#[doc(inline)]
pub use __both_precisions as both_precisions;

/// A random tensor.
#[derive(Clone, Debug)]
pub struct RandomOperand {
    shape: Shape,
    range: Range<f64>,
    has_gradient: bool,
}

impl RandomOperand {
    /// The op's gradient for this operand is 0 everywhere in the range, and nothing but 0 passes.
    #[must_use]
    pub fn with_zero_gradient(self) -> Self {
        Self { has_gradient: false, ..self }
    }
}

/// Uniform random numbers in a shape written as `"N 2 3"`, with `N` for the batch axis.
///
/// # Panics
///
/// If a size is not a number.
pub fn uniform(shape: &str, range: Range<f64>) -> RandomOperand {
    RandomOperand { shape: parse_shape(shape), range, has_gradient: true }
}

fn parse_shape(shape: &str) -> Shape {
    let mut words = shape.split_whitespace().peekable();
    let is_batched = words.next_if_eq(&"N").is_some();
    let dims: Vec<usize> = words.map(|size| size.parse().expect("a size is a number")).collect();
    if is_batched { Shape::batch(dims) } else { Shape::from(dims) }
}

/// The error of an op on operands of these shapes, written as those of [`uniform`].
///
/// # Panics
///
/// If there is none.
pub fn refusal(shapes: &[&str], build: impl BuildOp<f32>) -> String {
    let mut graph = Graph::new();
    let operands: Vec<NodeId> =
        shapes.iter().map(|shape| graph.input(*shape, parse_shape(shape))).collect();
    build(&mut graph, &operands).expect_err("the op accepts these shapes").to_string()
}

/// What [`check_op`] found for one operand, over all batches and tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct OperandReport {
    /// The op's name.
    pub op: &'static str,
    /// The operand.
    pub operand: usize,
    /// Whether the gradient is declared to be 0; then there is no mutant to notice.
    pub has_gradient: bool,
    /// In `f64` against finite differences.
    pub double: RelativeErrors,
    /// In `f32` against `f64`.
    pub single: RelativeErrors,
}

/// Relative errors of one gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RelativeErrors {
    /// The largest of the op's own rule.
    pub error: f64,
    /// The largest that passes.
    pub bound: f64,
    /// The smallest of the rule that is 0.1 % off.
    pub mutant: f64,
}

impl RelativeErrors {
    const NONE: Self = Self { error: 0.0, bound: 0.0, mutant: f64::INFINITY };

    fn include(&mut self, other: Self) {
        self.error = self.error.max(other.error);
        self.bound = self.bound.max(other.bound);
        self.mutant = self.mutant.min(other.mutant);
    }
}

impl fmt::Display for OperandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12} {:>7}", self.op, self.operand)?;
        for RelativeErrors { error, bound, mutant } in [self.double, self.single] {
            write!(f, "  {error:9.1e} {bound:9.1e} ")?;
            match self.has_gradient {
                true => write!(f, "{mutant:9.1e}")?,
                false => write!(f, "{:>9}", "zero")?,
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
struct TrialLayout {
    batch: usize,
    tile: Option<usize>,
    shards: usize,
    /// Operands without batch axis are computed instead of parameters.
    is_computed: bool,
    /// Each operand has a second reader, whose gradient comes first.
    is_shared: bool,
}

/// Compared with reference and finite differences: whole batches, tiles, and one too small for its lanes.
const SMALL: [TrialLayout; 5] = [
    TrialLayout { batch: 1, tile: None, shards: 1, is_computed: false, is_shared: false },
    TrialLayout { batch: 5, tile: None, shards: 1, is_computed: true, is_shared: false },
    TrialLayout { batch: 5, tile: Some(2), shards: 1, is_computed: false, is_shared: true },
    TrialLayout { batch: 37, tile: Some(16), shards: 1, is_computed: false, is_shared: false },
    TrialLayout { batch: 37, tile: Some(16), shards: 1, is_computed: true, is_shared: true },
];

/// The layouts in which every width of a tile is met: two tiles, the second with unused lanes, or one if that
/// is enough work. Their results are compared with those of tiles of 16, which finite differences vouch for. Large
/// operands meet the first width and the widest only, those without batch axis none.
fn layouts_of_all_widths(inputs: &[RandomOperand]) -> impl Iterator<Item = TrialLayout> {
    let is_batched = inputs.iter().any(|input| input.shape.is_batched());
    let is_large = inputs.iter().any(|input| input.shape.len() > 1 << 17);
    let widths = [1, 2].into_iter().chain(tile_widths()).chain([600]);
    let widths = widths.filter(move |width| is_batched && (!is_large || [1, 600].contains(width)));
    widths.map(|width| {
        let batch = if width < 512 { (2 * width).saturating_sub(5).max(3) } else { width - 5 };
        TrialLayout { batch, tile: Some(width), shards: 1, is_computed: false, is_shared: false }
    })
}

/// Batches in shards, some of which have several tiles, or no samples. Their results are compared with those of one shard.
const IN_SHARDS: [TrialLayout; 3] = [
    TrialLayout { batch: 5, tile: None, shards: 8, is_computed: false, is_shared: false },
    TrialLayout { batch: 37, tile: Some(4), shards: 3, is_computed: false, is_shared: false },
    TrialLayout { batch: 37, tile: Some(16), shards: 5, is_computed: true, is_shared: true },
];

/// Checks one op.
///
/// In `f64` values are compared with the reference, and the gradient of each operand with finite differences
/// along random directions, under a random weight for each element and sample; in `f32` both with those of
/// `f64`. Batches of 1 to 600 samples, in tiles of every width that the planner chooses, take all paths.
///
/// The [terms](crate::elements) of single elements must add up to values, if the op says that it is linear or bilinear,
/// and to gradients.
///
/// Each gradient is then made 0.1 % off, and its comparison must fail: a check that cannot fail proves nothing.
/// An operand whose gradient is zero [says so](RandomOperand::with_zero_gradient).
///
/// # Panics
///
/// If a check fails, with what failed.
#[track_caller]
pub fn check_op<D: BuildOp<f64>, S: BuildOp<f32>, R: Fn(&[Tensor<f64>]) -> Tensor<f64>>(
    case: OpCase<'_, D, S, R>,
) -> Vec<OperandReport> {
    let OpCase { build: (double, single), reference, inputs } = case;
    let shapes: Vec<String> = inputs.iter().map(|input| input.shape.to_string()).collect();
    let shapes = shapes.join(" ");
    let mut op = "";
    let [mut in_double, mut in_single] = [(); 2].map(|()| vec![RelativeErrors::NONE; inputs.len()]);
    let include = |all: &mut [RelativeErrors], found: Vec<RelativeErrors>| {
        all.iter_mut().zip(found).for_each(|(all, found)| all.include(found));
    };
    for layout in SMALL {
        let place = format!("shapes {shapes}, {layout:?}");
        let trial = OpTrial::new(&double, inputs, layout);
        op = trial.graph.node(trial.y).op_name();
        trial.check_values(&reference(&trial.operands), &place);
        include(&mut in_double, trial.check_gradients(&place));
        trial.check_elements(&place);
        let in_single_precision = OpTrial::new(&single, inputs, layout);
        let (want, found) = (trial.run_as_reference(), in_single_precision.run());
        let place = format!("f32, {place}");
        in_single_precision.check_elements(&place);
        include(&mut in_single, trial.compare(&found, &want, UNIT_ROUNDOFF_F32, &place));
    }
    for layout in layouts_of_all_widths(inputs).chain(IN_SHARDS) {
        let place = format!("shapes {shapes}, {layout:?}");
        let plain = TrialLayout { tile: Some(16), shards: 1, ..layout };
        let narrow = OpTrial::new(&double, inputs, plain);
        let want = narrow.run_as_reference();
        let trial = OpTrial::new(&double, inputs, layout);
        let against = format!("against tiles of 16, {place}");
        narrow.compare(&trial.run(), &want, UNIT_ROUNDOFF_F64, &against);
        let in_single_precision = OpTrial::new(&single, inputs, layout);
        if layout.shards > 1 {
            trial.check_shards(&place);
            in_single_precision.check_shards(&format!("f32, {place}"));
            trial.check_processes(&place);
            in_single_precision.check_processes(&format!("f32, {place}"));
        }
        let (found, place) = (in_single_precision.run(), format!("f32, {place}"));
        include(&mut in_single, narrow.compare(&found, &want, UNIT_ROUNDOFF_F32, &place));
    }
    let errors = in_double.into_iter().zip(in_single).zip(inputs).enumerate();
    let report = |(operand, ((double, single), input)): (usize, ((_, _), &RandomOperand))| {
        OperandReport { op, operand, has_gradient: input.has_gradient, double, single }
    };
    let reports: Vec<OperandReport> = errors.map(report).collect();
    #[cfg(test)]
    tests::print(&reports);
    reports
}

/// Checks an elementwise op of one operand in `range`, in shapes with and without the batch axis.
#[track_caller]
pub fn check_unary(
    (double, single): (impl BuildOp<f64>, impl BuildOp<f32>),
    reference: impl Fn(f64) -> f64,
    range: Range<f64>,
) {
    for shape in ["N 5 7", "N", "3 1", ""] {
        check_op(OpCase {
            build: (&double, &single),
            reference: |x| x[0].map(&reference),
            inputs: &[uniform(shape, range.clone())],
        });
    }
}

/// Checks an elementwise op of two operands, each in its range, in shapes that are broadcast in all ways.
#[track_caller]
pub fn check_binary(
    (double, single): (impl BuildOp<f64>, impl BuildOp<f32>),
    reference: impl Fn(f64, f64) -> f64,
    [a_range, b_range]: [Range<f64>; 2],
) {
    for (a, b) in [("N 3", "N 3"), ("N 2 3", "3"), ("N 4", ""), ("2 1 3", "4 1"), ("3", "N 2 3")] {
        check_op(OpCase {
            build: (&double, &single),
            reference: |x| zip(&x[0], &x[1], &reference),
            inputs: &[uniform(a, a_range.clone()), uniform(b, b_range.clone())],
        });
    }
}

/// Half the distance from 1 to the next number.
const UNIT_ROUNDOFF_F32: f64 = f32::EPSILON as f64 / 2.0;
const UNIT_ROUNDOFF_F64: f64 = f64::EPSILON / 2.0;

/// The largest relative distance, in the L2 norm, of two computations that differ in rounding only.
///
/// Rounding errors are independent, of mean 0 and at most `u` in size. The relative error of an inner product of
/// `n` terms has a standard deviation of `u·√(n/6)` or less (Higham and Mary (2019), "A new approach to
/// probabilistic rounding error analysis"). Forty of those, `16·u·√n`, leave a margin for functions that are a
/// few units in the last place off, differences of much the same size, as in the gradient of a softmax, and a
/// few ops in a row; and are below a thousandth for inner lengths up to a million in `f32`.
fn rounding_bound(inner_length: usize, unit_roundoff: f64) -> f64 {
    16.0 * unit_roundoff * (inner_length.max(1) as f64).sqrt()
}

/// Random sums over the samples by which the gradient of a batched operand is known.
const PROJECTIONS: usize = 4;

fn distance(found: &[f64], want: &[f64], factor: f64) -> f64 {
    norm(found.iter().zip(want).map(|(found, want)| factor * found - want))
}

/// A graph `loss = Σ weight · op(operands)`.
///
/// Parameters have no batch axis. So that batched operands have gradients to check, such an operand is
/// `value + Σ factor · shift`: the input `value` holds its values, the parameter `shift` is 0 and has
/// [`PROJECTIONS`] times as many elements, and the input `factor` differs from sample to sample, so that no
/// sample's gradient can stand for another's and samples do not cancel out in all projections. An operand without
/// batch axis is a parameter, or an input and a parameter of 0 added up.
struct OpTrial<'a, T> {
    graph: Graph<T>,
    loss: NodeId,
    y: NodeId,
    parameters: Vec<T>,
    inputs: Vec<Tensor<T>>,
    nodes: Vec<NodeId>,
    /// The factor of each sample, for operands with the batch axis.
    factors: Vec<Option<Tensor<T>>>,
    operands: Vec<Tensor<T>>,
    uniforms: &'a [RandomOperand],
    layout: TrialLayout,
}

/// The result of an op and the gradient of each operand, as `f64`.
struct TrialResults {
    y: Vec<f64>,
    gradients: Vec<Vec<f64>>,
    /// What the difference from a gradient is relative to, where that is not the gradient's length.
    magnitudes: Vec<Option<f64>>,
}

impl<'a, T: Float> OpTrial<'a, T> {
    fn new(build: &impl BuildOp<T>, uniforms: &'a [RandomOperand], layout: TrialLayout) -> Self {
        let batch = layout.batch;
        let mut random = Stream::new(17, batch as u64);
        // Numbers that both precisions have.
        let mut draw = |dims: Vec<usize>, range: &Range<f64>| {
            let number = |_| range.start + (range.end - range.start) * random.uniform();
            let drawn = (0..dims.iter().product()).map(number).map(|v| v as f32);
            let drawn: Vec<T> = drawn.map(|v| T::from_f64(f64::from(v))).collect();
            Tensor::new(dims, drawn)
        };
        let mut graph = Graph::new();
        let (mut parameters, mut inputs) = (Vec::new(), Vec::new());
        let (mut nodes, mut factors, mut operands) = (Vec::new(), Vec::new(), Vec::new());
        for (i, RandomOperand { shape, range, .. }) in uniforms.iter().enumerate() {
            let drawn = draw(shape.with_batch(batch), range);
            if shape.is_batched() {
                let ones = vec![1; shape.dims().len()];
                let shift = [&[PROJECTIONS], shape.dims()].concat();
                let shift = graph.parameter(i.to_string(), &shift[..]);
                let factor_shape = Shape::batch([&[PROJECTIONS], &ones[..]].concat());
                let factor = draw(factor_shape.with_batch(batch), &(-1.0..1.0));
                let value = graph.input(format!("value {i}"), shape.clone());
                let factor_node = graph.input(format!("factor {i}"), factor_shape);
                let changes = graph.mul(factor_node, shift).expect("shapes agree");
                let change = graph.sum(changes, &[1]).expect("the axis is there");
                nodes.push(graph.add(value, change).expect("shapes agree"));
                inputs.extend([drawn.clone(), factor.clone()]);
                factors.push(Some(factor));
                parameters.extend(vec![T::ZERO; PROJECTIONS * shape.len()]);
            } else if layout.is_computed {
                let shift = graph.parameter(i.to_string(), shape.dims());
                let value = graph.input(format!("value {i}"), shape.clone());
                nodes.push(graph.add(value, shift).expect("shapes agree"));
                inputs.push(drawn.clone());
                factors.push(None);
                parameters.extend(vec![T::ZERO; shape.len()]);
            } else {
                nodes.push(graph.parameter(i.to_string(), shape.dims()));
                factors.push(None);
                parameters.extend_from_slice(drawn.values());
            }
            operands.push(drawn);
        }
        let mut terms = Vec::new();
        let y = build(&mut graph, &nodes).expect("the operands fit");
        for (&node, uniform) in nodes.iter().zip(uniforms) {
            if layout.is_shared && uniform.has_gradient {
                let square = graph.mul(node, node).expect("shapes agree");
                terms.push(graph.mean_all(square).expect("the axes are there"));
            }
        }
        let shape = graph.shape(y).clone();
        let weight = graph.input("weight", shape.clone());
        inputs.push(draw(shape.with_batch(batch), &(0.5..1.5)));
        let weighted = graph.mul(y, weight).expect("shapes agree");
        let mut loss = graph.sum_all(weighted).expect("the axes are there");
        for term in terms {
            loss = graph.add(loss, term).expect("shapes agree");
        }
        Self { graph, loss, y, parameters, inputs, nodes, factors, operands, uniforms, layout }
    }

    fn program(&self, options: Compile) -> Program<T> {
        self.compiled_by(options, |graph, options| Program::new(graph, options))
    }

    fn compiled_by(
        &self,
        options: Compile,
        compile: impl FnOnce(Graph<T>, &Compile) -> Result<Program<T>, CompileError>,
    ) -> Program<T> {
        let TrialLayout { batch, tile, shards, .. } = self.layout;
        let options = Compile { batch, tile, shards, ..options };
        let program = compile(self.graph.clone(), &options);
        let mut program = program.expect("the loss is a number");
        let inputs: Vec<&Tensor<T>> = self.inputs.iter().collect();
        let (parameters, inputs) = (&self.parameters[..], &Tensors(&inputs));
        program.run(&RunArgs { parameters, inputs, ..RunArgs::default() });
        program
    }

    fn run(&self) -> TrialResults {
        let options = Compile { loss: Some(self.loss), keep: vec![self.y], ..Compile::default() };
        let program = self.program(options);
        let wide = |values: &[T]| values.iter().map(|v| v.to_f64()).collect();
        let gradients = self.graph.parameters().map(|(_, range)| wide(&program.gradients()[range]));
        let gradients = gradients.collect();
        let y = wide(program.value(self.y).expect("kept").values());
        TrialResults { y, gradients, magnitudes: Vec::new() }
    }
}

impl OpTrial<'_, f64> {
    /// Compares values and gradients, in the L2 norm; then with each gradient 0.1 % off.
    fn compare(
        &self,
        found: &TrialResults,
        want: &TrialResults,
        roundoff: f64,
        place: &str,
    ) -> Vec<RelativeErrors> {
        let samples = self.layout.batch;
        let shape = self.graph.shape(self.y);
        let n = if shape.is_batched() { 1 } else { samples };
        let bound = rounding_bound(n * self.terms(shape.len()), roundoff);
        let error = distance(&found.y, &want.y, 1.0) / norm(&want.y);
        let is_close = error <= bound || found.y == want.y;
        assert!(is_close, "{place}: values differ by {error:e}, expected at most {bound:e}");
        let gradients = found.gradients.iter().zip(&want.gradients).zip(&want.magnitudes);
        gradients
            .enumerate()
            .map(|(i, ((found, want), magnitude))| {
                let uniform = &self.uniforms[i];
                let terms = self.terms(uniform.shape.len());
                let n = if uniform.shape.is_batched() { terms + samples } else { terms * samples };
                let bound = rounding_bound(n, roundoff);
                let relative = |factor: f64| match distance(found, want, factor) {
                    0.0 => 0.0,
                    distance => distance / magnitude.unwrap_or(norm(want)),
                };
                let (error, mutant) = (relative(1.0), relative(MUTATION));
                let place = format!("{place}: gradient of operand {i}");
                assert!(error <= bound, "{place}: differs by {error:e}, expected at most {bound:e}");
                assert!(
                    mutant > bound || !uniform.has_gradient,
                    "{place}: {MUTATION} times as much differs by {mutant:e}, which passes below {bound:e}"
                );
                RelativeErrors { error, bound, mutant }
            })
            .collect()
    }

    /// Runs as what others are compared with. Of an operand with the batch axis the difference is relative to the
    /// root of the sum of the squares of the samples' gradients, which do not cancel out as their sum may.
    fn run_as_reference(&self) -> TrialResults {
        let options = Compile { loss: Some(self.loss), keep_all: true, ..Compile::default() };
        let program = self.program(options);
        let magnitude = |(&node, factors): (&NodeId, &Option<Tensor<f64>>)| {
            let factors = factors.as_ref()?.values().chunks(PROJECTIONS);
            let gradient = program.gradient(node)?;
            let samples = gradient.values().chunks(self.graph.shape(node).len().max(1));
            Some(norm(samples.zip(factors).map(|(sample, factors)| norm(sample) * norm(factors))))
        };
        let magnitudes = self.nodes.iter().zip(&self.factors).map(magnitude).collect();
        TrialResults { magnitudes, ..self.run() }
    }

    /// Terms of the sum for one of `len` elements of a sample: its multiply-adds, or all operands' elements.
    fn terms(&self, len: usize) -> usize {
        let node = self.graph.node(self.y);
        let shapes: Vec<Shape> =
            node.operands().iter().map(|&id| self.graph.shape(id).clone()).collect();
        let multiply_adds = node.op().map_or(0, |op| op.multiply_adds(&shapes)) as usize;
        let elements = shapes.iter().map(Shape::len).max().unwrap_or(0);
        if multiply_adds > 0 { multiply_adds.div_ceil(len.max(1)) } else { elements }
    }

    fn check_values(&self, want: &Tensor<f64>, place: &str) {
        let program = self.program(Compile { keep: vec![self.y], ..Compile::default() });
        let got = program.value(self.y).expect("kept");
        assert_eq!(got.shape(), want.shape(), "{place}: shape of the result");
        for (i, (got, want)) in got.values().iter().zip(want.values()).enumerate() {
            let close = (got - want).abs() <= 1e-12 * (1.0 + want.abs()) || got == want;
            assert!(close, "{place}: element {i} is {got}, the reference says {want}");
        }
    }

    /// Compares the gradient of every operand with finite differences; then with that gradient 0.1 % off.
    fn check_gradients(&self, place: &str) -> Vec<RelativeErrors> {
        let inputs: Vec<&Tensor<f64>> = self.inputs.iter().collect();
        let TrialLayout { batch, tile, .. } = self.layout;
        let options = GradCheckOptions { batch, tile, ..GradCheckOptions::default() };
        let (graph, inputs) = (Arc::new(self.graph.clone()), &Tensors(&inputs));
        let found = derivatives(graph, self.loss, &self.parameters, inputs, &options);
        let found = found.expect("the loss is a number");
        let operands = self.uniforms.iter().zip(&found).enumerate();
        operands
            .map(|(i, (uniform, found))| {
                let place = format!("{place}: gradient of operand {i}");
                let report = found.report(1.0);
                assert!(report.passes(TOLERANCE), "{place}: {report:?}");
                let is_zero = found.norm == 0.0;
                assert!(
                    is_zero || uniform.has_gradient,
                    "{place}: declared to be zero, found one of length {:e}",
                    found.norm
                );
                assert!(
                    !is_zero || !uniform.has_gradient,
                    "{place}: it is zero, which proves nothing: expected other inputs, or an operand \
                     declared `with_zero_gradient`"
                );
                let mutant = found.report(MUTATION);
                assert!(
                    !mutant.passes(TOLERANCE) || !uniform.has_gradient,
                    "{place}: {MUTATION} times as much passes: {mutant:?}"
                );
                let error = |report: &GradCheckReport| report.error().expect("something was compared");
                RelativeErrors { error: error(&report), bound: TOLERANCE, mutant: error(&mutant) }
            })
            .collect()
    }
}

/// `f` of the elements of two tensors, broadcast together.
///
/// # Panics
///
/// If the shapes neither agree nor are 1, from the last axis on.
pub fn zip(a: &Tensor<f64>, b: &Tensor<f64>, f: impl Fn(f64, f64) -> f64) -> Tensor<f64> {
    // A batched value is only ever as long as the other behind the batch axis, which comes first.
    let rank = a.shape().len().max(b.shape().len());
    let padded = |t: &Tensor<f64>| [vec![1; rank - t.shape().len()], t.shape().to_vec()].concat();
    let (a_dims, b_dims) = (padded(a), padded(b));
    let dims: Vec<usize> = a_dims.iter().zip(&b_dims).map(|(&a, &b)| a.max(b)).collect();
    let element = |t: &Tensor<f64>, own: &[usize], index: &[usize]| {
        let at = own
            .iter()
            .zip(index)
            .fold(0, |at, (&size, &i)| at * size + if size == 1 { 0 } else { i });
        t.values()[at]
    };
    let values: Vec<f64> = indices(&dims)
        .map(|index| f(element(a, &a_dims, &index), element(b, &b_dims, &index)))
        .collect();
    Tensor::new(dims, values)
}

/// `f` of the elements along `axes`, for each element of what is left.
pub fn reduce(x: &Tensor<f64>, axes: &[usize], f: impl Fn(&[f64]) -> f64) -> Tensor<f64> {
    let kept: Vec<usize> = (0..x.shape().len()).filter(|axis| !axes.contains(axis)).collect();
    let dims: Vec<usize> = kept.iter().map(|&axis| x.shape()[axis]).collect();
    let group = |of: Vec<usize>| {
        let belongs = |index: &Vec<usize>| kept.iter().zip(&of).all(|(&axis, &i)| index[axis] == i);
        let members = indices(x.shape()).zip(x.values()).filter(|(index, _)| belongs(index));
        f(&members.map(|(_, &value)| value).collect::<Vec<_>>())
    };
    let values: Vec<f64> = indices(&dims).map(group).collect();
    Tensor::new(dims, values)
}

/// The matrix product by three loops.
pub fn matmul(a: &Tensor<f64>, b: &Tensor<f64>) -> Tensor<f64> {
    let ([m, k], [_, n]) = ([a.shape()[0], a.shape()[1]], [b.shape()[0], b.shape()[1]]);
    let cell =
        |i: usize, j: usize| (0..k).map(|l| a.values()[i * k + l] * b.values()[l * n + j]).sum();
    let values: Vec<f64> = (0..m * n).map(|at| cell(at / n, at % n)).collect();
    Tensor::new([m, n], values)
}

/// Sums over the windows of images `[N, h, w, c]`, `channels` for each position: of `term` of a tap, the pixel that it meets
/// and the channel. `pad` is `[top, bottom, left, right]`.
pub fn convolve(
    x: &Tensor<f64>,
    (kernel, channels): ([usize; 2], usize),
    stride: [usize; 2],
    pad: [usize; 4],
    term: impl Fn([usize; 2], &[f64], usize) -> f64,
) -> Tensor<f64> {
    let &[n, h, w, c] = x.shape() else { panic!("images") };
    let out = |size: usize, axis: usize| {
        (size + pad[2 * axis] + pad[2 * axis + 1] - kernel[axis]) / stride[axis] + 1
    };
    let sizes = [n, out(h, 0), out(w, 1), channels];
    let cell = |index: Vec<usize>| {
        let mut sum = 0.0;
        for tap in indices(&kernel) {
            let [row, column] = [0, 1].map(|axis| {
                let at = index[axis + 1] * stride[axis] + tap[axis];
                at.checked_sub(pad[2 * axis]).filter(|&at| at < [h, w][axis])
            });
            if let (Some(row), Some(column)) = (row, column) {
                let pixel = &x.values()[((index[0] * h + row) * w + column) * c..][..c];
                sum += term([tap[0], tap[1]], pixel, index[3]);
            }
        }
        sum
    };
    Tensor::new(sizes, indices(&sizes).map(cell).collect::<Vec<_>>())
}

/// Every index of a tensor of the shape `dims`, row by row.
pub fn indices(dims: &[usize]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let dims = dims.to_vec();
    (0..dims.iter().product()).map(move |mut at: usize| {
        let mut index = vec![0; dims.len()];
        for (i, &size) in index.iter_mut().zip(&dims).rev() {
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
