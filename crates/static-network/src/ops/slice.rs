//! A range along an axis.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [start, end] = *node.sizes("range") else { unreachable!("two ends") };
    let dims = &writer.shape(node.operands[0]).dims()[node.sizes("axis")[0] - 1..];
    let step: usize = dims[1..].iter().product();
    let (block, start, len) = (dims[0] * step, start * step, (end - start) * step);
    let (x, y) = (writer.operand(node.operands[0]), writer.result(node.id));
    let (x, y) = (format!("({x}, [{block}, {start}])"), format!("({y}, [{len}, 0])"));
    writer.call("copy_part", &[x, y, len.to_string()]);
    Ok(())
}
