//! Mean 0 and variance 1 within groups: layer and group normalisation.

use super::OpNode;
use crate::ImageLayout::ChannelsLast;
use crate::chain::OperatorChain;
use crate::writer::{GraphWriter, Setting, wholes};

pub(super) fn write(writer: &mut GraphWriter<'_>, node: &OpNode) -> Result<(), String> {
    let x = writer.value(node.operands[0]);
    let shape = writer.graph.shape(node.id).clone();
    let batched = |sizes: &[usize]| {
        let mut dims = wholes(sizes);
        if shape.is_batched() {
            dims.insert(0, -1);
        }
        dims
    };
    let grouped = writer.reshape(&node.label, x, batched(node.sizes("view")));
    let batch = i64::from(shape.is_batched());
    // Of `[a, p, g, c]` a group is all `p` and `c`.
    let axes = [batch + 1, batch + 3];
    let epsilon = node.number("epsilon");
    let mut formula = OperatorChain { writer, label: &node.label };
    let settings = [("axes", Setting::Wholes(&axes)), ("keepdims", Setting::Whole(1))];
    let mean = formula.with("ReduceMean", &[&grouped], &settings);
    let centred = formula.of("Sub", &[&grouped, &mean]);
    let squares = formula.of("Mul", &[&centred, &centred]);
    let variance = formula.with("ReduceMean", &[&squares], &settings);
    let above_zero = formula.plus(&variance, epsilon);
    let deviation = formula.of("Sqrt", &[&above_zero]);
    let y = formula.of("Div", &[&centred, &deviation]);
    let y = writer.reshape(&node.label, y, batched(shape.dims()));
    writer.set(node.id, ChannelsLast, y);
    Ok(())
}
