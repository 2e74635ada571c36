//! The product of two values of each sample.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let factors = [writer.value(node.operands[0]), writer.value(node.operands[1])];
    let y = writer.node("MatMul", &node.label, &factors, &[]);
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
