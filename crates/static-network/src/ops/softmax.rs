//! Probabilities from scores, and their logarithms.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let classes = writer.shape(node.id).dims().last().copied().unwrap_or(1);
    let y = writer.in_place(node.id, node.operands[0]);
    writer.call(node.op, &[y, classes.to_string()]);
    Ok(())
}
