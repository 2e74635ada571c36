//! Outputs side by side along an axis, or sizes in a row.

use nn::layers::Concat;

use super::super::layers::{
    AxisSize, GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, checked_shape,
};
use super::super::view::{ValueView, sample_axis};

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let mut values = Vec::new();
    for at in 0..node.proto.input.len() {
        values.extend(reader.value(node, at)?);
    }
    if let Some(sizes) = values.iter().map(sizes_of).collect::<Option<Vec<_>>>() {
        return OnnxValue::of_sizes(sizes.concat());
    }
    let mut parts = Vec::new();
    for value in values {
        match value {
            OnnxValue::Features(x) if !x.is_whole => parts.push(x),
            _ => return Err("it joins outputs with other numbers".into()),
        }
    }
    let first = parts.first().ok_or("it has no operands")?;
    let rank = first.view.rank();
    let axis = sample_axis(node.whole("axis", -1), rank);
    let axis = axis.ok_or("an axis of the batch, or one that is not there")?;
    // Where several axes are one in the file, so they are in the layer.
    if rank == 1 {
        parts = parts.into_iter().map(|part| reader.flattened(part)).collect();
    }
    let shapes: Vec<_> = parts.iter().map(|part| reader.shape(part.source)).collect();
    let layouts: [fn(&[usize]) -> ValueView; 2] = [ValueView::channels_first, ValueView::row_major];
    let is_of = |layout: &fn(&[usize]) -> ValueView| {
        parts.iter().zip(&shapes).all(|(part, shape)| part.view == layout(shape))
    };
    let Some(layout) = layouts.iter().position(|layout| is_of(layout)) else {
        return Err("images of which one axis was made, in another order: \
            join them before they are flattened"
            .into());
    };
    // The channels are the last axis here.
    let axis = if layout == 0 && rank == 3 { [2, 0, 1][axis] } else { axis };
    let mut shape = shapes[0].clone();
    let is_same = |other: &Vec<usize>| {
        other.len() == rank && (0..rank).all(|i| i == axis || other[i] == shape[i])
    };
    if !shapes.iter().all(is_same) {
        let dims: Vec<_> = parts.iter().map(|part| part.view.dims()).collect();
        return Err(format!("samples of {dims:?}").into());
    }
    shape[axis] = shapes.iter().map(|shape| shape[axis]).sum();
    let shape = checked_shape(shape)?;
    let kind = Concat { axis: (axis + 1 < rank).then_some(axis + 1) };
    let inputs: Vec<_> = parts.iter().map(|part| part.source).collect();
    if let [_] = inputs[..] {
        return Ok(reader.same(node, parts.remove(0)));
    }
    let view = layouts[layout](&shape);
    reader.push(node, LayerDraft::new(kind, inputs, shape), view)
}

/// Sizes of axes that a value is.
pub(super) fn sizes_of(value: &OnnxValue) -> Option<Vec<AxisSize>> {
    match value {
        OnnxValue::Sizes(sizes) => Some(sizes.clone()),
        OnnxValue::Constant(tensor) => {
            Some(tensor.wholes()?.iter().map(|&size| AxisSize::Whole(size)).collect())
        }
        _ => None,
    }
}
