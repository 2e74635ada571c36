//! Numbers that stand in an operator.

use super::super::file::attribute;
use super::super::layers::{GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::tensor::{ConstantTensor, TensorNumbers};

pub(super) fn read(
    _: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let [setting] = &node.proto.attribute[..] else { return Err("expected one value".into()) };
    let tensor = match &*setting.name {
        "value" => {
            let tensor = setting.t.as_ref().ok_or("expected a tensor")?;
            ConstantTensor::read(tensor)?
        }
        "value_float" => {
            let values = TensorNumbers::Floats(vec![node.number("value_float", 0.0)]);
            ConstantTensor { dims: Vec::new(), numbers: values }
        }
        "value_int" => {
            let values = TensorNumbers::Wholes(vec![node.whole("value_int", 0)]);
            ConstantTensor { dims: Vec::new(), numbers: values }
        }
        "value_floats" => {
            let values = attribute(node.proto, "value_floats").map(|it| it.floats.clone());
            let values = values.unwrap_or_default();
            ConstantTensor { dims: vec![values.len()], numbers: TensorNumbers::Floats(values) }
        }
        "value_ints" => {
            let values = node.wholes("value_ints").unwrap_or_default().to_vec();
            ConstantTensor { dims: vec![values.len()], numbers: TensorNumbers::Wholes(values) }
        }
        other => return Err(format!("a value of the kind {other:?}").into()),
    };
    Ok(OnnxValue::Constant(tensor.into()))
}
