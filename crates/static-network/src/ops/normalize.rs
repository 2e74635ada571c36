//! What batch normalisation does with each channel, `(x − mean) · factor + offset`.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [x, terms] = node.operands[..] else { unreachable!("two operands") };
    let value = writer.known(terms)?.clone();
    let label = writer.trained().label(node.id);
    let rows =
        ["mean", "factor", "offset"].into_iter().zip(value.values().chunks(value.shape()[1]));
    let paths: Vec<String> = rows
        .map(|(name, row)| writer.weights.store(&format!("{label}.{name}"), row, &[]))
        .collect();
    let y = writer.in_place(node.id, x);
    writer.call("normalize", &[&[y], &paths[..]].concat());
    Ok(())
}
