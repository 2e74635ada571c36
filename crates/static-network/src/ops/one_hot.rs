//! Class numbers as rows of a 1 among zeros.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let classes = node.sizes("classes")[0].to_string();
    let (x, y) = (writer.operand(node.operands[0]), writer.result(node.id));
    writer.call("one_hot", &[x, classes, y]);
    Ok(())
}
