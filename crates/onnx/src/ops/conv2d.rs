//! Convolution.

use super::OpNode;
use crate::ImageLayout::ChannelsFirst;
use crate::writer::{GraphWriter, Setting, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    write_grouped(writer, node, |[height, width, inputs, outputs]| WeightLayout {
        dims: [outputs, inputs, height, width],
        groups: 1,
        at: Box::new(move |[output, input, row, column]| {
            ((row * width + column) * inputs + input) * outputs + output
        }),
    })
}

/// How the weight of a convolution is written.
pub(super) struct WeightLayout {
    /// Outputs, inputs of a group, rows, columns.
    pub(super) dims: [usize; 4],
    pub(super) groups: usize,
    /// Where an element is in the weight of Gradus.
    pub(super) at: Box<dyn Fn([usize; 4]) -> usize>,
}

/// Writes a convolution whose weight has these sizes in Gradus.
pub(super) fn write_grouped(
    writer: &mut GraphWriter<'_>,
    node: &OpNode,
    layout: impl FnOnce([usize; 4]) -> WeightLayout,
) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let label = writer.label(weight);
    let Some(value) = writer.constant_values(weight) else {
        return Err("its weight depends on the samples".to_owned());
    };
    let WeightLayout { dims, groups, at } =
        layout(value.shape().try_into().expect("a weight of four axes"));
    let [outputs, inputs, height, width] = dims;
    let mut values = Vec::with_capacity(value.values().len());
    for output in 0..outputs {
        for input in 0..inputs {
            for row in 0..height {
                let places = (0..width).map(|column| at([output, input, row, column]));
                values.extend(places.map(|place| value.values()[place]));
            }
        }
    }
    let weight = writer.constant(&label, &dims, values);
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
