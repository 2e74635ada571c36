//! The product with a weight.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let label = writer.label(weight);
    // A value of its own: what follows may become part of it.
    let weight = match writer.constant_values(weight).cloned() {
        Some(value) => writer.constant(&label, value.shape(), value.values().to_vec()),
        None => writer.value(weight),
    };
    let rank = writer.graph.shape(x).rank();
    let x = writer.value(x);
    let y = writer.node("MatMul", &node.label, &[x, weight], &[]);
    if rank == 2 {
        writer.set_affine(&y, 1);
    }
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
