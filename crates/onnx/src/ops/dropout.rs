//! Dropout: nothing, once a network is trained.

use super::OpNode;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let layout = writer.layout_of(&node.operands, node.id);
    let x = writer.value_in(node.operands[0], layout);
    writer.set(node.id, layout, x);
    Ok(())
}
