//! Convolution of each channel by itself.

use graph::Tensor;

use super::OpNode;
use super::conv2d::write_grouped;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    write_grouped(writer, node, |weight| {
        let weight = weight.transposed(&[2, 3, 0, 1]);
        let &[channels, multiplier, height, width] = weight.shape() else {
            unreachable!("a weight of four axes")
        };
        let dims = [channels * multiplier, 1, height, width];
        (Tensor::new(dims, weight.into_values()), channels)
    })
}
