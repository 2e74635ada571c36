//! The batches of a training set, one after the other.

use std::ops::Range;

use augment::Augmentation;
use data::{DataError, Dataset, Draw, Sampler};
use kernels::random::{below, philox};

use runs::{BatchAugmentation, BatchSource, Experiment};

/// Random draws of the order of samples: `"orde"`. Every purpose has its own.
const ORDER: u32 = 0x6f72_6465;

/// A training set and the batch that was drawn last.
#[derive(Debug)]
pub(crate) struct Batches {
    pub(crate) dataset: Dataset,
    sampler: Sampler,
    seed: u64,
    augment: Vec<Augmentation>,
    /// The step of the batch.
    step: u64,
    /// The number of each sample of the batch in the dataset.
    pub(crate) indices: Vec<u32>,
    /// The same for the batch of the step after, and that step.
    next: (Vec<u32>, Option<u64>),
}

impl Batches {
    pub(crate) fn new(experiment: &Experiment, dataset: Dataset) -> Result<Self, DataError> {
        let train = &experiment.train;
        Ok(Self {
            sampler: Sampler::new(train.order, dataset.len(), train.batch)?,
            seed: train.seed,
            augment: experiment.data.augment.clone(),
            step: 0,
            indices: Vec::with_capacity(train.batch),
            next: (Vec::with_capacity(train.batch), None),
            dataset,
        })
    }

    /// Draws the batch of `step`, counted from 0. It depends on the seed and the step alone.
    ///
    /// The next one is drawn as well, so that its samples can be fetched from memory in time.
    pub(crate) fn draw(&mut self, step: u64) {
        let seed = self.seed;
        let random = |Draw { stream, counter, bound }| {
            let counter = [counter as u32, (counter >> 32) as u32];
            let stream = [stream as u32, ORDER ^ (stream >> 32) as u32];
            let words = philox([counter[0], counter[1], stream[0], stream[1]], seed);
            below(u64::from(words[0]) << 32 | u64::from(words[1]), bound)
        };
        self.step = step;
        let (next, next_step) = &mut self.next;
        if *next_step == Some(step) {
            std::mem::swap(&mut self.indices, next);
        } else {
            self.sampler.draw_batch(step, &random, &mut self.indices);
        }
        *next_step = step.checked_add(1);
        if let Some(step) = *next_step {
            self.sampler.draw_batch(step, &random, next);
        }
    }

    /// The batch.
    pub(crate) fn source(&self) -> BatchSource<'_> {
        BatchSource { next: &self.next.0, ..self.source_of(0..self.indices.len()) }
    }

    /// A part of the batch.
    pub(crate) fn source_of(&self, samples: Range<usize>) -> BatchSource<'_> {
        let Self { dataset, augment, .. } = self;
        let drawn = u128::from(self.step) * self.indices.len() as u128 + samples.start as u128;
        let augmentation = BatchAugmentation { list: augment, seed: self.seed, drawn };
        BatchSource {
            dataset,
            indices: &self.indices[samples],
            next: &[],
            augment: (!augment.is_empty()).then_some(augmentation),
        }
    }
}
