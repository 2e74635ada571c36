//! The product of the rows of a value with a weight.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let value = writer.known(weight)?.clone();
    let outputs = value.shape()[1];
    let weight = writer.weight(weight, value.values(), &[outputs], [outputs; 2]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
    writer.call("linear", &[x, weight.path.clone(), y.clone()]);
    writer.scale(y, weight);
    Ok(())
}
