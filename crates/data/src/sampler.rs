//! Draws the samples of batches.
//!
//! Batch number `step` depends on the order, the two sizes and the random numbers of the caller only,
//! never on the batches drawn before: a resumed run draws the same batches as one that never stopped.

use kernels::random::shuffle;

use crate::{DataError, DataFault, Order};

/// A request for one random number.
///
/// The answer must be uniform: a counter-based generator keyed by `stream`, `counter` and the caller's seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The epoch that is shuffled, or with replacement the step.
    pub stream: u64,
    /// Which number of the stream.
    pub counter: u64,
    /// The answer is below this; at least 1.
    pub bound: u64,
}

/// Draws the batches of one training set.
///
/// # Examples
///
/// ```
/// # use gradus_data::{DataError, Draw, Order, Sampler};
/// // A generator for the example only; the trainer's is keyed by its seed.
/// let random = |draw: Draw| (draw.stream + 7 * draw.counter) % draw.bound;
///
/// let mut sampler = Sampler::new(Order::ShuffledEpochs, 5, 2)?;
/// let (mut batch, mut drawn) = (Vec::new(), Vec::new());
/// for step in 0..5 {
///     sampler.draw_batch(step, &random, &mut batch);
///     drawn.extend_from_slice(&batch);
/// }
/// for epoch in drawn.chunks_mut(5) {
///     epoch.sort();
///     assert_eq!(epoch, [0, 1, 2, 3, 4]);
/// }
/// # Ok::<(), DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Sampler {
    order: Order,
    n_samples: usize,
    batch_size: usize,
    /// The samples in the order of epoch `shuffled_epoch`; empty with replacement.
    permutation: Vec<u32>,
    shuffled_epoch: Option<u64>,
}

impl Sampler {
    /// Prepares to draw batches of `batch_size` from `n_samples` samples.
    ///
    /// # Errors
    ///
    /// [`DataFault::Batch`] without samples, with more than a `u32` counts, for a batch of 0, or if an order that draws
    /// whole batches is shorter than one.
    pub fn new(order: Order, n_samples: usize, batch_size: usize) -> Result<Self, DataError> {
        let error = DataFault::Batch { batch_size, n_samples }.of(order);
        let Ok(1..) = u32::try_from(n_samples) else { return Err(error) };
        let is_of_whole_batches = matches!(order, Order::FixedOrder | Order::ShuffledDropLast);
        if batch_size == 0 || (is_of_whole_batches && batch_size > n_samples) {
            return Err(error);
        }
        let (permutation, shuffled_epoch) = (Vec::new(), None);
        Ok(Self { order, n_samples, batch_size, permutation, shuffled_epoch })
    }

    /// Replaces the content of `batch` by the samples of batch number `step`, counted from 0.
    ///
    /// # Cost
    ///
    /// A random number for each sample of an epoch that is entered. Nothing is allocated after the first batch.
    pub fn draw_batch(&mut self, step: u64, random: &dyn Fn(Draw) -> u64, batch: &mut Vec<u32>) {
        let (n_samples, batch_size) = (self.n_samples, self.batch_size);
        batch.clear();

        // In 128 bits no step is too large.
        let position = u128::from(step) * batch_size as u128;
        let (mut epoch, mut start) = match self.order {
            // Only the sum of a full batch matters: it is in the order of the dataset.
            Order::ShuffledEpochs | Order::ShuffledDropLast if batch_size == n_samples => {
                batch.extend(0..n_samples as u32);
                return;
            }
            Order::ShuffledEpochs | Order::ShuffledDropLast => {
                let epoch_len = self.order.epoch_samples(n_samples, batch_size) as u128;
                ((position / epoch_len) as u64, (position % epoch_len) as usize)
            }
            Order::FixedOrder => {
                let fixed_len = n_samples - n_samples % batch_size;
                (0, (position % fixed_len as u128) as usize)
            }
            Order::WithReplacement => {
                let draw = |counter| Draw { stream: step, counter, bound: n_samples as u64 };
                batch.extend((0..batch_size as u64).map(|i| random(draw(i)) as u32));
                return;
            }
        };
        while batch.len() < batch_size {
            let rest = &self.permutation_of(epoch, random)[start..];
            batch.extend_from_slice(&rest[..rest.len().min(batch_size - batch.len())]);
            (epoch, start) = (epoch.wrapping_add(1), 0);
        }
    }

    /// The samples in the order of an epoch, which is computed when the epoch is entered.
    fn permutation_of(&mut self, epoch: u64, random: &dyn Fn(Draw) -> u64) -> &[u32] {
        if self.shuffled_epoch != Some(epoch) {
            // From the natural order, not from the last epoch's: an epoch stands for itself.
            self.permutation.clear();
            self.permutation.extend(0..self.n_samples as u32);
            self.shuffled_epoch = Some(epoch);
            shuffle(&mut self.permutation, |bound| {
                random(Draw { stream: epoch, counter: bound - 1, bound })
            });
        }
        &self.permutation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [Order; 4] =
        [Order::ShuffledEpochs, Order::ShuffledDropLast, Order::FixedOrder, Order::WithReplacement];

    /// Both keys through a 64-bit mixer: random enough to test with, and stateless.
    fn random(draw: Draw) -> u64 {
        let mut bits = draw.stream.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ draw.counter;
        for _ in 0..3 {
            bits = (bits ^ (bits >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        }
        (bits >> 32) % draw.bound
    }

    fn sampler(order: Order, n_samples: usize, batch_size: usize) -> Sampler {
        Sampler::new(order, n_samples, batch_size).expect("the sizes fit")
    }

    fn batch(sampler: &mut Sampler, step: u64) -> Vec<u32> {
        let mut batch = Vec::new();
        sampler.draw_batch(step, &random, &mut batch);
        batch
    }

    /// The batches of the first `steps` steps, one after the other.
    fn draw_all(sampler: &mut Sampler, steps: u64) -> Vec<u32> {
        (0..steps).flat_map(|step| batch(sampler, step)).collect()
    }

    fn sorted(samples: &[u32]) -> Vec<u32> {
        let mut samples = samples.to_vec();
        samples.sort_unstable();
        samples
    }

    #[test]
    fn each_epoch_holds_each_sample_once_whatever_the_batch() {
        // Batches that divide the epoch, that reach across its end, of one, of all and of more.
        for batch_size in [1, 2, 3, 4, 7, 11, 12, 13, 30] {
            let drawn = draw_all(&mut sampler(Order::ShuffledEpochs, 12, batch_size), 60);
            for epoch in drawn.chunks_exact(12) {
                assert_eq!(sorted(epoch), Vec::from_iter(0..12), "batches of {batch_size}");
            }
        }
    }

    #[test]
    fn epochs_differ_from_each_other_and_from_the_natural_order_which_a_full_batch_has() {
        let drawn = draw_all(&mut sampler(Order::ShuffledEpochs, 100, 10), 30);
        let natural = Vec::from_iter(0..100);
        let orders = [&drawn[..100], &drawn[100..200], &drawn[200..], &natural];
        for (i, order) in orders.iter().enumerate() {
            assert!(!orders[..i].contains(order), "order {i} repeats an earlier one");
        }
        let drawn = draw_all(&mut sampler(Order::ShuffledEpochs, 5, 5), 2);
        assert_eq!(drawn, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_permutation_is_about_equally_likely() {
        let mut sampler = sampler(Order::ShuffledEpochs, 3, 1);
        let mut counts = std::collections::BTreeMap::new();
        for epoch in 0..60_000 {
            let order: Vec<u32> = (0..3).flat_map(|i| batch(&mut sampler, 3 * epoch + i)).collect();
            *counts.entry(order).or_insert(0_i32) += 1;
        }
        // Standard deviation 91: 500 is five of them. Drawing each swap from all is 1111 off.
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count| (count - 10_000).abs() < 500), "{counts:?}");
    }

    #[test]
    fn a_fixed_order_repeats_its_whole_batches_and_never_draws_the_rest() {
        for (n_samples, batch_size, period) in [(12, 4, 3), (13, 4, 3), (7, 1, 7), (5, 5, 1)] {
            let mut sampler = sampler(Order::FixedOrder, n_samples, batch_size);
            let first = draw_all(&mut sampler, period);
            let distinct = sorted(&first).windows(2).all(|pair| pair[0] < pair[1]);
            assert!(distinct, "{first:?} draws a sample twice");
            for step in 0..3 * period {
                let start = (step % period) as usize * batch_size;
                assert_eq!(batch(&mut sampler, step), first[start..][..batch_size]);
            }
        }
    }

    #[test]
    fn an_epoch_without_its_last_batch_draws_no_sample_twice_and_each_epoch_leaves_others_out() {
        for (n_samples, batch_size) in [(12, 4), (13, 4), (7, 5), (5, 5)] {
            let mut sampler = sampler(Order::ShuffledDropLast, n_samples, batch_size);
            let whole = n_samples - n_samples % batch_size;
            let drawn = draw_all(&mut sampler, 20 * (whole / batch_size) as u64);
            let mut counts = vec![0; n_samples];
            for epoch in drawn.chunks_exact(whole) {
                let distinct = sorted(epoch).windows(2).all(|pair| pair[0] < pair[1]);
                assert!(distinct, "batches of {batch_size} from {n_samples}: {epoch:?}");
                epoch.iter().for_each(|&sample| counts[sample as usize] += 1);
            }
            assert!(counts.iter().all(|&count| count > 0), "{n_samples}: {counts:?}");
        }
    }

    #[test]
    fn with_replacement_every_sample_is_about_equally_frequent() {
        let mut sampler = sampler(Order::WithReplacement, 10, 100);
        let mut counts = [0_i32; 10];
        for sample in draw_all(&mut sampler, 100) {
            counts[sample as usize] += 1;
        }
        // Standard deviation 30: 150 is five of them.
        assert!(counts.iter().all(|count| (count - 1000).abs() < 150), "{counts:?}");
        assert_ne!(batch(&mut sampler, 0), batch(&mut sampler, 1));
    }

    #[test]
    fn a_jump_draws_the_batches_of_a_sequence_and_no_step_is_too_large() {
        for order in ORDERS {
            for batch_size in [1, 3, 10] {
                let mut in_sequence = sampler(order, 10, batch_size);
                let batches: Vec<_> = (0..40).map(|step| batch(&mut in_sequence, step)).collect();
                // Forwards into a fresh sampler, then backwards in the same one.
                let mut jumping = sampler(order, 10, batch_size);
                for step in [39, 17, 3, 4, 0] {
                    let jumped = batch(&mut jumping, step as u64);
                    assert_eq!(jumped, batches[step], "{order}, batches of {batch_size}, {step}");
                }
            }
            let drawn = batch(&mut sampler(order, 10, 7), u64::MAX);
            assert!(drawn.len() == 7 && drawn.iter().all(|&sample| sample < 10), "{order}");
        }
    }

    #[test]
    fn no_buffer_moves_after_the_first_batch() {
        for order in ORDERS {
            let mut sampler = sampler(order, 10, 3);
            let mut batch = Vec::new();
            sampler.draw_batch(0, &random, &mut batch);
            let buffers = (batch.as_ptr(), sampler.permutation.as_ptr());
            for step in 1..50 {
                sampler.draw_batch(step, &random, &mut batch);
            }
            assert_eq!(buffers, (batch.as_ptr(), sampler.permutation.as_ptr()), "{order}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_served_are_errors() {
        for (n_samples, batch_size) in [(0, 1), (1, 0), (u32::MAX as usize + 1, 1)] {
            assert!(
                ORDERS.iter().all(|&order| Sampler::new(order, n_samples, batch_size).is_err())
            );
        }
        assert!(Sampler::new(Order::ShuffledDropLast, 99, 100).is_err());
        let error = Sampler::new(Order::FixedOrder, 99, 100).unwrap_err();
        assert_eq!(error.to_string(), "fixed_order: cannot draw batches of 100 from 99 samples");
    }
}
