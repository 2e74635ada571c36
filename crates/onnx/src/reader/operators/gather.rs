//! Rows of a table by their numbers, or a size out of a row.

use nn::layers::Embedding;

use super::super::layers::{
    GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, checked_shape,
};
use super::concat::sizes_of;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    if node.whole("axis", 0) != 0 {
        return Err("rows along another axis than the first".into());
    }
    let from = reader.value(node, 0)?.ok_or("it has no operands")?;
    if let (Some(sizes), Some(OnnxValue::Constant(chosen))) =
        (sizes_of(&from), reader.value(node, 1)?)
    {
        let chosen = chosen.wholes().unwrap_or_default().iter().map(|&at| {
            let at = if at < 0 { at + sizes.len() as i64 } else { at };
            sizes.get(usize::try_from(at).ok()?).copied()
        });
        let chosen = chosen.collect::<Option<_>>().ok_or("a size that is not there")?;
        return OnnxValue::of_sizes(chosen);
    }
    let table = reader.constant(node, 0)?;
    let Some(OnnxValue::Features(x)) = reader.value(node, 1)? else {
        return Err("numbers of rows that depend on no sample".into());
    };
    let (Some(values), &[count, features]) = (table.floats(), &table.dims[..]) else {
        return Err(format!("a table of the shape {:?}, expected two axes", table.dims).into());
    };
    if !x.is_whole {
        return Err("numbers of rows that are not whole".into());
    }
    let mut shape = reader.shape(x.source);
    shape.push(features);
    let shape = checked_shape(shape)?;
    let view = x.view.with_features(features);
    let mut draft = LayerDraft::new(Embedding::new(count, features), vec![x.source], shape);
    draft.parameters = vec![("table", values.to_vec())];
    draft.weight_name = reader.tensor_name(node, 0);
    reader.push(node, draft, view)
}
