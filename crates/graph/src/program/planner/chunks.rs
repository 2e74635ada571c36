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
    for (number, (id, range)) in analysis.graph.parameters().enumerate() {
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
                number,
                range: start..(start + len).min(range.len()),
                by_rows: by_rows.clone(),
                clear: !analysis.has_untiled_reader(parameter),
                is_frozen: analysis.graph.node(id).is_frozen(),
            });
        }
    }
    plan.chunk_bounds.push(analysis.graph.n_parameters());
}

#[cfg(test)]
mod tests {
    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};

    #[test]
    fn a_frozen_parameter_has_no_gradient_keeps_its_bytes_and_changes_no_other() {
        for batch in [3, 40] {
            // The weight's gradient is made in rows; `gain` is read by tiles, `power` by an untiled op too.
            let build = |frozen: &[usize]| {
                let mut g = Graph::<f32>::new();
                let x = g.input("x", Shape::batch([30]));
                let weight = g.parameter("weight", [30, 50]);
                let [gain, power] = ["gain", "power"].map(|name| g.parameter(name, [50]));
                let y = g.matmul(x, weight).unwrap();
                let y = g.mul(y, gain).unwrap();
                let (shared, y) = (g.tanh(power), g.tanh(y));
                let y = g.mul(y, shared).unwrap();
                let y = g.mul(y, power).unwrap();
                let loss = g.mean_all(y).unwrap();
                let parameters: Vec<_> = g.parameters().collect();
                frozen.iter().for_each(|&i| g.freeze(parameters[i].0));
                let ranges: Vec<_> = parameters.into_iter().map(|(_, range)| range).collect();
                let options = Compile { batch, loss: Some(loss), ..Compile::default() };
                (Program::new(g, &options).unwrap(), ranges)
            };
            let start: Vec<f32> = (0..1600).map(|i| (i % 17) as f32 / 17.0 - 0.4).collect();
            let step = |frozen: &[usize]| {
                let (mut program, ranges) = build(frozen);
                let x: Vec<f32> = (0..batch * 30).map(|i| (i % 13) as f32 / 13.0).collect();
                let inputs = &Tensors(&[&Tensor::new([batch, 30], x)]);
                let mut parameters = start.clone();
                let run = RunArgs { inputs, ..RunArgs::default() };
                assert!(program.step(&run, [&mut parameters], |piece, dx, [p]| {
                    let at = ranges[piece.parameter].start + piece.offset;
                    assert_eq!(p, &start[at..][..p.len()], "{piece:?}");
                    p.iter_mut().zip(dx).for_each(|(p, dx)| *p -= *dx + 1.0);
                }));
                let squares = kernels::sum_of_squares(program.gradients());
                let norm = program.gradient_norm();
                assert!(
                    (norm * norm - squares).abs() <= 1e-9 * squares,
                    "the norm of what is there"
                );
                (program.gradients().to_vec(), parameters, ranges)
            };
            let (all, stepped, _) = step(&[]);
            for frozen in [&[0][..], &[1], &[2], &[0, 1], &[0, 1, 2]] {
                let (gradients, parameters, ranges) = step(frozen);
                for (i, range) in ranges.into_iter().enumerate() {
                    let (found, left) = (&gradients[range.clone()], &parameters[range.clone()]);
                    if frozen.contains(&i) {
                        assert!(found.iter().all(|&dx| dx == 0.0), "{frozen:?}");
                        assert_eq!(left, &start[range], "{frozen:?}");
                    } else {
                        assert_eq!(found, &all[range.clone()], "{frozen:?}");
                        assert_eq!(left, &stepped[range], "{frozen:?}");
                    }
                }
            }
        }
    }

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
