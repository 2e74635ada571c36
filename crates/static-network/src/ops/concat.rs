//! Values one after the other along an axis.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let axis = node.sizes("axis")[0] - 1;
    let block = |writer: &SourceWriter<'_>, id| -> usize {
        writer.shape(id).dims()[axis..].iter().product()
    };
    let operand = |&id: &_| (writer.operand(id), block(writer, id));
    let parts: Vec<(String, usize)> = node.operands.iter().map(operand).collect();
    let y = writer.result(node.id);
    let y_block = block(writer, node.id);
    let mut start = 0;
    for (x, len) in parts {
        let (x, y) = (format!("({x}, [{len}, 0])"), format!("({y}, [{y_block}, {start}])"));
        writer.call("copy_part", &[x, y, len.to_string()]);
        start += len;
    }
    Ok(())
}
