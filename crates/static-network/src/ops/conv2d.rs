//! Convolution.

use super::SourceNode;
use crate::source::SourceWriter;

/// Channels that fill vectors: filters have a multiple of it.
const LANES: usize = 4;

/// Pixels along each axis of a patch of Winograd's algorithm, and channels that it takes at a time.
const PATCH: usize = 8;
const PATCH_LANES: usize = 16;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, weight] = node.operands[..] else { unreachable!("two operands") };
    let [filter, _, inputs, outputs] = *writer.known(weight)?.shape() else {
        unreachable!("a weight [kh, kw, ci, co]")
    };
    let (stored, function) = match node.attributes.form("algorithm") {
        // As Gradus does it where there are many channels.
        Some("winograd") => {
            let result = PATCH + 1 - filter;
            let patches = writer.shape(node.id).dims()[1].div_ceil(result);
            writer.use_stack(patches * PATCH * PATCH * PATCH_LANES);
            let sizes = [inputs, outputs, filter, result, patches].map(|size| size.to_string());
            (outputs, format!("winograd::<_, {}>", sizes.join(", ")))
        }
        _ => {
            let stored = outputs.next_multiple_of(LANES);
            (stored, format!("conv2d::<_, {inputs}, {stored}, {outputs}>"))
        }
    };
    let axes = axes(writer, node);
    let weight = writer.weight(weight, &[inputs, stored], [stored, outputs]);
    let (x, y) = (writer.operand(x), writer.result(node.id));
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
