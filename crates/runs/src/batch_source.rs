//! A batch of a dataset, loaded, augmented and transposed where it is used.

use std::cell::RefCell;

use augment::{AugmentKey, Augmentation, PictureBuffers, augment};
use data::{Dataset, Features, Targets};
use graph::BOUND;
use graph::op::Tile;
use kernels::{Float, GatheredSamples, gather_bytes, gather_values, prefetch_all};
use nn::ModelSource;

use crate::experiment::Experiment;

/// Bytes that are divided by a larger number are bounded.
const MIN_DIVISOR: f64 = 1e-10;
const _: () = assert!(u8::MAX as f64 / MIN_DIVISOR < BOUND);

/// Some samples of a dataset, with their targets.
#[derive(Clone, Copy, Debug)]
pub struct BatchSource<'a> {
    /// The dataset.
    pub dataset: &'a Dataset,
    /// The number of each sample of the batch in the dataset.
    pub indices: &'a [u32],
    /// The same for the batch after it; empty if it is not known.
    pub next: &'a [u32],
    /// How the samples vary, in training.
    pub augment: Option<BatchAugmentation<'a>>,
}

/// How the samples of a batch are augmented.
#[derive(Clone, Copy, Debug)]
pub struct BatchAugmentation<'a> {
    /// One after the other.
    pub list: &'a [Augmentation],
    /// The seed of the run.
    pub seed: u64,
    /// The samples that the run has drawn before the first of the batch. So many times all samples are an epoch.
    pub drawn: u128,
}

/// Samples that are augmented or read from a file, one after the other, before they are transposed. One for each thread,
/// kept for the next tile.
#[derive(Debug, Default)]
struct WrittenTile {
    values: Vec<f32>,
    /// The numbers of the samples in `values`.
    numbers: Vec<u32>,
    buffers: PictureBuffers,
}

thread_local! {
    static WRITTEN: RefCell<WrittenTile> = RefCell::default();
}

impl<T: Float> ModelSource<T> for BatchSource<'_> {
    fn is_bounded(&self) -> bool {
        // What an augmentation makes of them is not known.
        self.dataset.is_bytes()
            && f64::from(self.dataset.divisor()).abs() > MIN_DIVISOR
            && self.augment.is_none()
    }

    fn load_samples(&self, tile: Tile, out: &mut [T]) {
        let len = self.dataset.sample_len();
        match self.dataset.features().filter(|_| self.augment.is_none()) {
            None => self.load_written(tile, out),
            Some(features) => self.gather(features, self.of_tile(tile), tile.width, out),
        }
        if let Some(Features::U8(bytes)) = self.dataset.features() {
            let next = self.next.get(tile.first..tile.first + tile.valid).unwrap_or(&[]);
            for &index in next {
                prefetch_all(&bytes[index as usize * len..][..len]);
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
                gather_values(samples, T::ONE, out);
            }
        }
    }
}

impl<'a> BatchSource<'a> {
    /// Samples of a training set as a run of `experiment` sees them after it has drawn so many others.
    pub fn of_training(
        experiment: &'a Experiment,
        dataset: &'a Dataset,
        indices: &'a [u32],
        drawn: u128,
    ) -> Self {
        let (list, seed) = (&experiment.data.augment[..], experiment.train.seed);
        let augment = (!list.is_empty()).then_some(BatchAugmentation { list, seed, drawn });
        Self { dataset, indices, next: &[], augment }
    }

    fn of_tile(&self, tile: Tile) -> &[u32] {
        &self.indices[tile.first..tile.first + tile.valid]
    }

    /// Brings samples side by side, as the network sees them.
    fn gather<T: Float>(&self, features: &Features, indices: &[u32], width: usize, out: &mut [T]) {
        let (len, divisor) = (self.dataset.sample_len(), self.dataset.divisor());
        let divisor = T::from(divisor);
        match features {
            Features::U8(values) => {
                gather_bytes(GatheredSamples { values, indices, len, width }, divisor, out);
            }
            Features::F32(values) => {
                gather_values(GatheredSamples { values, indices, len, width }, divisor, out);
            }
        }
    }

    /// Loads samples that are augmented, or read from a file.
    fn load_written<T: Float>(&self, tile: Tile, out: &mut [T]) {
        WRITTEN.with_borrow_mut(|WrittenTile { values, numbers, buffers }| {
            let len = self.dataset.sample_len();
            // Of the width, so that a tile with fewer samples before this one makes no difference.
            values.resize(tile.width * len, 0.0);
            numbers.clear();
            numbers.extend(0..tile.width as u32);
            let samples = values.chunks_exact_mut(len).take(tile.valid);
            for (i, sample) in (tile.first..).zip(samples) {
                self.write_sample(i, sample, buffers);
            }
            let (indices, width) = (&numbers[..tile.valid], tile.width);
            gather_values(GatheredSamples { values, indices, len, width }, T::ONE, out);
        });
    }

    /// The samples as the network sees them, one after the other.
    pub fn samples(&self) -> Vec<f32> {
        let len = self.dataset.sample_len();
        let mut values = vec![0.0; self.indices.len() * len];
        let mut buffers = PictureBuffers::default();
        for (i, sample) in values.chunks_exact_mut(len).enumerate() {
            self.write_sample(i, sample, &mut buffers);
        }
        values
    }

    /// Writes sample number `i` of the batch.
    fn write_sample(&self, i: usize, to: &mut [f32], buffers: &mut PictureBuffers) {
        let sample = self.indices[i];
        match self.dataset.features() {
            Some(features) => self.gather(features, &[sample], 1, to),
            None => {
                self.dataset.read(sample as usize, to);
                let divisor = self.dataset.divisor();
                to.iter_mut().for_each(|value| *value /= divisor);
            }
        }
        if let Some(BatchAugmentation { list, seed, drawn }) = self.augment {
            let epoch = ((drawn + i as u128) / self.dataset.len() as u128) as u64;
            // An experiment with augmentations has such an input, and the dataset fits it.
            let shape = <[usize; 3]>::try_from(self.dataset.sample_shape());
            let shape = shape.expect("samples of [rows, columns, channels]");
            augment(list, AugmentKey { seed, epoch, sample }, shape, to, buffers);
        }
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
            BatchSource { dataset: &dataset, indices: &[9, 2, 0], next: &[], augment: None };
        let tile = Tile { first: 1, valid: 2, width: 4, batch: 3 };
        let mut out = vec![-1.0_f32; 70 * 4];
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

    /// Features of three pictures of 5 × 7 with 2 channels, as bytes or as numbers, and their batch in which some are
    /// drawn twice, in two epochs.
    fn load_all(features: Features, tile_width: usize, drawn: u128) -> Vec<f32> {
        let list = [
            augment::Rotate { degrees: 30.0 }.into(),
            augment::Elastic { pixels: 1.0, sigma: 2.0 }.into(),
            augment::Brightness { fraction: 0.5 }.into(),
        ];
        let targets = Targets::Labels { values: vec![1, 0, 1], classes: 2 };
        let dataset = Dataset::new("pictures", [5, 7, 2], features, targets).unwrap();
        let indices = [0, 1, 2, 1, 0, 2, 0];
        let augment = Some(BatchAugmentation { list: &list, seed: 5, drawn });
        let dataset = dataset.divided_by(255.0);
        let source = BatchSource { dataset: &dataset, indices: &indices, next: &[], augment };
        let mut all = vec![0.0; 7 * 70];
        for first in (0..7).step_by(tile_width) {
            let valid = tile_width.min(7 - first);
            let tile = Tile { first, valid, width: tile_width + 1, batch: 7 };
            let mut out = vec![-1.0; 70 * tile.width];
            source.load_samples(tile, &mut out);
            for (f, row) in out.chunks_exact(tile.width).enumerate() {
                for (sample, &value) in row[..valid].iter().enumerate() {
                    all[(first + sample) * 70 + f] = value;
                }
                assert!(row[valid..].iter().all(|value| *value == row[valid - 1]));
            }
        }
        assert_eq!(all, source.samples());
        all
    }

    #[test]
    fn augmented_samples_depend_on_epoch_and_sample_alone() {
        let bytes: Vec<u8> = (0..3 * 70).map(|i| (i * 7 % 256) as u8).collect();
        let load = |width, drawn| load_all(Features::U8(bytes.clone()), width, drawn);
        let all = load(7, 3);
        let numbers = Features::F32(bytes.iter().map(|&byte| f32::from(byte)).collect());
        assert_eq!(load_all(numbers, 3, 3), all);
        for width in [1, 2, 5, 16] {
            assert_eq!(load(width, 3), all, "tiles of {width}");
        }
        // Samples 0, 1, 2 in epoch 1, 1, 0, 2 in epoch 2, 0 in epoch 3.
        let sample = |i: usize| &all[i * 70..(i + 1) * 70];
        let different = [(0, 4), (0, 6), (4, 6), (1, 3), (2, 5)];
        assert!(different.iter().all(|&(a, b)| sample(a) != sample(b)));
        // With another number of samples before, each of them is in an epoch before.
        let earlier = load(7, 0);
        assert_eq!(earlier[3 * 70..6 * 70], [sample(1), sample(0), sample(2)].concat());
        // After 2⁶⁴ samples as well.
        assert_ne!(load(7, u128::from(u64::MAX)), all);
    }
}
