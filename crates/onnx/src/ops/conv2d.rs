//! Convolution.

use graph::Tensor;

use super::OpNode;
use crate::ImageLayout::ChannelsFirst;
use crate::writer::{GraphWriter, Setting, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    write_grouped(writer, node, |weight| (weight.transposed(&[3, 2, 0, 1]), 1))
}

/// Writes a convolution: `convert` makes of its weight in Gradus `[outputs, inputs of a group, height, width]` and the
/// number of groups.
pub(super) fn write_grouped(
    writer: &mut GraphWriter<'_>,
    node: &OpNode,
    convert: impl FnOnce(&Tensor<f32>) -> (Tensor<f32>, usize),
) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let label = writer.label(weight);
    let Some(value) = writer.constant_values(weight) else {
        return Err("its weight depends on the samples".to_owned());
    };
    let (weight, groups) = convert(value);
    let weight = writer.constant(&label, weight.shape(), weight.values().to_vec());
    let x = writer.image(x);
    let settings = [
        ("kernel_shape", wholes(node.sizes("kernel"))),
        ("strides", wholes(node.sizes("stride"))),
        ("pads", pads(node)),
    ];
    let mut settings: Vec<_> =
        settings.iter().map(|(name, sizes)| (*name, Setting::Wholes(sizes))).collect();
    settings.push(("group", Setting::Whole(groups as i64)));
    let y = writer.node("Conv", &node.label, &[x, weight], &settings);
    writer.set_affine(&y, 0);
    writer.set(node.id, ChannelsFirst, y);
    Ok(())
}

/// The padding above, to the left, below and to the right.
pub(super) fn pads(node: &OpNode) -> Vec<i64> {
    let [top, bottom, left, right] = node.sizes("padding") else { unreachable!("four sides") };
    wholes(&[*top, *left, *bottom, *right])
}
