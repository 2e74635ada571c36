//! Class numbers as vectors of 0 and 1.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::GraphWriter;

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let labels = writer.value(node.operands[0]);
    let classes = node.sizes("classes")[0] as i64;
    // A label that is none of the classes is none of these numbers: a row of 0.
    let numbers = writer.wholes(&format!("{}/classes", node.label), (0..classes).collect());
    let last = writer.wholes(&format!("{}/axis", node.label), vec![-1]);
    let mut formula = OperatorChain { writer, label: &node.label };
    let whole = formula.whole(&labels);
    let column = formula.of("Unsqueeze", &[&whole, &last]);
    let is_it = formula.of("Equal", &[&column, &numbers]);
    let y = formula.cast(&is_it, data_type::FLOAT);
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
