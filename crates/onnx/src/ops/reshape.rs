//! The same elements with another shape.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::writer::{GraphWriter, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let x = writer.value(node.operands[0]);
    let mut dims = wholes(writer.graph.shape(node.id).dims());
    if writer.graph.shape(node.id).is_batched() {
        dims.insert(0, -1);
    }
    let y = writer.reshape(&node.label, x, dims);
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
