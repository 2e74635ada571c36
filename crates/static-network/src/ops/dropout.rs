//! Dropout: nothing, once a network is trained.

use super::OpNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &OpNode) -> Result<(), String> {
    writer.alias(node.id, node.operands[0]);
    Ok(())
}
