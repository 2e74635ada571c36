//! Batch normalisation with its running statistics.

use nn::layers::BatchNorm;

use super::super::layers::{
    GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal, placed,
};
use super::super::written_number;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    if node.whole("training_mode", 0) != 0 {
        return Err("it is in training mode, expected a network for evaluation".into());
    }
    let x = reader.features(node, 0)?;
    let Some(&channels) = x.view.dims().first() else {
        return Err("it takes single numbers, expected channels".into());
    };
    let mut operands = Vec::new();
    for at in 1..5 {
        let vector = reader.vector(node, at, channels)?;
        operands.push(vector.ok_or_else(|| format!("operand {} is left out", at + 1))?);
    }
    let (x, places) = reader.along_last_axis(x, &[0])?;
    let [scale, offset, mean, variance] = [0, 1, 2, 3].map(|at| placed(&operands[at], &places));
    let kind = BatchNorm {
        epsilon: written_number(node.number("epsilon", 1e-5).into()),
        // The share of the old value, as here.
        momentum: written_number(node.number("momentum", 0.9).into()),
        warmup: false,
        ..BatchNorm::default()
    };
    let mut draft = LayerDraft::new(kind, vec![x.source], reader.shape(x.source));
    draft.parameters = vec![("scale", scale), ("offset", offset)];
    draft.statistics = Some([mean, variance].concat());
    draft.weight_name = reader.tensor_name(node, 1);
    reader.push(node, draft, x.view)
}
