//! What a formula can compute: operators and functions, an entry each.

use std::f64::consts::LOG10_E;

use graph::ops::gelu::GeluForm;
use graph::{Float as _, Graph, NodeId, ShapeError, Tensor};
use serde::Serialize;

use crate::FormulaValue;

/// An operator or a function.
#[derive(Debug)]
pub(super) struct Operation {
    /// The function as it is written, or the operator.
    pub(super) name: &'static str,
    pub(super) rule: ShapeRule,
    /// Adds it to a graph.
    pub(super) build: fn(&mut Graph<f64>, &[NodeId]) -> Result<NodeId, ShapeError>,
    /// Adds what it passes back to one of its operands, before this is summed for a number among vectors.
    pub(super) gradient: fn(&mut Backward<'_>, usize) -> NodeId,
    /// Why its result or what it passes back is not finite, from its finite operands.
    pub(super) fault: fn(&[f64]) -> Cause,
}

/// Which operands it has, and the shape of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShapeRule {
    /// So many numbers or vectors, element by element; a number goes with every element.
    Elementwise(usize),
    /// A vector to a vector.
    Vector,
    /// A vector to a number.
    Reduction,
}

impl ShapeRule {
    pub(super) fn n_operands(self) -> usize {
        match self {
            Self::Elementwise(n) => n,
            Self::Vector | Self::Reduction => 1,
        }
    }
}

/// Why a number is infinite or undefined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A number divided by 0.
    DivisionByZero,
    /// 0 divided by 0.
    ZeroByZero,
    /// The logarithm of 0.
    LogarithmOfZero,
    /// The logarithm of a negative number.
    LogarithmOfNegative,
    /// The square root of a negative number.
    RootOfNegative,
    /// A power of a negative number whose exponent is not a whole number.
    PowerOfNegative,
    /// A negative power of 0.
    PowerOfZero,
    /// A number too large for 64 bits.
    Overflow,
    /// The curve is vertical there.
    InfiniteSlope,
    /// A change of the exponent of a negative number has no value.
    UndefinedSlope,
}

/// An operation in a graph, at a point, to which its gradients are added.
pub(super) struct Backward<'a> {
    pub(super) graph: &'a mut Graph<f64>,
    pub(super) operands: Vec<NodeId>,
    /// The values of the operands at the point: which side of a kink they are on.
    pub(super) at: Vec<&'a FormulaValue>,
    pub(super) result: NodeId,
    /// The gradient of the result.
    pub(super) upstream: NodeId,
}

impl Backward<'_> {
    fn number(&mut self, number: f64) -> NodeId {
        self.graph.scalar(number)
    }

    fn times(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.mul(a, b).expect("shapes of the forward pass")
    }

    fn over(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.div(a, b).expect("shapes of the forward pass")
    }

    fn minus(&mut self, a: NodeId, b: NodeId) -> NodeId {
        self.graph.sub(a, b).expect("shapes of the forward pass")
    }

    /// The upstream gradient times `factor`.
    fn scaled(&mut self, factor: NodeId) -> NodeId {
        self.times(self.upstream, factor)
    }

    /// A function of all operands' elements at the point.
    fn at_the_point(&mut self, function: impl Fn(&[f64]) -> f64) -> NodeId {
        let values = elements(&self.at).iter().map(|x| function(x)).collect();
        let is_vector = self.at.iter().any(|at| matches!(at, FormulaValue::Vector(_)));
        constant(self.graph, values, is_vector)
    }

    /// The upstream gradient times a slope that is constant near the point: a function of all operands' elements.
    fn scaled_by(&mut self, slope: impl Fn(&[f64]) -> f64) -> NodeId {
        let slopes = self.at_the_point(slope);
        self.scaled(slopes)
    }

    /// The upstream gradient times a slope that is a straight line near the point, so that its derivative is right as well.
    fn scaled_along(&mut self, slope: fn(f64) -> f64, curvature: fn(f64) -> f64) -> NodeId {
        let [slope, curvature, at] =
            [slope, curvature, |x| x].map(|f| self.at_the_point(|x| f(x[0])));
        let distance = self.minus(self.operands[0], at);
        let change = self.times(curvature, distance);
        let slope = self.graph.add(slope, change).expect("shapes of the forward pass");
        self.scaled(slope)
    }

    /// The upstream gradient for the elements of a vector: a share for each.
    fn shared(&mut self, share: impl Fn(usize, &[f64]) -> f64) -> NodeId {
        let x = self.at[0].elements();
        let shares = (0..x.len()).map(|i| share(i, x)).collect();
        let shares = constant(self.graph, shares, true);
        self.scaled(shares)
    }

    /// All of the upstream gradient for the first element that is the result.
    fn extreme_gradient(&mut self, extreme: fn(f64, f64) -> f64) -> NodeId {
        let x = self.at[0].elements();
        let found = x.iter().copied().reduce(extreme);
        let first = x.iter().position(|&x| Some(x) == found);
        self.shared(|i, _| if Some(i) == first { 1.0 } else { 0.0 })
    }
}

fn constant(graph: &mut Graph<f64>, values: Vec<f64>, is_vector: bool) -> NodeId {
    let shape = [values.len()];
    graph.constant(Tensor::new(if is_vector { &shape[..] } else { &[] }, values))
}

/// The operands of each element of the result of an elementwise operation.
pub(super) fn elements(operands: &[&FormulaValue]) -> Vec<Vec<f64>> {
    let len = operands.iter().map(|x| x.elements().len()).max().unwrap_or(0);
    let element = |x: &&FormulaValue, i: usize| match x {
        FormulaValue::Number(number) => *number,
        FormulaValue::Vector(elements) => elements[i],
    };
    (0..len).map(|i| operands.iter().map(|x| element(x, i)).collect()).collect()
}

fn overflow(_: &[f64]) -> Cause {
    Cause::Overflow
}

fn logarithm(x: &[f64]) -> Cause {
    match x[0] {
        0.0 => Cause::LogarithmOfZero,
        x if x < 0.0 => Cause::LogarithmOfNegative,
        _ => Cause::Overflow,
    }
}

pub(super) static ADD: Operation = Operation {
    name: "+",
    rule: ShapeRule::Elementwise(2),
    build: |g, x| g.add(x[0], x[1]),
    gradient: |b, _| b.upstream,
    fault: overflow,
};

pub(super) static SUB: Operation = Operation {
    name: "-",
    rule: ShapeRule::Elementwise(2),
    build: |g, x| g.sub(x[0], x[1]),
    gradient: |b, operand| if operand == 0 { b.upstream } else { b.graph.neg(b.upstream) },
    fault: overflow,
};

pub(super) static MUL: Operation = Operation {
    name: "*",
    rule: ShapeRule::Elementwise(2),
    build: |g, x| g.mul(x[0], x[1]),
    gradient: |b, operand| b.scaled(b.operands[1 - operand]),
    fault: overflow,
};

pub(super) static DIV: Operation = Operation {
    name: "/",
    rule: ShapeRule::Elementwise(2),
    build: |g, x| g.div(x[0], x[1]),
    gradient: |b, operand| {
        let over = b.over(b.upstream, b.operands[1]);
        if operand == 0 {
            return over;
        }
        let product = b.times(over, b.result);
        b.graph.neg(product)
    },
    fault: |x| match x[..] {
        [0.0, 0.0] => Cause::ZeroByZero,
        [_, 0.0] => Cause::DivisionByZero,
        _ => Cause::Overflow,
    },
};

pub(super) static POW: Operation = Operation {
    name: "^",
    rule: ShapeRule::Elementwise(2),
    build: |g, x| g.pow(x[0], x[1]),
    gradient: |b, operand| {
        let [base, exponent] = [b.operands[0], b.operands[1]];
        let slope = if operand == 0 {
            let one = b.number(1.0);
            let less = b.minus(exponent, one);
            let power = b.graph.pow(base, less).expect("shapes of the forward pass");
            b.times(exponent, power)
        } else {
            let logarithm = b.graph.ln(base);
            b.times(b.result, logarithm)
        };
        b.scaled(slope)
    },
    fault: |x| match x[..] {
        [base, exponent] if base < 0.0 && exponent.fract() != 0.0 => Cause::PowerOfNegative,
        [base, _] if base < 0.0 && base.powf(x[1]).is_finite() => Cause::UndefinedSlope,
        [0.0, exponent] if exponent < 0.0 => Cause::PowerOfZero,
        [0.0, _] => Cause::InfiniteSlope,
        _ => Cause::Overflow,
    },
};

pub(super) static NEG: Operation = Operation {
    name: "-",
    rule: ShapeRule::Elementwise(1),
    build: |g, x| Ok(g.neg(x[0])),
    gradient: |b, _| b.graph.neg(b.upstream),
    fault: overflow,
};

/// The functions, with as many operands as their rule says: `max` of a vector, and `max` of two.
pub(super) static FUNCTIONS: [Operation; 19] = [
    Operation {
        name: "exp",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.exp(x[0])),
        gradient: |b, _| b.scaled(b.result),
        fault: overflow,
    },
    Operation {
        name: "ln",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.ln(x[0])),
        gradient: |b, _| b.over(b.upstream, b.operands[0]),
        fault: logarithm,
    },
    Operation {
        name: "log10",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.log10(x[0])),
        gradient: |b, _| {
            let factor = b.number(LOG10_E);
            let upstream = b.scaled(factor);
            b.over(upstream, b.operands[0])
        },
        fault: logarithm,
    },
    Operation {
        name: "sqrt",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.sqrt(x[0])),
        gradient: |b, _| {
            let half = b.number(0.5);
            let upstream = b.scaled(half);
            b.over(upstream, b.result)
        },
        fault: |x| if x[0] < 0.0 { Cause::RootOfNegative } else { Cause::InfiniteSlope },
    },
    Operation {
        name: "sin",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.sin(x[0])),
        gradient: |b, _| {
            let slope = b.graph.cos(b.operands[0]);
            b.scaled(slope)
        },
        fault: overflow,
    },
    Operation {
        name: "cos",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.cos(x[0])),
        gradient: |b, _| {
            let sine = b.graph.sin(b.operands[0]);
            let slope = b.graph.neg(sine);
            b.scaled(slope)
        },
        fault: overflow,
    },
    Operation {
        name: "tanh",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.tanh(x[0])),
        gradient: |b, _| {
            let (one, square) = (b.number(1.0), b.times(b.result, b.result));
            let slope = b.minus(one, square);
            b.scaled(slope)
        },
        fault: overflow,
    },
    Operation {
        name: "sigmoid",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.sigmoid(x[0])),
        gradient: |b, _| {
            let one = b.number(1.0);
            let rest = b.minus(one, b.result);
            let slope = b.times(b.result, rest);
            b.scaled(slope)
        },
        fault: overflow,
    },
    Operation {
        name: "relu",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.relu(x[0])),
        gradient: |b, _| b.scaled_by(|x| if x[0] > 0.0 { 1.0 } else { 0.0 }),
        fault: overflow,
    },
    Operation {
        name: "gelu",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.gelu(x[0], GeluForm::Exact)),
        gradient: |b, _| {
            let slope = |x: f64| x.normal()[0] + x * x.normal()[1];
            b.scaled_along(slope, |x| (2.0 - x * x) * x.normal()[1])
        },
        fault: overflow,
    },
    Operation {
        name: "abs",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.abs(x[0])),
        gradient: |b, _| b.scaled_by(|x| if x[0] == 0.0 { 0.0 } else { x[0].signum() }),
        fault: overflow,
    },
    Operation {
        name: "step",
        rule: ShapeRule::Elementwise(1),
        build: |g, x| Ok(g.step(x[0])),
        gradient: |b, _| b.scaled_by(|_| 0.0),
        fault: overflow,
    },
    Operation {
        name: "softmax",
        rule: ShapeRule::Vector,
        build: |g, x| g.softmax(x[0]),
        gradient: |b, _| {
            let products = b.scaled(b.result);
            let sum = b.graph.sum(products, &[0]).expect("a vector");
            let rest = b.minus(b.upstream, sum);
            b.times(b.result, rest)
        },
        fault: overflow,
    },
    Operation {
        name: "sum",
        rule: ShapeRule::Reduction,
        build: |g, x| g.sum(x[0], &[0]),
        gradient: |b, _| b.shared(|_, _| 1.0),
        fault: overflow,
    },
    Operation {
        name: "mean",
        rule: ShapeRule::Reduction,
        build: |g, x| g.mean(x[0], &[0]),
        gradient: |b, _| b.shared(|_, x| 1.0 / x.len() as f64),
        fault: overflow,
    },
    Operation {
        name: "max",
        rule: ShapeRule::Reduction,
        build: |g, x| g.max(x[0], &[0]),
        gradient: |b, _| b.extreme_gradient(f64::max),
        fault: overflow,
    },
    Operation {
        name: "min",
        rule: ShapeRule::Reduction,
        build: |g, x| g.min(x[0], &[0]),
        gradient: |b, _| b.extreme_gradient(f64::min),
        fault: overflow,
    },
    Operation {
        name: "max",
        rule: ShapeRule::Elementwise(2),
        build: |g, x| g.maximum(x[0], x[1]),
        gradient: |b, operand| {
            b.scaled_by(|x| f64::from(u8::from((x[0] >= x[1]) == (operand == 0))))
        },
        fault: overflow,
    },
    Operation {
        name: "min",
        rule: ShapeRule::Elementwise(2),
        build: |g, x| g.minimum(x[0], x[1]),
        gradient: |b, operand| {
            b.scaled_by(|x| f64::from(u8::from((x[0] <= x[1]) == (operand == 0))))
        },
        fault: overflow,
    },
];

/// Names of functions that are read as another one: `log` is the natural logarithm, as in NumPy.
pub(super) const ALIASES: [(&str, &str); 1] = [("log", "ln")];

/// Constants by their names. A value that is given for the name wins.
pub(super) const CONSTANTS: [(&str, f64); 3] =
    [("pi", std::f64::consts::PI), ("π", std::f64::consts::PI), ("e", std::f64::consts::E)];

/// The names of functions, each once.
pub(super) fn function_names() -> impl Iterator<Item = &'static str> {
    let is_first = |i: usize| FUNCTIONS[..i].iter().all(|other| other.name != FUNCTIONS[i].name);
    (0..FUNCTIONS.len()).filter(move |&i| is_first(i)).map(|i| FUNCTIONS[i].name)
}
