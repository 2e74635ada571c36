//! Numbers of another type. Numbers that choose rows of a table may be rounded before.

use super::super::layers::{FeatureValue, GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use super::super::tensor::{ConstantTensor, TensorNumbers};
use crate::proto::data_type;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let is_whole = match node.operator() {
        "Round" => true,
        _ => match i32::try_from(node.whole("to", 0)) {
            Ok(data_type::INT32 | data_type::INT64) => true,
            Ok(data_type::FLOAT | data_type::DOUBLE | data_type::FLOAT16 | data_type::BFLOAT16) => {
                false
            }
            _ => return Err("a type that is not of numbers".into()),
        },
    };
    Ok(match reader.value(node, 0)? {
        Some(OnnxValue::Constant(tensor)) => reader.copied(converted(&tensor, is_whole))?,
        Some(OnnxValue::Features(x)) => {
            // What was rounded stays so: there is no layer that does it.
            let is_rounded = x.is_whole && node.operator() == "Cast" && !is_whole;
            if is_rounded && reader.file.input.is_whole {
                reader.same(node, FeatureValue { is_whole: false, ..x })
            } else if is_rounded {
                return Err("no layer rounds numbers".into());
            } else {
                reader.same(node, FeatureValue { is_whole, ..x })
            }
        }
        Some(sizes) => sizes,
        None => return Err("it has no operand".into()),
    })
}

fn converted(tensor: &ConstantTensor, is_whole: bool) -> ConstantTensor {
    let numbers = match (&tensor.numbers, is_whole) {
        (TensorNumbers::Floats(values), true) => {
            TensorNumbers::Wholes(values.iter().map(|&value| value as i64).collect())
        }
        (TensorNumbers::Wholes(values), false) => {
            TensorNumbers::Floats(values.iter().map(|&value| value as f32).collect())
        }
        (same, _) => same.clone(),
    };
    ConstantTensor { dims: tensor.dims.clone(), numbers }
}
