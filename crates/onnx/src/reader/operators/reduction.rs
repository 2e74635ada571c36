//! The mean or largest pixel of each channel, written as a reduction.

use super::super::layers::{GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::view::sample_axis;
use super::pool::global;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.features(node, 0)?;
    let axes = sample_axes(reader, node, x.view.rank())?;
    let shape = reader.shape(x.source);
    let kept: Vec<usize> = (0..x.view.rank()).filter(|axis| !axes.contains(axis)).collect();
    let is_of_channels =
        shape.len() == 3 && kept.len() == 1 && x.view.block(&kept) == Some(shape[2]);
    if !is_of_channels {
        let dims = x.view.dims();
        return Err(format!(
            "axes {axes:?} of samples of {dims:?}, expected all pixels of an image"
        )
        .into());
    }
    let is_mean = node.operator() == "ReduceMean";
    let OnnxValue::Features(mut y) = global(reader, node, &x, is_mean, 1)? else {
        return Err("it depends on no sample".into());
    };
    if node.whole("keepdims", 1) != 0 {
        let mut dims = vec![1; x.view.rank()];
        dims[kept[0]] = shape[2];
        y.view = y.view.reshaped(&dims).ok_or("axes of other sizes")?;
    }
    Ok(OnnxValue::Features(y))
}

/// The axes of a sample that an operator reduces, ascending: a setting in older versions, an operand in newer ones.
pub(super) fn sample_axes(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    rank: usize,
) -> Result<Vec<usize>, OperatorRefusal> {
    let operand = reader.optional(node, 1)?;
    let axes = match &operand {
        Some(tensor) => tensor.wholes(),
        None => node.wholes("axes"),
    };
    let axes = axes.ok_or("all axes, that of the batch among them")?;
    let found = axes.iter().map(|&axis| sample_axis(axis, rank)).collect::<Option<Vec<_>>>();
    let mut found = found.ok_or_else(|| format!("axes {axes:?}, expected those of a sample"))?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
