//! The sizes of a value, which are known but for that of the batch.

use super::super::layers::{AxisSize, GraphReader, OnnxValue, OperatorNode, OperatorRefusal};
use super::concat::sizes_of;

pub(super) fn read(
    reader: &mut GraphReader<'_>,
    node: &OperatorNode<'_>,
) -> Result<OnnxValue, OperatorRefusal> {
    let value = reader.value(node, 0)?.ok_or("it has no operand")?;
    let sizes: Vec<AxisSize> = match (node.operator(), &value) {
        ("Shape", OnnxValue::Features(x)) => {
            let dims = x.view.dims().into_iter().map(|size| AxisSize::Whole(size as i64));
            std::iter::once(AxisSize::Batch).chain(dims).collect()
        }
        ("Shape", OnnxValue::Constant(tensor)) => {
            tensor.dims.iter().map(|&size| AxisSize::Whole(size as i64)).collect()
        }
        _ => sizes_of(&value).ok_or("no layer takes a part of an output")?,
    };
    let [start, end] = match node.operator() {
        "Shape" => [node.whole("start", 0), node.whole("end", i64::MAX)],
        _ => {
            let mut ends = [0; 2];
            for (at, end) in ends.iter_mut().enumerate() {
                let tensor = reader.constant(node, at + 1)?;
                *end = *tensor.wholes().and_then(<[_]>::first).ok_or("an end that is not whole")?;
            }
            if let Some(steps) = reader.optional(node, 4)?
                && steps.scalar() != Some(1.0)
            {
                return Err("sizes in steps".into());
            }
            ends
        }
    };
    let n = sizes.len() as i64;
    let place = |end: i64| (if end < 0 { end.saturating_add(n) } else { end }).clamp(0, n) as usize;
    let range = place(start)..place(end).max(place(start));
    OnnxValue::of_sizes(sizes[range].to_vec())
}
