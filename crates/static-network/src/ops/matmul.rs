//! The product of the rows of a value with a weight.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let outputs = writer.known(weight)?.shape()[1];
    let weight = writer.weight(weight, &[outputs], [outputs; 2]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
    writer.call("linear", &[x, weight.path.clone(), y.clone()]);
    writer.scale(y, weight);
    Ok(())
}
