//! The pieces of the parameters' gradients.

use kernels::Float;
use kernels::gemm::MAX_BLOCK_ROWS;

use super::analysis::Analysis;
use crate::program::plan::{Chunk, Plan};

/// Elements of a parameter's gradient that one thread makes at a time.
const CHUNK: usize = 4096;
/// The same for row-parallel layers, whose samples come from farther away.
const ROW_PARALLEL_CHUNK: usize = 32768;

pub(super) fn cut<T: Float>(analysis: &Analysis<'_, T>, plan: &mut Plan) {
    if analysis.loss.is_none() {
        return;
    }
    // Also those that the loss does not depend on, whose gradient stays 0: chunks leave no gap.
    for (id, range) in analysis.graph.parameters() {
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
            plan.chunk_bounds.push(range.start + start);
            plan.chunks.push(Chunk {
                parameter,
                range: start..(start + len).min(range.len()),
                by_rows: by_rows.clone(),
                clear: !analysis.has_untiled_reader(parameter),
            });
        }
    }
    plan.chunk_bounds.push(analysis.graph.n_parameters());
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};

    #[test]
    fn a_parameter_that_the_loss_does_not_depend_on_has_a_gradient_of_zero() {
        let mut g = Graph::<f64>::new();
        let x = g.input("x", Shape::batch([2]));
        let [shift, _, scale] = ["shift", "unused", "scale"].map(|name| g.parameter(name, [2]));
        let y = g.add(x, shift).unwrap();
        let y = g.mul(y, scale).unwrap();
        let loss = g.mean_all(y).unwrap();
        let options = Compile { batch: 2, loss: Some(loss), ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let inputs = &Tensors(&[&Tensor::new([2, 2], [1.0, 2.0, 3.0, 4.0])]);
        let parameters = &[0.0, 0.0, 5.0, 5.0, 1.0, 2.0];
        program.run(&RunArgs { parameters, inputs, ..RunArgs::default() });
        assert_eq!(program.gradients(), [0.5, 1.0, 0.0, 0.0, 1.0, 1.5]);
    }
}
