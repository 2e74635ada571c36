//! The speed of training and inference.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use gradus::graph::Pool;
use gradus::runs::{Evaluator, Predictor};
use gradus::train::Trainer;

/// Batch sizes whose latency is measured.
const BATCHES: [usize; 3] = [1, 100, 1000];
/// The fewest calls a median is taken of.
const MIN_CALLS: usize = 5;

/// Training samples per second, measured for `seconds` after a warm-up.
pub(super) fn training(trainer: &mut Trainer, seconds: f64) -> anyhow::Result<f64> {
    let batch = trainer.saved().experiment.train.batch;
    let mut step = || anyhow::Ok(trainer.step().map(drop)?);
    calls_per_second((seconds / 10.0).min(0.3), &mut step)?;
    Ok(calls_per_second(seconds, step)? * batch as f64)
}

/// Floating-point operations of a training step per sample, without the gradient of the input.
pub(super) fn needed_flop(trainer: &Trainer) -> f64 {
    let layers = &trainer.model().layers;
    let all = trainer.model().multiply_adds();
    let first = layers.iter().map(|layer| layer.multiply_adds).find(|&n| n > 0).unwrap_or(0);
    2.0 * (3 * all - first) as f64
}

/// Samples per second of repeated evaluations of the test set.
pub(super) fn evaluation(trainer: &Trainer, pool: &Pool, seconds: f64) -> anyhow::Result<f64> {
    let (saved, test) = (trainer.saved(), trainer.test_set());
    let mut evaluator = Evaluator::new(&saved.experiment, test)?;
    let mut evaluate = || {
        evaluator.evaluate(Some(pool), test, saved);
        Ok(())
    };
    evaluate()?;
    Ok(calls_per_second(seconds, evaluate)? * test.len() as f64)
}

/// Calls at least once, and until `seconds` have passed.
fn calls_per_second(
    seconds: f64,
    mut call: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let (begin, mut calls) = (Instant::now(), 0.0);
    while calls == 0.0 || begin.elapsed().as_secs_f64() < seconds {
        call()?;
        calls += 1.0;
    }
    Ok(calls / begin.elapsed().as_secs_f64())
}

/// The median duration of a call of a [`Predictor`] for each batch size, in seconds, measured for `seconds` each
/// on the first training samples.
pub(super) fn latencies(
    trainer: &Trainer,
    pool: &Arc<Pool>,
    seconds: f64,
) -> anyhow::Result<BTreeMap<usize, f64>> {
    let measure = |batch| {
        let samples = first_samples(trainer, batch);
        let predictor = Predictor::new(trainer.saved().clone(), batch)?;
        let mut predictor = predictor.with_pool(Arc::clone(pool));
        predictor.predict_features(&samples)?;
        let (begin, mut calls) = (Instant::now(), Vec::new());
        while calls.len() < MIN_CALLS || begin.elapsed().as_secs_f64() < seconds {
            let call = Instant::now();
            predictor.predict_features(&samples)?;
            calls.push(call.elapsed().as_secs_f64());
        }
        let middle = calls.len() / 2;
        Ok((batch, *calls.select_nth_unstable_by(middle, f64::total_cmp).1))
    };
    BATCHES.into_iter().map(measure).collect()
}

/// The first `n` training samples, repeated from the first if there are fewer.
fn first_samples(trainer: &Trainer, n: usize) -> Vec<f32> {
    let set = trainer.train_set();
    (0..n).flat_map(|i| set.sample(i % set.len()).expect("a training set has samples")).collect()
}
