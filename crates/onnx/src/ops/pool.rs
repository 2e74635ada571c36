//! The largest or mean pixel of each window.

use super::OpNode;
use super::conv2d::pads;
use crate::ImageLayout::ChannelsFirst;
use crate::writer::{GraphWriter, Setting, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let x = writer.image(node.operands[0]);
    let (kernel, stride, pads) =
        (wholes(node.sizes("kernel")), wholes(node.sizes("stride")), pads(node));
    let mut settings = vec![
        ("kernel_shape", Setting::Wholes(&kernel)),
        ("strides", Setting::Wholes(&stride)),
        ("pads", Setting::Wholes(&pads)),
    ];
    let operator = match node.op {
        "max_pool2d" => "MaxPool",
        _ => {
            settings.push(("count_include_pad", Setting::Whole(0)));
            "AveragePool"
        }
    };
    let y = writer.node(operator, &node.label, &[x], &settings);
    writer.set(node.id, ChannelsFirst, y);
    Ok(())
}
