//! Convolution.

use super::SourceNode;
use crate::source::SourceWriter;

/// Channels that fill vectors: filters have a multiple of it.
const LANES: usize = 4;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let value = writer.known(weight)?.clone();
    let [_, _, inputs, outputs] = *value.shape() else { unreachable!("a weight [kh, kw, ci, co]") };
    let axes = axes(writer, node);
    if node.attributes.form("algorithm") == Some("winograd") {
        return winograd(writer, node, axes);
    }
    let stored = outputs.next_multiple_of(LANES);
    let weight = writer.weight(weight, value.values(), &[inputs, stored], [stored, outputs]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
    let function = format!("conv2d::<_, {inputs}, {stored}, {outputs}>");
    writer.call(&function, &[x, weight.path.clone(), axes, y.clone()]);
    writer.scale(y, weight);
    Ok(())
}

/// Pixels along each axis of a patch of Winograd's algorithm, and channels that it takes at a time.
const PATCH: usize = 8;
const PATCH_LANES: usize = 16;

/// The same by Winograd's algorithm, as Gradus does it where there are many channels.
fn winograd(writer: &mut SourceWriter<'_>, node: &SourceNode, axes: String) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let value = writer.known(weight)?.clone();
    let [filter, _, inputs, outputs] = *value.shape() else { unreachable!("a square filter") };
    let result = PATCH + 1 - filter;
    let patches = writer.shape(node.id).dims()[1].div_ceil(result);
    writer.use_stack(patches * PATCH * PATCH * PATCH_LANES);
    let weight = writer.weight(weight, value.values(), &[inputs, outputs], [outputs; 2]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
    let function = format!("winograd::<_, {inputs}, {outputs}, {filter}, {result}, {patches}>");
    writer.call(&function, &[x, weight.path.clone(), axes, y.clone()]);
    writer.scale(y, weight);
    Ok(())
}

/// The rows and columns of an image and their windows.
pub(super) fn axes(writer: &mut SourceWriter<'_>, node: &SourceNode) -> String {
    let [from, to] = [node.operands[0], node.id].map(|id| writer.shape(id).dims().to_vec());
    let [kernel, stride, padding] =
        ["kernel", "stride", "padding"].map(|name| node.sizes(name).to_vec());
    let axis = writer.function("Axis");
    let axes = [0, 1].map(|i| {
        let (input, output, kernel, stride, pad) =
            (from[i], to[i], kernel[i], stride[i], padding[2 * i]);
        format!(
            "{axis} {{ input: {input}, output: {output}, kernel: {kernel}, stride: {stride}, pad: {pad} }}"
        )
    });
    if axes[0] == axes[1] { format!("[{}; 2]", axes[0]) } else { format!("[{}]", axes.join(", ")) }
}
