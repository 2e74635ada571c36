//! Products of matrices that both depend on the sample.

use super::SourceNode;
use crate::source::SourceWriter;

pub(super) fn write(writer: &mut SourceWriter<'_>, node: &SourceNode) -> Result<(), String> {
    let [a, b] = node.operands[..] else { unreachable!("two operands") };
    let [.., rows, k] = *writer.shape(a).dims() else { unreachable!("matrices") };
    let columns = writer.shape(node.id).dims().last().copied().unwrap_or(1);
    let [a, b] = [writer.operand(a), writer.operand(b)];
    let y = writer.result(node.id);
    let operands = format!("[{a}, {b}]");
    writer.call(&format!("batch_matmul::<{columns}>"), &[operands, format!("[{rows}, {k}]"), y]);
    Ok(())
}
