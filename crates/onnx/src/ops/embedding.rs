//! Rows of a table by their numbers.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, Setting};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let [indices, table] = node.operands[..] else { unreachable!("two operands") };
    let (indices, table) = (writer.value(indices), writer.value(table));
    let mut formula = OperatorChain { writer, label: &node.label };
    let whole = formula.whole(&indices);
    let y = formula.with("Gather", &[&table, &whole], &[("axis", Setting::Whole(0))]);
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}

impl OperatorChain<'_, '_> {
    /// The nearest whole numbers, as numbers of rows.
    pub(super) fn whole(&mut self, x: &str) -> String {
        let rounded = self.of("Round", &[x]);
        self.cast(&rounded, data_type::INT64)
    }
}
