//! The source of the inputs of a run.

use kernels::{Float, transpose};

use crate::graph::{Graph, Leaf};
use crate::op::Tile;
use crate::tensor::Tensor;

/// The magnitude below which a value is bounded: products of two, summed over 2²⁴ samples, fit into an `f32`.
pub const BOUND: f64 = 1e15;
const _: () = assert!(BOUND * BOUND * 16_777_216.0 < f32::MAX as f64);

/// Loads inputs tile by tile, in the batch-innermost layout.
///
/// Called from several threads at once, each for other samples: a batch is assembled where it is used.
pub trait InputSource<T>: Sync {
    /// Writes the tile's part of an input: feature `f` of sample `s` at `out[f · tile.width + s]`, then [the
    /// last sample again](Tile::repeat_last_sample). For an input without batch axis, all its elements.
    fn load(&self, input: usize, tile: Tile, out: &mut [T]);

    /// The shape of an input, the batch included; nothing if it is not known. A run refuses one that is not that of the
    /// graph and the program.
    fn shape(&self, input: usize) -> Option<&[usize]> {
        let _ = input;
        None
    }

    /// Whether the magnitude of every value of this input is known to be below [`BOUND`], as that of pixels is.
    /// Otherwise a training step checks them, to know before the first update that no gradient is infinite.
    fn is_bounded(&self, input: usize) -> bool {
        let _ = input;
        false
    }
}

/// Row-major tensors, one for each input of the graph, with the batch as first axis where the input has it.
#[derive(Clone, Copy, Debug)]
pub struct Tensors<'a, T>(pub &'a [&'a Tensor<T>]);

impl<T: Float> InputSource<T> for Tensors<'_, T> {
    /// # Panics
    ///
    /// If there is no tensor for the input.
    fn shape(&self, input: usize) -> Option<&[usize]> {
        let tensors = self.0;
        assert!(input < tensors.len(), "input {input}: expected a tensor, got {}", tensors.len());
        Some(tensors[input].shape())
    }

    fn load(&self, input: usize, tile: Tile, out: &mut [T]) {
        let values = self.0[input].values();
        let n_features = out.len() / tile.width;
        let samples = &values[tile.first * n_features..];
        transpose((samples, n_features), [tile.valid, n_features], (&mut *out, tile.width));
        tile.repeat_last_sample(out);
    }
}

/// # Panics
///
/// If an input that a program with this batch reads has another shape than in the graph.
pub(super) fn check_shapes<T: Float>(inputs: &dyn InputSource<T>, graph: &Graph<T>, batch: usize) {
    for (_, node) in graph.nodes() {
        let Some(&Leaf::Input(input)) = node.leaf() else { continue };
        let Some(found) = inputs.shape(input) else { continue };
        let shape = node.shape();
        let (first, rest) = found.split_at(usize::from(shape.is_batched()).min(found.len()));
        let is_right = rest == shape.dims() && first.iter().all(|&size| size == batch);
        assert!(
            is_right && found.len() == shape.rank(),
            "input {input} ({}): expected {:?}, found {found:?}",
            node.label(),
            shape.with_batch(batch),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};

    #[test]
    fn tensors_of_another_shape_are_refused_with_both_shapes() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([5, 3]));
        let shift = g.input("shift", [3]);
        let y = g.add(x, shift).unwrap();
        let options = Compile { batch: 2, keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let mut run = |x: &[usize], shift: &[usize]| {
            let (x, shift) = (Tensor::full(x, 1.0), Tensor::full(shift, 1.0));
            let inputs = &Tensors(&[&x, &shift]);
            let run = || program.run(&RunArgs { inputs, ..RunArgs::default() });
            let panic = catch_unwind(AssertUnwindSafe(run)).err();
            panic.map(|panic| {
                panic.downcast::<String>().map_or_else(|_| String::new(), |text| *text)
            })
        };
        for (x, shift, want) in [
            (&[2, 5, 3][..], &[3][..], None),
            (&[2, 3, 5], &[3], Some("input 0 (x): expected [2, 5, 3], found [2, 3, 5]")),
            (&[3, 5, 3], &[3], Some("input 0 (x): expected [2, 5, 3], found [3, 5, 3]")),
            (&[5, 3], &[3], Some("input 0 (x): expected [2, 5, 3], found [5, 3]")),
            (&[], &[3], Some("input 0 (x): expected [2, 5, 3], found []")),
            (&[2, 5, 3], &[4], Some("input 1 (shift): expected [3], found [4]")),
            (&[2, 5, 3], &[1, 3], Some("input 1 (shift): expected [3], found [1, 3]")),
            (&[2, 5, 3], &[3], None),
        ] {
            assert_eq!(run(x, shift).as_deref(), want);
        }
    }
}
