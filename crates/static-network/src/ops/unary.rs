//! Functions of each element.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let in_core = match node.op {
        "abs" => Some("f32::abs"),
        "neg" => Some("|x: f32| -x"),
        "step" => Some("|x| if x > 0.0 { 1.0 } else { 0.0 }"),
        _ => None,
    };
    match in_core {
        Some(function) => {
            let y = writer.in_place(node.id, node.operands[0]);
            writer.call("map", &[y, function.to_owned()]);
        }
        None => map(writer, node, node.op),
    }
    Ok(())
}

/// Applies a function of the crate.
pub(super) fn map(writer: &mut SourceWriter<'_>, node: &SourceNode, function: &str) {
    let y = writer.in_place(node.id, node.operands[0]);
    let function = writer.function(function);
    writer.call("map", &[y, function]);
}
