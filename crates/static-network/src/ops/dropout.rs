//! Dropout: nothing, once a network is trained.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    writer.alias(node.id, node.operands[0]);
    Ok(())
}
