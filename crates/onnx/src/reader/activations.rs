//! Activations, known by what they compute: programs write `gelu`, `silu` or `hard_swish` as chains of smaller operators, each
//! in its own way. A chain is evaluated at some points and compared with the layers that there are.

use std::collections::HashMap;

use graph::Float as _;
use graph::ops::gelu::GeluForm;
use nn::LayerKind;
use nn::layers::{
    Elu, Gelu, HardSwish, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Tanh,
};

use super::file::attribute;
use super::producers::Producers;
use super::written_number;
use crate::proto::NodeProto;

/// The most operators of a chain: the longest known has ten.
const MAX_CHAIN: usize = 16;
/// The largest difference from a layer, relative to values above 1: constants in a file have 24 bits.
const TOLERANCE: f64 = 1e-6;
/// Where functions are compared, on both sides of 0: where they bend, and far from it.
const POINTS: [f64; 22] = [
    -50.0, -12.5, -6.1, -4.0, -3.0, -2.3, -1.7, -1.0, -0.6, -0.2, -1e-3, 0.0, 1e-3, 0.3, 0.8, 1.0,
    1.9, 2.6, 3.4, 5.9, 7.3, 50.0,
];

/// A chain that computes an activation.
pub(super) struct ActivationChain<'a> {
    /// What it is computed from.
    pub(super) x: &'a str,
    pub(super) layer: LayerKind,
    /// The operators before the last.
    pub(super) inner: Vec<usize>,
}

/// The activation that ends in an operator, if there is one.
pub(super) fn find<'a>(producers: &Producers<'a>, last: usize) -> Option<ActivationChain<'a>> {
    let mut chain = vec![last];
    while chain.len() <= MAX_CHAIN {
        let mut open: Vec<&'a str> = Vec::new();
        for &index in &chain {
            let node = &producers.nodes[index];
            if !is_function_of_elements(node) {
                return None;
            }
            let given = |name: &str| {
                let inside = producers.of_value(name).is_some_and(|(at, _)| chain.contains(&at));
                inside || name.is_empty() || producers.scalar(name).is_some()
            };
            open.extend(node.input.iter().map(|name| &**name).filter(|name| !given(name)));
        }
        open.sort_unstable();
        open.dedup();
        if let [x] = open[..]
            && let Some(layer) = layer_of(|at| value(producers, &chain, x, at))
        {
            return Some(ActivationChain { x, layer, inner: chain.split_off(1) });
        }
        // The operator that comes last: all that reads it is then in the chain, or outside of it for good.
        let (next, node) =
            open.iter().filter_map(|name| producers.of_value(name)).max_by_key(|found| found.0)?;
        let result = node.output.first()?;
        if producers.n_readers(result) != producers.n_readers_among(result, &chain) {
            return None;
        }
        chain.push(next);
    }
    None
}

/// A function of one number.
type ScalarFunction = fn(f64) -> f64;

/// The layer that computes a function.
fn layer_of(f: impl Fn(f64) -> Option<f64>) -> Option<LayerKind> {
    let is = |g: &dyn Fn(f64) -> f64| {
        POINTS.iter().all(|&x| {
            let expected = g(x);
            f(x).is_some_and(|found| {
                (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
            })
        })
    };
    let without_settings: [(LayerKind, ScalarFunction); 10] = [
        (Relu {}.into(), |x| x.max(0.0)),
        (Sigmoid {}.into(), f64::sigmoid),
        (Tanh {}.into(), f64::tanh),
        (Softplus {}.into(), softplus),
        (Silu {}.into(), silu),
        (Gelu { form: GeluForm::Exact }.into(), gelu),
        (Gelu { form: GeluForm::Tanh }.into(), gelu_by_tanh),
        (Mish {}.into(), mish),
        (HardSwish {}.into(), |x| x * hard_sigmoid(x, 1.0 / 6.0, 0.5)),
        (Selu {}.into(), |x| SELU_SCALE * elu(x, SELU_ALPHA)),
    ];
    if let Some((layer, _)) = without_settings.into_iter().find(|(_, g)| is(g)) {
        return Some(layer);
    }
    let (slope, alpha) = (written_number(-f(-1.0)?), written_number(-f(-50.0)?));
    // With the slope 1 it would be nothing at all.
    if slope >= 0.0 && slope != 1.0 && is(&|x| if x > 0.0 { x } else { slope * x }) {
        return Some(LeakyRelu { slope }.into());
    }
    (alpha >= 0.0 && is(&|x| elu(x, alpha))).then(|| Elu { alpha }.into())
}

/// What a chain gives at a point; none if that is not a number.
fn value(producers: &Producers<'_>, chain: &[usize], x: &str, at: f64) -> Option<f64> {
    let mut values: HashMap<&str, f64> = [(x, at)].into();
    let mut ordered = chain.to_vec();
    ordered.sort_unstable();
    for index in ordered {
        let node = &producers.nodes[index];
        let operand = |i: usize| {
            let name = node.input.get(i).filter(|name| !name.is_empty())?;
            values.get(&**name).copied().or_else(|| producers.scalar(name))
        };
        let result = apply(node, operand).filter(|value| value.is_finite())?;
        values.insert(node.output.first()?, result);
    }
    values.get(&**producers.nodes[chain[0]].output.first()?).copied()
}

/// Operators that are functions of each element of their operands.
pub(super) const OPERATORS: &[&str] = &[
    "Abs",
    "Add",
    "Celu",
    "Clip",
    "Div",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "Greater",
    "GreaterOrEqual",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "Max",
    "Min",
    "Mish",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Sqrt",
    "Sub",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
    "Where",
];

/// Whether an operator is a function of each element.
pub(super) fn is_function_of_elements(node: &NodeProto) -> bool {
    node.domain.is_empty() && OPERATORS.contains(&&*node.op_type)
}

/// An operator applied to numbers.
fn apply(node: &NodeProto, operand: impl Fn(usize) -> Option<f64>) -> Option<f64> {
    let x = operand(0)?;
    let setting = |name: &str, default: f64| {
        attribute(node, name).and_then(|found| found.f).map_or(default, f64::from)
    };
    // A bound is a setting up to opset 10 and an operand since.
    let bound =
        |name: &str, at: usize, default: f64| operand(at).unwrap_or_else(|| setting(name, default));
    Some(match &*node.op_type {
        "Abs" => x.abs(),
        "Add" => x + operand(1)?,
        "Celu" => {
            let alpha = setting("alpha", 1.0);
            alpha * elu(x / alpha, 1.0)
        }
        "Clip" => x.max(bound("min", 1, f64::NEG_INFINITY)).min(bound("max", 2, f64::INFINITY)),
        "Div" => x / operand(1)?,
        "Elu" => elu(x, setting("alpha", 1.0)),
        "Erf" => erf(x),
        "Exp" => x.exp(),
        "Gelu" => match attribute(node, "approximate").and_then(|found| found.s.as_deref()) {
            Some(b"tanh") => gelu_by_tanh(x),
            _ => gelu(x),
        },
        "Greater" => f64::from(x > operand(1)?),
        "GreaterOrEqual" => f64::from(x >= operand(1)?),
        "HardSigmoid" => hard_sigmoid(x, setting("alpha", 0.2), setting("beta", 0.5)),
        "HardSwish" => x * hard_sigmoid(x, 1.0 / 6.0, 0.5),
        "Identity" => x,
        "LeakyRelu" => {
            if x > 0.0 {
                x
            } else {
                setting("alpha", 0.01) * x
            }
        }
        "Less" => f64::from(x < operand(1)?),
        "LessOrEqual" => f64::from(x <= operand(1)?),
        "Log" => x.ln(),
        "Max" => x.max(operand(1)?),
        "Min" => x.min(operand(1)?),
        "Mish" => mish(x),
        "Mul" => x * operand(1)?,
        "Neg" => -x,
        "PRelu" => {
            if x > 0.0 {
                x
            } else {
                operand(1)? * x
            }
        }
        "Pow" => x.powf(operand(1)?),
        "Reciprocal" => 1.0 / x,
        "Relu" => x.max(0.0),
        "Selu" => setting("gamma", SELU_SCALE) * elu(x, setting("alpha", SELU_ALPHA)),
        "Sigmoid" => x.sigmoid(),
        "Softplus" => softplus(x),
        "Sqrt" => x.sqrt(),
        "Sub" => x - operand(1)?,
        "Swish" => x * (setting("alpha", 1.0) * x).sigmoid(),
        "Tanh" => x.tanh(),
        "ThresholdedRelu" => {
            if x > setting("alpha", 1.0) {
                x
            } else {
                0.0
            }
        }
        "Where" => {
            let [of_true, of_false] = [operand(1)?, operand(2)?];
            if x == 0.0 { of_false } else { of_true }
        }
        _ => return None,
    })
}

/// Source: Klambauer, Unterthiner, Mayr, Hochreiter (NeurIPS 2017), "Self-normalizing neural networks".
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

fn elu(x: f64, alpha: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn erf(x: f64) -> f64 {
    let [below, _] = (x * std::f64::consts::SQRT_2).normal();
    2.0 * below - 1.0
}

fn gelu(x: f64) -> f64 {
    let [below, _] = x.normal();
    x * below
}

fn gelu_by_tanh(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
    0.5 * x * (1.0 + inner.tanh())
}

fn hard_sigmoid(x: f64, slope: f64, offset: f64) -> f64 {
    (slope * x + offset).clamp(0.0, 1.0)
}

fn mish(x: f64) -> f64 {
    x * softplus(x).tanh()
}

fn silu(x: f64) -> f64 {
    x * x.sigmoid()
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
