//! A range along an axis.

use super::OpNode;
use crate::writer::{GraphWriter, axis_in};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let layout = writer.layout_of(&node.operands, node.id);
    let x = writer.value_in(node.operands[0], layout);
    let [start, end] = node.sizes("range") else { unreachable!("two ends") };
    let axis = axis_in(node.sizes("axis")[0], layout);
    let ends = [("start", *start as i64), ("end", *end as i64), ("axis", axis)];
    let [start, end, axis] =
        ends.map(|(name, value)| writer.wholes(&format!("{}/{name}", node.label), vec![value]));
    let y = writer.node("Slice", &node.label, &[x, start, end, axis], &[]);
    writer.set(node.id, layout, y);
    Ok(())
}
