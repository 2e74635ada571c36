//! The pieces of the parameters' gradients.

use kernels::Float;
use kernels::gemm::MAX_BLOCK_ROWS;

use super::analysis::Analysis;
use crate::program::plan::{Chunk, Plan};

/// Elements of a parameter's gradient that one thread makes at a time.
const CHUNK: usize = 4096;
/// The same for row-parallel layers, whose samples come from farther away.
const ROW_PARALLEL_CHUNK: usize = 32768;

/// Cuts the gradients of the parameters into chunks, one thread's work each.
pub(super) fn cut<T: Float>(analysis: &Analysis<'_, T>, plan: &mut Plan) {
    let parameters = analysis.graph.parameters();
    for (id, range) in parameters.filter(|(id, _)| analysis.has_gradient[id.index()]) {
        let parameter = id.index();
        let readers = analysis.readers[parameter].iter().rev();
        let by_rows = readers.filter(|&&(reader, k)| analysis.is_by_rows(reader, k));
        let by_rows: Vec<usize> = by_rows.map(|&(reader, _)| reader).collect();
        let len = if by_rows.is_empty() {
            CHUNK
        } else {
            // Whole rows of the weight.
            let row = analysis.graph.shape(id).dims().last().copied().unwrap_or(1).max(1);
            let is_row_parallel = by_rows.iter().any(|&i| analysis.row_parallel[i]);
            let len = if is_row_parallel { ROW_PARALLEL_CHUNK } else { CHUNK };
            (len / row / MAX_BLOCK_ROWS).max(1) * MAX_BLOCK_ROWS * row
        };
        for start in (0..range.len()).step_by(len) {
            plan.chunks.push(Chunk {
                parameter,
                range: start..(start + len).min(range.len()),
                by_rows: by_rows.clone(),
                clear: !analysis.has_untiled_reader(parameter),
            });
        }
    }
}
