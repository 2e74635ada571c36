//! Inference speed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use gradus::data::Features;
use gradus::graph::Pool;
use gradus::runs::{Evaluator, Predictor};
use gradus::train::Trainer;

/// Batch sizes measured.
const BATCHES: [usize; 3] = [1, 100, 1000];
/// The fewest calls a median is taken of.
const MIN_CALLS: usize = 5;

/// Samples per second of repeated evaluations of the test set.
pub(super) fn samples_per_second(
    trainer: &Trainer,
    pool: &Pool,
    seconds: f64,
) -> anyhow::Result<f64> {
    let (experiment, test) = (trainer.experiment(), trainer.test_set());
    let objective = experiment.train.objective();
    let mut evaluator =
        Evaluator::new(&experiment.model, &objective, test, experiment.data.divisor_for(test))?;
    let mut evaluate =
        || evaluator.evaluate(Some(pool), test, trainer.parameters(), trainer.running_statistics());
    evaluate();
    let (begin, mut rounds) = (Instant::now(), 0);
    while rounds == 0 || begin.elapsed().as_secs_f64() < seconds {
        evaluate();
        rounds += 1;
    }
    Ok((rounds * test.len()) as f64 / begin.elapsed().as_secs_f64())
}

/// The median duration of a call of a [`Predictor`] for each batch size, in seconds, measured for `seconds` each
/// on the first training samples.
pub(super) fn seconds(
    trainer: &Trainer,
    pool: &Arc<Pool>,
    seconds: f64,
) -> anyhow::Result<BTreeMap<usize, f64>> {
    let saved = trainer.saved();
    let mut medians = BTreeMap::new();
    for batch in BATCHES {
        let samples = first_samples(trainer, batch);
        let predictor = Predictor::with_batch(saved.clone(), batch)?;
        let mut predictor = predictor.with_pool(Arc::clone(pool));
        predictor.predict(&samples);
        let (begin, mut calls) = (Instant::now(), Vec::new());
        while calls.len() < MIN_CALLS || begin.elapsed().as_secs_f64() < seconds {
            let call = Instant::now();
            predictor.predict(&samples);
            calls.push(call.elapsed().as_secs_f64());
        }
        medians.insert(batch, median(&mut calls));
    }
    Ok(medians)
}

/// The first `n` training samples, repeated from the first if there are fewer.
fn first_samples(trainer: &Trainer, n: usize) -> Vec<f32> {
    let set = trainer.train_set();
    let len = n * set.sample_len();
    match set.features() {
        Features::U8(bytes) => bytes.iter().map(|&byte| byte.into()).cycle().take(len).collect(),
        Features::F32(values) => values.iter().copied().cycle().take(len).collect(),
    }
}

fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}
