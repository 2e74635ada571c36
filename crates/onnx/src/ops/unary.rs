//! Functions of each element that ONNX has by itself.

use super::OpNode;
use crate::writer::{GraphWriter, Setting};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let number = |name: &str| Setting::Number(node.number(name));
    let (operator, settings) = match node.op {
        "abs" => ("Abs", vec![]),
        "cos" => ("Cos", vec![]),
        "elu" => ("Elu", vec![("alpha", number("alpha"))]),
        "exp" => ("Exp", vec![]),
        "leaky_relu" => ("LeakyRelu", vec![("alpha", number("slope"))]),
        "ln" => ("Log", vec![]),
        "neg" => ("Neg", vec![]),
        "relu" => ("Relu", vec![]),
        "sigmoid" => ("Sigmoid", vec![]),
        "sin" => ("Sin", vec![]),
        "softplus" => ("Softplus", vec![]),
        "sqrt" => ("Sqrt", vec![]),
        "tanh" => ("Tanh", vec![]),
        other => unreachable!("{other} is not in the list"),
    };
    let layout = writer.layout_of(&node.operands, node.id);
    let x = writer.value_in(node.operands[0], layout);
    let y = writer.node(operator, &node.label, &[x], &settings);
    writer.set(node.id, layout, y);
    Ok(())
}
