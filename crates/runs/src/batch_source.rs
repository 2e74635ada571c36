//! A batch of a dataset, loaded and transposed where it is used.

use data::{Dataset, Features, Targets};
use graph::BOUND;
use graph::op::Tile;
use kernels::{
    Float, GatheredSamples, gather_bytes, gather_values, inlined, prefetch_all, vectorize,
};
use nn::ModelSource;

/// Bytes that are divided by a larger number are bounded.
const MIN_DIVISOR: f64 = 1e-10;
const _: () = assert!(u8::MAX as f64 / MIN_DIVISOR < BOUND);

/// Some samples of a dataset, with their targets.
#[derive(Clone, Copy, Debug)]
pub struct BatchSource<'a, T> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// The number of each sample of the batch in the dataset.
    pub indices: &'a [u32],
    /// The same for the batch after it; empty if it is not known.
    pub next: &'a [u32],
    /// What features are divided by.
    pub divisor: T,
}

impl<T: Float> ModelSource<T> for BatchSource<'_, T> {
    fn is_bounded(&self) -> bool {
        let is_bytes = matches!(self.dataset.features(), Features::U8(_));
        is_bytes && self.divisor.abs() > T::from_f64(MIN_DIVISOR)
    }

    fn load_samples(&self, tile: Tile, out: &mut [T]) {
        let len = self.dataset.sample_len();
        let (indices, width) = (self.of_tile(tile), tile.width);
        match self.dataset.features() {
            Features::U8(bytes) => {
                let samples = GatheredSamples { values: bytes, indices, len, width };
                gather_bytes(samples, self.divisor, out);
                let next = self.next.get(tile.first..tile.first + tile.valid).unwrap_or(&[]);
                for &index in next {
                    prefetch_all(&bytes[index as usize * len..][..len]);
                }
            }
            Features::F32(values) => {
                gather_values(GatheredSamples { values, indices, len, width }, out);
                divide(out, self.divisor);
            }
        }
    }

    fn load_targets(&self, tile: Tile, out: &mut [T]) {
        let indices = self.of_tile(tile);
        match self.dataset.targets() {
            Targets::Labels { values, .. } => {
                for (out, &index) in out.iter_mut().zip(indices) {
                    *out = T::from_f64(values[index as usize].into());
                }
                tile.repeat_last_sample(out);
            }
            Targets::Values { values, width: len } => {
                let samples = GatheredSamples { values, indices, len: *len, width: tile.width };
                gather_values(samples, out);
            }
        }
    }
}

impl<T> BatchSource<'_, T> {
    fn of_tile(&self, tile: Tile) -> &[u32] {
        &self.indices[tile.first..tile.first + tile.valid]
    }
}

/// Divides every value, each quotient correctly rounded.
pub(crate) fn divide<T: Float>(values: &mut [T], divisor: T) {
    if divisor != T::ONE {
        vectorize(inlined!(|| values.iter_mut().for_each(|value| *value = *value / divisor)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_divided_exactly_and_samples_are_innermost() {
        let features: Vec<u8> = (0..3 * 70).map(|i| (i * 7 % 256) as u8).collect();
        let targets = Targets::Labels { values: vec![2, 0, 1], classes: 3 };
        let dataset = Dataset::new("test", [70], Features::U8(features.clone()), targets).unwrap();
        let source =
            BatchSource { dataset: &dataset, indices: &[9, 2, 0], next: &[], divisor: 255.0 };
        let tile = Tile { first: 1, valid: 2, width: 4, batch: 3 };
        let mut out = vec![-1.0; 70 * 4];
        source.load_samples(tile, &mut out);
        for f in 0..70 {
            for (lane, sample) in [(0, 2), (1, 0)] {
                assert_eq!(out[f * 4 + lane], f32::from(features[sample * 70 + f]) / 255.0);
            }
            assert_eq!(out[f * 4 + 2..f * 4 + 4], [out[f * 4 + 1]; 2]);
        }
        source.load_targets(tile, &mut out[..4]);
        assert_eq!(out[..2], [1.0, 2.0]);
    }
}
