//! Functions of the elements of two values, with broadcasting.

use graph::NodeId;

use super::SourceNode;
use crate::source::SourceWriter;
use crate::strides::Strides;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [a, b] = node.operands[..] else { unreachable!("two operands") };
    let dims = writer.shape(node.id).dims().to_vec();
    let is_whole = |id| writer.constant(id).is_none() && writer.shape(id).dims() == dims;
    // An operand that has the shape of the result is overwritten.
    let (y, x, is_first) = match (is_whole(a), is_whole(b)) {
        (true, _) => (writer.in_place(node.id, a), b, true),
        (false, true) => (writer.in_place(node.id, b), a, false),
        (false, false) => {
            let strides = Strides::broadcast(&dims, writer.shape(a).dims()).source();
            let (a, y) = (writer.operand(a), writer.result(node.id));
            writer.call("gather", &[a, strides, y.clone()]);
            (y, b, true)
        }
    };
    let [left, right] = if is_first { ["y", "x"] } else { ["x", "y"] };
    let function = match node.op {
        "add" => format!("|y, x| {left} + {right}"),
        "div" => format!("|y, x| {left} / {right}"),
        "maximum" => format!("|y, x| {}({left}, {right})", writer.function("larger")),
        "minimum" => format!("|y, x| {}({left}, {right})", writer.function("smaller")),
        "mul" => format!("|y, x| {left} * {right}"),
        "sub" => format!("|y, x| {left} - {right}"),
        other => unreachable!("{other} is not in the list"),
    };
    combine(writer, y, (x, &dims), function);
    Ok(())
}

/// Combines a value of `dims` with another one that is broadcast to it.
fn combine(
    writer: &mut SourceWriter<'_>,
    y: String,
    (x, dims): (NodeId, &[usize]),
    function: String,
) {
    let small = writer.shape(x).dims().to_vec();
    let first = small.iter().position(|&size| size != 1).unwrap_or(small.len());
    let is_repeated = dims.ends_with(&small[first..]);
    let strides = Strides::broadcast(dims, &small);
    if let Some(value) = writer.constant(x).cloned() {
        let values = match is_repeated {
            true => value.into_values(),
            false => strides.places().map(|place| value.values()[place]).collect(),
        };
        let label = writer.trained().label(x);
        let path = writer.weights.store(&label, &values, &[]);
        return writer.call("combine_weight", &[y, path, function]);
    }
    let mut x = writer.operand(x);
    if !is_repeated {
        let [to, from] = writer.scratch(dims.iter().product());
        writer.call("gather", &[x, strides.source(), to]);
        x = from;
    }
    writer.call("combine", &[y, x, function]);
}
