//! The largest or mean pixel of each window.

use super::SourceNode;
use super::conv2d::axes;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let axes = axes(writer, node);
    let channels = writer.shape(node.id).dims()[2];
    let (x, y) = (writer.operand(node.operands[0]), writer.result(node.id));
    writer.call(&format!("{}::<{channels}>", node.op), &[x, axes, y]);
    Ok(())
}
