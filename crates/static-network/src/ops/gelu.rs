//! The Gaussian error linear unit, in its two forms.

use super::{SourceNode, unary};
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let function = match node.attributes.form("form") {
        Some("tanh") => "gelu_tanh",
        _ => "gelu",
    };
    unary::map(writer, node, function);
    Ok(())
}
