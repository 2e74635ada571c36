//! Sums and products: of two outputs, or of an output with numbers of the file.

use std::rc::Rc;

use nn::layers::linear::Parametrization;
use nn::layers::{Add, FeatureScale};
use nn::registry::MAX_WIDTH;
use nn::{Bias, LayerKind};

use super::super::layers::{
    ChannelAffine, FeatureValue, GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal,
};
use super::super::tensor::ConstantTensor;
use super::normalization::{TermRole, add_term};

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let mut features = Vec::new();
    let mut constants = Vec::new();
    for at in 0..node.proto.input.len() {
        match reader.value(node, at)? {
            Some(OnnxValue::Features(x)) if !x.is_whole => features.push(x),
            Some(OnnxValue::Constant(tensor)) => constants.push((at, tensor)),
            _ => return Err("operands that are whole numbers or left out".into()),
        }
    }
    match (node.operator(), &features[..], &constants[..]) {
        ("Add" | "Sum", terms, []) => sum(reader, node, terms.to_vec()),
        ("Add" | "Sum", [x], [constant]) => with_term(reader, node, x, constant, TermRole::Offset),
        ("Mul", [x], [constant]) => with_term(reader, node, x, constant, TermRole::Scale),
        ("Sub", [x], [(1, tensor)]) => {
            affine(reader, node, x, tensor, |affine, i, c| {
                // As batch normalisation has it, if nothing was done before.
                match affine.factor[i] == 1.0 && affine.offset[i] == 0.0 {
                    true => affine.mean[i] += c,
                    false => affine.offset[i] -= c,
                }
            })
        }
        ("Sub", [x], [(_, tensor)]) => affine(reader, node, x, tensor, |affine, i, c| {
            affine.factor[i] = -affine.factor[i];
            affine.offset[i] = c - affine.offset[i];
        }),
        ("Div", [x], [(1, tensor)]) => affine(reader, node, x, tensor, |affine, i, c| {
            affine.factor[i] /= c;
            affine.offset[i] /= c;
        }),
        _ => Err("no layer computes this of its operands".into()),
    }
}

/// The layer `add`.
fn sum(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    mut terms: Vec<FeatureValue>,
) -> Result<OnnxValue, OperatorRefusal> {
    let shapes: Vec<_> = terms.iter().map(|term| reader.shape(term.source)).collect();
    if shapes.windows(2).any(|two| two[0] != two[1]) {
        terms = terms.into_iter().map(|term| reader.flattened(term)).collect();
    }
    let Some(first) = terms.first().cloned() else { return Err("it has no operands".into()) };
    if terms.len() == 1 {
        return Ok(reader.same(node, first));
    }
    if let Some(other) = terms.iter().find(|term| term.view != first.view) {
        let [a, b] = [&first, other].map(|term| term.view.dims());
        return Err(format!("samples of {a:?} and {b:?}, expected one shape in one order").into());
    }
    let inputs = terms.iter().map(|term| term.source).collect();
    let draft = LayerDraft::new(Add {}, inputs, reader.shape(first.source));
    reader.push(node, draft, first.view)
}

/// A value times a tensor or plus one: a parameter of the layer before it, where that has a place for it and nothing else
/// reads it.
fn with_term(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
    (at, tensor): &(usize, Rc<ConstantTensor>),
    role: TermRole,
) -> Result<OnnxValue, OperatorRefusal> {
    let name = reader.tensor_name(node, *at);
    if let Some(draft) = reader.last_layer(node, x)
        && add_term(draft, &x.view, tensor, role)?
    {
        if role == TermRole::Scale {
            draft.weight_name = name;
        }
        return Ok(reader.same(node, x.clone()));
    }
    let (x, vector) = reader.channel_vector(x.clone(), tensor)?;
    if let Some(draft) = reader.last_layer(node, &x) {
        let is_taken = match role {
            TermRole::Offset => is_bias(draft, &vector),
            TermRole::Scale => is_parametrization(draft, &vector),
        };
        if is_taken {
            return Ok(reader.same(node, x));
        }
    }
    let is_trained = vector.len() > 1;
    affine(reader, node, &x, tensor, |affine, i, c| match role {
        TermRole::Offset => affine.offset[i] += c,
        TermRole::Scale => {
            affine.factor[i] *= c;
            affine.offset[i] *= c;
            affine.is_trained |= is_trained;
        }
    })
}

/// Makes numbers the bias of a layer that has none.
fn is_bias(draft: &mut LayerDraft, vector: &[f32]) -> bool {
    let channels = draft.shape.last().copied().unwrap_or(0);
    let bias = match &mut draft.kind {
        LayerKind::Linear(linear) => &mut linear.bias,
        LayerKind::Conv2d(conv) => &mut conv.bias,
        LayerKind::DepthwiseConv2d(conv) => &mut conv.bias,
        _ => return false,
    };
    if *bias != Some(Bias::IsPresent(false)) {
        return false;
    }
    *bias = None;
    let values = if let [value] = *vector { vec![value; channels] } else { vector.to_vec() };
    draft.parameters.push(("bias", values));
    true
}

/// Whether a factor is that of a linear layer of the parametrization `ntk`; it gets it.
fn is_parametrization(draft: &mut LayerDraft, vector: &[f32]) -> bool {
    let n_weights = draft.parameters.first().map_or(0, |(_, weight)| weight.len());
    let (LayerKind::Linear(linear), [factor]) = (&mut draft.kind, vector) else { return false };
    let inputs = n_weights / linear.units;
    let is_it = linear.bias == Some(Bias::IsPresent(false))
        && linear.parametrization == Parametrization::Standard
        && inputs > 1
        && *factor == (1.0 / (inputs as f64).sqrt()) as f32;
    if is_it {
        linear.parametrization = Parametrization::Ntk;
    }
    is_it
}

/// Changes each channel by a number of a tensor: in the layer before it if that does nothing else, or in one of its own.
fn affine(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    x: &FeatureValue,
    tensor: &ConstantTensor,
    change: impl Fn(&mut ChannelAffine, usize, f32),
) -> Result<OnnxValue, OperatorRefusal> {
    let (x, vector) = reader.channel_vector(x.clone(), tensor)?;
    let shape = reader.shape(x.source);
    let channels = shape.last().copied().unwrap_or(0);
    if channels > MAX_WIDTH {
        return Err(format!("{channels} channels, expected at most {MAX_WIDTH}").into());
    }
    let changed = |affine: &mut ChannelAffine| {
        for i in 0..channels {
            change(affine, i, vector[if vector.len() == 1 { 0 } else { i }]);
        }
    };
    if let Some(affine) = reader.last_layer(node, &x).and_then(|draft| draft.affine.as_mut()) {
        changed(affine);
        return Ok(reader.same(node, x));
    }
    let mut affine = ChannelAffine::identity(channels);
    changed(&mut affine);
    let mut draft = LayerDraft::new(FeatureScale {}, vec![x.source], shape);
    draft.affine = Some(affine);
    reader.push(node, draft, x.view)
}
