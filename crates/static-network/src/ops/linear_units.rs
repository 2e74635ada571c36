//! Units with a setting: a slope or a scale below 0.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let y = writer.in_place(node.id, node.operands[0]);
    let function = if node.op == "leaky_relu" {
        let slope = node.number("slope");
        format!("|x| {}(x, {slope:?})", writer.function("leaky_relu"))
    } else {
        let [alpha, scale] = ["alpha", "scale"]
            .map(|name| node.attributes.number(name).expect("a setting of the op"));
        let [right, left] = [scale as f32, (scale * alpha) as f32];
        format!("|x| {}(x, [{right:?}, {left:?}])", writer.function("elu"))
    };
    writer.call("map", &[y, function]);
    Ok(())
}
