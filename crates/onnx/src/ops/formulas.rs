//! Functions of each element that not every runtime has: written as smaller ones.

use super::OpNode;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, Setting};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let layout = writer.layout_of(&node.operands, node.id);
    let x = writer.value_in(node.operands[0], layout);
    let mut formula = OperatorChain { writer, label: &node.label };
    let y = match node.op {
        "gelu" if node.attributes.form("form") == Some("exact") => {
            let scaled = formula.times(&x, std::f64::consts::FRAC_1_SQRT_2);
            let erf = formula.of("Erf", &[&scaled]);
            half_of_one_plus(&mut formula, &x, &erf)
        }
        "gelu" => {
            let square = formula.of("Mul", &[&x, &x]);
            let cubic = formula.times(&square, 0.044_715);
            let factor = formula.plus(&cubic, 1.0);
            let sum = formula.of("Mul", &[&x, &factor]);
            let scaled = formula.times(&sum, (2.0 / std::f64::consts::PI).sqrt());
            let tanh = formula.of("Tanh", &[&scaled]);
            half_of_one_plus(&mut formula, &x, &tanh)
        }
        "hard_swish" => {
            let settings = [("alpha", Setting::Number(1.0 / 6.0)), ("beta", Setting::Number(0.5))];
            let gate = formula.with("HardSigmoid", &[&x], &settings);
            formula.of("Mul", &[&x, &gate])
        }
        "log10" => {
            let ln = formula.of("Log", &[&x]);
            formula.times(&ln, std::f64::consts::LOG10_E)
        }
        "mish" => {
            let softplus = formula.of("Softplus", &[&x]);
            let gate = formula.of("Tanh", &[&softplus]);
            formula.of("Mul", &[&x, &gate])
        }
        "selu" => {
            let alpha = [("alpha", Setting::Number(node.number("alpha")))];
            let elu = formula.with("Elu", &[&x], &alpha);
            formula.times(&elu, node.number("scale"))
        }
        "silu" => {
            let gate = formula.of("Sigmoid", &[&x]);
            formula.of("Mul", &[&x, &gate])
        }
        "step" => {
            let zero = formula.number(0.0);
            let is_above = formula.of("Greater", &[&x, &zero]);
            formula.cast(&is_above, data_type::FLOAT)
        }
        other => unreachable!("{other} is not in the list"),
    };
    writer.set(node.id, layout, y);
    Ok(())
}

/// `½ x (1 + y)`.
fn half_of_one_plus(formula: &mut OperatorChain<'_, '_>, x: &str, y: &str) -> String {
    let sum = formula.plus(y, 1.0);
    let half = formula.times(x, 0.5);
    formula.of("Mul", &[&half, &sum])
}
