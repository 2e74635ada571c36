//! Sums, means and extremes along axes.

use super::OpNode;
use crate::ImageLayout::{ChannelsFirst, ChannelsLast};
use crate::writer::{GraphWriter, Setting, axis_in, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let (x, axes) = (node.operands[0], node.sizes("axes"));
    // Over all pixels, what is left of both layouts is the channels.
    let is_over_pixels = writer.is_channels_first(x) && axes == [1, 2];
    let layout = if is_over_pixels { ChannelsFirst } else { ChannelsLast };
    if axes.contains(&0) && writer.graph.shape(x).is_batched() {
        return Err("it depends on all samples of a batch".to_owned());
    }
    let x = writer.value_in(x, layout);
    let axes = match layout {
        ChannelsFirst => axes.iter().map(|&axis| axis_in(axis, layout)).collect(),
        ChannelsLast => wholes(axes),
    };
    let drop = ("keepdims", Setting::Whole(0));
    let y = match node.op {
        // An operand since opset 13, where the others still have a setting.
        "sum" => {
            let axes = writer.wholes(&format!("{}/axes", node.label), axes);
            writer.node("ReduceSum", &node.label, &[x, axes], &[drop])
        }
        other => {
            let operator = match other {
                "max" => "ReduceMax",
                "mean" => "ReduceMean",
                "min" => "ReduceMin",
                other => unreachable!("{other} is not in the list"),
            };
            writer.node(operator, &node.label, &[x], &[("axes", Setting::Wholes(&axes)), drop])
        }
    };
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
