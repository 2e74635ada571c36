//! Convolution of each channel with filters of its own.

use super::SourceNode;
use super::conv2d::axes;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let [_, _, channels, filters] = *writer.known(weight)?.shape() else {
        unreachable!("a weight [kh, kw, c, m]")
    };
    let outputs = channels * filters;
    let axes = axes(writer, node);
    let weight = writer.weight(weight, &[channels, filters], [outputs; 2]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
    writer.call("depthwise_conv2d", &[x, weight.path.clone(), axes, y.clone()]);
    writer.scale(y, weight);
    Ok(())
}
