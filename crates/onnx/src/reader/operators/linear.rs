//! Products with a weight.

use nn::Bias;
use nn::layers::Linear;

use super::super::layers::{GraphReader, LayerDraft, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::view::ValueView;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let x = reader.features(node, 0)?;
    let weight = reader.constant(node, 1)?;
    let (Some(values), &[rows, columns]) = (weight.floats(), &weight.dims[..]) else {
        let found = &weight.dims;
        return Err(format!("a weight of the shape {found:?}, expected two axes").into());
    };
    if node.whole("transA", 0) != 0 {
        return Err("a product along the batch".into());
    }
    let is_transposed = node.whole("transB", 0) != 0;
    let [inputs, outputs] = if is_transposed { [columns, rows] } else { [rows, columns] };
    if x.view.dims() != [inputs] || outputs == 0 {
        let found = x.view.dims();
        return Err(format!("samples of {found:?} and a weight of [{inputs}, {outputs}]").into());
    }
    let bias = match node.operator() {
        "Gemm" => reader.vector(node, 2, outputs)?,
        _ => None,
    };
    let [alpha, beta] = ["alpha", "beta"].map(|name| node.number(name, 1.0));
    let x = reader.flattened(x);
    let mut ordered = vec![0.0; values.len()];
    for (input, place) in x.view.places(&[0]).into_iter().enumerate() {
        for output in 0..outputs {
            let at = if is_transposed { output * inputs + input } else { input * outputs + output };
            ordered[place * outputs + output] = alpha * values[at];
        }
    }
    let mut kind = Linear::new(outputs);
    let mut parameters = vec![("weight", ordered)];
    match bias {
        Some(bias) => parameters.push(("bias", bias.iter().map(|value| beta * value).collect())),
        None => kind.bias = Some(Bias::IsPresent(false)),
    }
    let shape = vec![outputs];
    let view = ValueView::row_major(&shape);
    let mut draft = LayerDraft::new(kind, vec![x.source], shape);
    draft.parameters = parameters;
    draft.weight_name = reader.tensor_name(node, 1);
    reader.push(node, draft, view)
}
