//! A chain of operators that is an activation.

use nn::LayerKind;
use nn::layers::Sigmoid;

use super::super::LastFunction;
use super::super::activations::ActivationChain;
use super::super::layers::{GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal};

/// Reads the chain that ends in an operator. A sigmoid of one output at the end of the graph is left out.
pub(in super::super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
    chain: ActivationChain<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.named_features(chain.x)?;
    let shape = reader.shape(x.source);
    if chain.layer == LayerKind::from(Sigmoid {}) && x.view.len() == 1 && reader.is_last(node) {
        reader.last = LastFunction::Sigmoid;
        reader.notes.push(
            "the sigmoid at the end is left out: the loss takes the logit of the second of two classes".into(),
        );
        return Ok(OnnxValue::Features(x));
    }
    let draft = LayerDraft::new(chain.layer, vec![x.source], shape);
    reader.push(node, draft, x.view)
}
