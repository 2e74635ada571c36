//! Values side by side.

use super::OpNode;
use crate::ImageLayout::{ChannelsFirst, ChannelsLast};
use crate::writer::{GraphWriter, Setting, axis_in};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let is_batched = |id| writer.graph.shape(id).is_batched();
    if is_batched(node.id) && !node.operands.iter().all(|&id| is_batched(id)) {
        return Err("a part of it is the same for all samples".to_owned());
    }
    let are_first = node.operands.iter().all(|&id| writer.is_channels_first(id));
    let layout = if are_first { ChannelsFirst } else { ChannelsLast };
    let parts: Vec<String> = node.operands.iter().map(|&id| writer.value_in(id, layout)).collect();
    let axis = axis_in(node.sizes("axis")[0], layout);
    let y = writer.node("Concat", &node.label, &parts, &[("axis", Setting::Whole(axis))]);
    writer.set(node.id, layout, y);
    Ok(())
}
