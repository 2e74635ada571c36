//! Convolution of each channel by itself.

use super::OpNode;
use super::conv2d::{WeightLayout, write_grouped};
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    write_grouped(writer, node, |[height, width, channels, multiplier]| WeightLayout {
        dims: [channels * multiplier, 1, height, width],
        groups: channels,
        at: Box::new(move |[output, _, row, column]| {
            (row * width + column) * channels * multiplier + output
        }),
    })
}
