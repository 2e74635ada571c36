//! Sums, means and extremes along axes.

use super::SourceNode;
use crate::source::SourceWriter;
use crate::strides::Strides;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    // Behind the axis of the batch.
    let axes: Option<Vec<usize>> =
        node.sizes("axes").iter().map(|axis| axis.checked_sub(1)).collect();
    let axes = axes.ok_or("it depends on all samples of a batch")?;
    let dims = writer.shape(node.operands[0]).dims().to_vec();
    let start_and_function = match node.op {
        "max" => format!("(f32::NEG_INFINITY, |y, x| {}(y, x) + 0.0)", writer.function("larger")),
        "min" => format!("(f32::INFINITY, |y, x| {}(y, x) + 0.0)", writer.function("smaller")),
        _ => "(0.0, |y, x| y + x)".to_owned(),
    };
    // The last axes that are left, as the channels of a pixel, are a block.
    let n_left = (0..dims.len()).rev().take_while(|axis| !axes.contains(axis)).count();
    let (before, block) = dims.split_at(dims.len() - n_left);
    let strides = Strides::reduce(before, &axes).source();
    let block = block.iter().product::<usize>().to_string();
    let (x, y) = (writer.operand(node.operands[0]), writer.result(node.id));
    writer.call("reduce", &[x, start_and_function, strides, block, y.clone()]);
    if node.op == "mean" {
        let count: usize = axes.iter().map(|&axis| dims[axis]).product();
        writer.call("map", &[y, format!("|y| y * {:?}", 1.0 / count as f32)]);
    }
    Ok(())
}
