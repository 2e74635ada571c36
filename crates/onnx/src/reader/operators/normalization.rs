//! Mean 0 and variance 1 within groups of a sample: layer, group and instance normalisation.

use nn::LayerKind;
use nn::layers::{GroupNorm, LayerNorm};
use nn::registry::MAX_WIDTH;

use super::super::layers::{
    FeatureValue, GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, ordered,
    varying_axes,
};
use super::super::standardizations::Standardization;
use super::super::tensor::ConstantTensor;
use super::super::view::{ValueView, ViewStep, sample_axis};
use super::super::written_number;
use super::reduction::sample_axes;

/// What a tensor is behind a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TermRole {
    Scale,
    Offset,
}

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.features(node, 0)?;
    let (rank, epsilon) = (x.view.rank(), node.number("epsilon", 1e-5).into());
    let is_of_layer = node.operator() == "LayerNormalization";
    let (grouped, first) = match node.operator() {
        "GroupNormalization" => (in_groups(&x.view, node.whole("num_groups", 0))?, 1),
        "LayerNormalization" => (x.view.clone(), first_axis(node.whole("axis", -1), rank)?),
        _ => (x.view.clone(), 1),
    };
    let kept: Vec<usize> = (0..first.min(grouped.rank())).collect();
    let mut draft = standardized(reader, &x, &grouped.steps(&kept), epsilon)?;
    for (at, role, neutral) in [(1, TermRole::Scale, 1.0), (2, TermRole::Offset, 0.0)] {
        let Some(tensor) = reader.optional(node, at)? else { continue };
        let mut tensor = ConstantTensor::clone(&tensor);
        if !is_of_layer {
            // A number for each channel, which is the first axis of a sample.
            tensor.dims.resize(tensor.dims.len() + rank.saturating_sub(1), 1);
        }
        let is_neutral = || tensor.floats().is_some_and(|all| all.iter().all(|&it| it == neutral));
        if !add_term(&mut draft, &x.view, &tensor, role)? && !is_neutral() {
            return Err(format!("operand {} has the shape {:?}", at + 1, tensor.dims).into());
        }
    }
    draft.weight_name = reader.tensor_name(node, 1);
    reader.push(node, draft, x.view)
}

/// Reads operators that compute means and a root.
pub(in super::super) fn standardization(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    found: &Standardization<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.named_features(found.x)?;
    let mean = OperatorNode { proto: found.mean, opset: node.opset };
    let reduced = sample_axes(reader, &mean, x.view.rank())?;
    if mean.whole("keepdims", 1) != 1 {
        return Err("means without their axes".into());
    }
    let kept: Vec<usize> = (0..x.view.rank()).filter(|axis| !reduced.contains(axis)).collect();
    let draft = standardized(reader, &x, &x.view.steps(&kept), found.epsilon)?;
    reader.push(node, draft, x.view)
}

/// The first of the axes of a sample that a mean is over.
fn first_axis(axis: i64, rank: usize) -> Result<usize, OperatorRefusal> {
    sample_axis(axis, rank).ok_or_else(|| format!("axis {axis}, expected one of a sample").into())
}

/// A value with its channels in groups: `[groups, the rest]`.
fn in_groups(view: &ValueView, groups: i64) -> Result<ValueView, OperatorRefusal> {
    let count = usize::try_from(groups).ok().filter(|&count| count > 0);
    let grouped = count.and_then(|count| view.reshaped(&[count, view.len() / count]));
    grouped.ok_or_else(|| format!("{groups} groups of samples of {:?}", view.dims()).into())
}

/// The layer that makes mean 0 and variance 1 of all elements with the same index of `kept`.
fn standardized(
    reader: &GraphReader<'_>,
    x: &FeatureValue,
    kept: &[ViewStep],
    epsilon: f64,
) -> Result<LayerDraft, OperatorRefusal> {
    let epsilon = written_number(epsilon);
    let shape = reader.shape(x.source);
    let channels = shape.last().copied().unwrap_or(1);
    let without_terms = LayerNorm { axes: shape.len(), scale: false, offset: false, epsilon };
    let kind = match *kept {
        [] => without_terms.into(),
        [ViewStep { size, stride }] => {
            let leading = (0..shape.len()).find(|&n| {
                shape[..n].iter().product::<usize>() == size
                    && shape[n..].iter().product::<usize>() == stride
            });
            match leading {
                Some(n) => LayerNorm { axes: shape.len() - n, ..without_terms }.into(),
                None if size * stride == channels => LayerKind::from(GroupNorm {
                    groups: size,
                    scale: false,
                    offset: false,
                    epsilon,
                }),
                None => return Err("groups that are not neighbouring channels".into()),
            }
        }
        _ => return Err("groups that are not neighbouring channels".into()),
    };
    Ok(LayerDraft::new(kind, vec![x.source], shape))
}

/// Makes a tensor the scale or offset of a normalisation that has none; false if it is not one, or the tensor does not fit.
pub(super) fn add_term(
    draft: &mut LayerDraft,
    view: &ValueView,
    tensor: &ConstantTensor,
    role: TermRole,
) -> Result<bool, OperatorRefusal> {
    let shape = &draft.shape;
    let channels = shape.last().copied().unwrap_or(1);
    let axes = varying_axes(view, tensor)?;
    let block = view.block(&axes);
    let size = match &draft.kind {
        // Of the whole sample it is the same as one group of all channels, whose terms are those of channels.
        LayerKind::LayerNorm(norm)
            if norm.axes == shape.len() && shape.len() > 1 && block == Some(channels) =>
        {
            if norm.scale || norm.offset {
                return Ok(false);
            }
            let epsilon = norm.epsilon;
            draft.kind = GroupNorm { groups: 1, scale: false, offset: false, epsilon }.into();
            channels
        }
        LayerKind::LayerNorm(norm) => shape[shape.len() - norm.axes..].iter().product(),
        LayerKind::GroupNorm(_) => channels,
        _ => return Ok(false),
    };
    if size > MAX_WIDTH {
        return Ok(false);
    }
    let (scale, offset) = match &mut draft.kind {
        LayerKind::LayerNorm(norm) => (&mut norm.scale, &mut norm.offset),
        LayerKind::GroupNorm(norm) => (&mut norm.scale, &mut norm.offset),
        _ => return Ok(false),
    };
    let values = match axes[..] {
        [] => vec![ordered(tensor, &[0])?[0]; size],
        _ if block == Some(size) => ordered(tensor, &view.places(&axes))?,
        _ => return Ok(false),
    };
    match role {
        // A factor comes before a term.
        TermRole::Scale if !*scale && !*offset => {
            *scale = true;
            draft.parameters.push(("scale", values));
        }
        TermRole::Offset if !*offset => {
            *offset = true;
            draft.parameters.push(("offset", values));
        }
        _ => return Ok(false),
    }
    Ok(true)
}
