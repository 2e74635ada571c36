//! The axes of a value in another order.

use super::SourceNode;
use crate::source::SourceWriter;
use crate::strides::Strides;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    // Behind the axis of the batch, which stays the first.
    let axes: Vec<usize> = node.sizes("axes")[1..].iter().map(|axis| axis - 1).collect();
    let strides = Strides::transpose(writer.shape(node.operands[0]).dims(), &axes).source();
    let (x, y) = (writer.operand(node.operands[0]), writer.result(node.id));
    writer.call("gather", &[x, strides, y]);
    Ok(())
}
