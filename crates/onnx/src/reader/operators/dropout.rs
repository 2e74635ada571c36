//! Dropout, which does nothing in evaluation.

use nn::layers::Dropout;

use super::super::layers::{GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::written_number;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.features(node, 0)?;
    // A setting up to opset 11 and an operand since.
    let rate = match reader.optional(node, 1)? {
        Some(tensor) => tensor.scalar().ok_or("a rate that is not a number")?,
        None => node.number("ratio", 0.5).into(),
    };
    let rate = written_number(rate);
    if !(0.0..1.0).contains(&rate) {
        return Err(format!("the rate {rate}, expected 0 to below 1").into());
    }
    let draft = LayerDraft::new(Dropout::new(rate), vec![x.source], reader.shape(x.source));
    reader.push(node, draft, x.view)
}
