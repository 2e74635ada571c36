//! The same elements in the same order with other axes.

use super::super::layers::{
    AxisSize, FeatureValue, GraphReader, OnnxValue, OperatorNode, OperatorRefusal,
};
use super::super::tensor::{ConstantTensor, elements};
use super::super::view::MAX_RANK;
use super::concat::sizes_of;
use super::reduction::sample_axes;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let value = reader.value(node, 0)?.ok_or("it has no operand")?;
    match value {
        OnnxValue::Features(x) => {
            let dims = match node.operator() {
                "Identity" => x.view.dims(),
                "Flatten" => flat(node, &x)?,
                "Reshape" => reshaped(reader, node, &x)?,
                "Squeeze" => squeezed(reader, node, &x)?,
                _ => unsqueezed(reader, node, &x)?,
            };
            let Some(view) = x.view.reshaped(&dims) else {
                let found = x.view.dims();
                return Err(format!("samples of {found:?} as {dims:?}").into());
            };
            Ok(reader.same(node, FeatureValue { view, ..x }))
        }
        OnnxValue::Constant(tensor) => {
            let dims = constant_dims(reader, node, &tensor)?;
            let numbers = tensor.numbers.clone();
            reader.copied(ConstantTensor { dims, numbers })
        }
        sizes => Ok(sizes),
    }
}

/// One axis of all.
fn flat(node: &OperatorNode<'_>, x: &FeatureValue) -> Result<Vec<usize>, OperatorRefusal> {
    let axis = node.whole("axis", 1);
    let from_start = if axis < 0 { axis + x.view.rank() as i64 + 1 } else { axis };
    match from_start {
        1 => Ok(vec![x.view.len()]),
        _ => {
            Err(format!("the axis {axis}, which puts axes of a sample beside that of the batch")
                .into())
        }
    }
}

/// The sizes of a sample after `Reshape`.
fn reshaped(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
) -> Result<Vec<usize>, OperatorRefusal> {
    // A setting up to opset 4 is not read.
    let sizes = reader.value(node, 1)?.as_ref().and_then(sizes_of);
    let sizes = sizes.ok_or("a shape that is not known before samples are")?;
    let keeps_zero = node.whole("allowzero", 0) != 0;
    let found = x.view.dims();
    let refuse = || OperatorRefusal::from(format!("samples of {found:?} as {sizes:?}"));
    let Some((batch, rest)) = sizes.split_first() else { return Err(refuse()) };
    if *batch == AxisSize::Whole(0) && keeps_zero {
        return Err(refuse());
    }
    let mut open = None;
    let mut dims = Vec::new();
    for (axis, size) in rest.iter().enumerate() {
        dims.push(match *size {
            AxisSize::Batch => return Err(refuse()),
            AxisSize::Whole(0) if !keeps_zero => *found.get(axis).ok_or_else(refuse)?,
            AxisSize::Whole(-1) if open.is_none() && *batch != AxisSize::Whole(-1) => {
                open = Some(axis);
                1
            }
            AxisSize::Whole(size) => usize::try_from(size).map_err(|_| refuse())?,
        });
    }
    let known = elements(&dims).filter(|&known| known > 0).ok_or_else(refuse)?;
    if let Some(axis) = open {
        dims[axis] = x.view.len() / known;
    }
    // Whatever the batch is called, a sample keeps its elements.
    if known * open.map_or(1, |axis| dims[axis]) == x.view.len() { Ok(dims) } else { Err(refuse()) }
}

fn squeezed(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
) -> Result<Vec<usize>, OperatorRefusal> {
    let dims = x.view.dims();
    let has_axes = node.operand(1).is_some() || node.wholes("axes").is_some();
    let is_left_out: Vec<usize> = match has_axes {
        true => sample_axes(reader, node, x.view.rank())?,
        false => (0..dims.len()).filter(|&axis| dims[axis] == 1).collect(),
    };
    let kept = (0..dims.len()).filter(|axis| !is_left_out.contains(axis));
    Ok(kept.map(|axis| dims[axis]).collect())
}

fn unsqueezed(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
) -> Result<Vec<usize>, OperatorRefusal> {
    let mut dims = x.view.dims();
    let operand = reader.optional(node, 1)?;
    let n_added = match &operand {
        Some(tensor) => tensor.wholes().map_or(0, <[_]>::len),
        None => node.wholes("axes").map_or(0, <[_]>::len),
    };
    // The axes are those of the result.
    for axis in sample_axes(reader, node, dims.len() + n_added)? {
        if axis > dims.len() {
            return Err("axes beyond the last".into());
        }
        dims.insert(axis, 1);
    }
    Ok(dims)
}

/// The shape of a tensor of the file after an operator.
fn constant_dims(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    tensor: &ConstantTensor,
) -> Result<Vec<usize>, OperatorRefusal> {
    let mut dims = tensor.dims.clone();
    let len: usize = dims.iter().product();
    let operand = reader.optional(node, 1)?;
    let wholes =
        operand.as_ref().and_then(|tensor| tensor.wholes()).or_else(|| node.wholes("axes"));
    let refuse = || OperatorRefusal::from(format!("a tensor of the shape {:?}", tensor.dims));
    if wholes.is_some_and(|wholes| wholes.len() > MAX_RANK) {
        return Err(refuse());
    }
    match (node.operator(), wholes) {
        ("Identity", _) => {}
        ("Reshape", Some(sizes)) => {
            let known = sizes.iter().filter(|&&size| size != -1);
            let known = known.map(|&size| usize::try_from(size).ok().filter(|&size| size > 0));
            let known = known.collect::<Option<Vec<_>>>().ok_or_else(refuse)?;
            let rest =
                elements(&known).and_then(|product| len.checked_div(product)).ok_or_else(refuse)?;
            dims = sizes.iter().map(|&size| usize::try_from(size).unwrap_or(rest)).collect();
        }
        ("Unsqueeze", Some(axes)) => {
            let rank = (dims.len() + axes.len()) as i64;
            let mut axes: Vec<i64> = axes
                .iter()
                .map(|&axis| if axis < 0 { axis.saturating_add(rank) } else { axis })
                .collect();
            axes.sort_unstable();
            for axis in axes {
                let axis = usize::try_from(axis).ok().filter(|&axis| axis <= dims.len());
                dims.insert(axis.ok_or_else(refuse)?, 1);
            }
        }
        ("Squeeze", None) => dims.retain(|&size| size != 1),
        _ => return Err(refuse()),
    }
    match elements(&dims) == Some(len) {
        true => Ok(dims),
        false => Err(refuse()),
    }
}
