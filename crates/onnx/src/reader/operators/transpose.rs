//! The axes in another order.

use graph::transposed_elements;

use super::super::layers::{FeatureValue, GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::tensor::{ConstantTensor, TensorNumbers};

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let value = reader.value(node, 0)?.ok_or("it has no operand")?;
    let rank = match &value {
        OnnxValue::Features(x) => x.view.rank() + 1,
        OnnxValue::Constant(tensor) => tensor.dims.len(),
        _ => return Err("sizes in another order".into()),
    };
    let axes: Vec<usize> = match node.wholes("perm") {
        None => (0..rank).rev().collect(),
        Some(perm) => perm.iter().filter_map(|&axis| usize::try_from(axis).ok()).collect(),
    };
    let mut sorted = axes.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return Err(format!("the order {axes:?} of {rank} axes").into());
    }
    match value {
        OnnxValue::Features(x) if axes[0] == 0 => {
            let of_sample: Vec<usize> = axes[1..].iter().map(|axis| axis - 1).collect();
            let view = x.view.transposed(&of_sample);
            Ok(reader.same(node, FeatureValue { view, ..x }))
        }
        OnnxValue::Constant(tensor) => reader.copied(transposed(&tensor, &axes)),
        _ => Err("the axis of the batch is not the first".into()),
    }
}

fn transposed(tensor: &ConstantTensor, axes: &[usize]) -> ConstantTensor {
    let places = || transposed_elements(&tensor.dims, axes);
    let numbers = match &tensor.numbers {
        TensorNumbers::Floats(values) => {
            TensorNumbers::Floats(places().map(|at| values[at]).collect())
        }
        TensorNumbers::Wholes(values) => {
            TensorNumbers::Wholes(places().map(|at| values[at]).collect())
        }
    };
    ConstantTensor { dims: axes.iter().map(|&axis| tensor.dims[axis]).collect(), numbers }
}
