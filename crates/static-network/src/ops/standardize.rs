//! Mean 0 and variance 1 within groups: layer and group normalisation.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let (view, epsilon) = (format!("{:?}", node.sizes("view")), node.number("epsilon"));
    let y = writer.in_place(node.id, node.operands[0]);
    writer.call("standardize", &[y, view, format!("{epsilon:?}")]);
    Ok(())
}
