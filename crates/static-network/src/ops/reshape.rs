//! The same numbers with other axes.

use super::OpNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &OpNode) -> Result<(), String> {
    writer.alias(node.id, node.operands[0]);
    Ok(())
}
