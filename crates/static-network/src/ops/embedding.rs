//! Rows of a table by their numbers.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [indices, table] = node.operands[..] else { unreachable!("two operands") };
    let features = writer.known(table)?.shape()[1];
    let table = writer.weight(table, &[features], [features; 2]);
    let (x, y) = (writer.operand(indices), writer.result(node.id));
    writer.call("embedding", &[x, table.path.clone(), y.clone()]);
    writer.scale(y, table);
    Ok(())
}
