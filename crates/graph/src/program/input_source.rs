//! The source of the inputs of a run.

use kernels::{Float, transpose};

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
    fn load(&self, input: usize, tile: Tile, out: &mut [T]) {
        let values = self.0[input].values();
        let n_features = out.len() / tile.width;
        let samples = &values[tile.first * n_features..];
        transpose((samples, n_features), [tile.valid, n_features], (&mut *out, tile.width));
        tile.repeat_last_sample(out);
    }
}
