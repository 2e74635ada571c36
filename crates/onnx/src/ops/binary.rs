//! Functions of the elements of two values, with broadcasting.

use graph::NodeId;

use super::OpNode;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let operator = match node.op {
        "add" if is_bias(writer, node) => return Ok(()),
        "add" => "Add",
        "div" => "Div",
        "maximum" => "Max",
        "minimum" => "Min",
        "mul" => "Mul",
        "pow" => "Pow",
        "sub" => "Sub",
        other => unreachable!("{other} is not in the list"),
    };
    let layout = writer.layout_of(&node.operands, node.id);
    let mut operand = |id: NodeId| writer.broadcast(id, node.id, layout);
    let operands = [operand(node.operands[0]), operand(node.operands[1])];
    let y = writer.node(operator, &node.label, &operands, &[]);
    writer.set(node.id, layout, y);
    Ok(())
}

/// Adds a bias to the product or convolution before it; false if it is none.
fn is_bias(writer: &mut GraphWriter<'_>, node: &OpNode) -> bool {
    let [y, bias] = node.operands[..] else { unreachable!("two operands") };
    let values = writer.constant_values(bias).filter(|value| value.shape().len() == 1);
    let values = values.map(|value| value.values().to_vec());
    values.is_some_and(|values| writer.fold(y, node.id, None, &values))
}
