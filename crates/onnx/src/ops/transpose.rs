//! The axes in another order.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let x = writer.value(node.operands[0]);
    let y = writer.transpose(&node.label, x, node.sizes("axes"));
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
