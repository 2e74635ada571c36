//! Probabilities. At the end of a graph they are left out: losses take logits.

use nn::layers::Softmax;

use super::super::LastFunction;
use super::super::layers::{GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::view::sample_axis;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.features(node, 0)?;
    let rank = x.view.rank();
    // Up to opset 12 it is over all axes from this one on.
    let axis = node.whole("axis", if node.opset < 13 { 1 } else { -1 });
    let Some(last) = sample_axis(axis, rank).filter(|axis| axis + 1 == rank) else {
        return Err(format!("the axis {axis} of samples of {:?}", x.view.dims()).into());
    };
    if rank == 1 && reader.is_last(node) {
        reader.last = LastFunction::Softmax;
        let function = if node.operator() == "Softmax" { "softmax" } else { "log-softmax" };
        reader.notes.push(format!(
            "the {function} at the end is left out: the loss cross_entropy takes logits"
        ));
        return Ok(OnnxValue::Features(x));
    }
    if node.operator() == "LogSoftmax" {
        return Err("no layer computes logarithms of probabilities within a network".into());
    }
    let x = reader.with_last_axis(x, &[last])?;
    let draft = LayerDraft::new(Softmax {}, vec![x.source], reader.shape(x.source));
    reader.push(node, draft, x.view)
}
