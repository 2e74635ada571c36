//! Scores as probabilities, and their logarithms.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::writer::{GraphWriter, Setting};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let operator = if node.op == "softmax" { "Softmax" } else { "LogSoftmax" };
    let x = writer.value(node.operands[0]);
    let y = writer.node(operator, &node.label, &[x], &[("axis", Setting::Whole(-1))]);
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
