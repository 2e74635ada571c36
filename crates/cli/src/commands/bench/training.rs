//! Training speed.

use std::time::{Duration, Instant};

use gradus::train::Trainer;

/// Training samples per second, measured for `seconds` after a warm-up.
pub(super) fn samples_per_second(trainer: &mut Trainer, seconds: f64) -> anyhow::Result<f64> {
    let warm_until = Instant::now() + Duration::from_secs_f64((seconds / 10.0).min(0.3));
    while Instant::now() < warm_until {
        trainer.step()?;
    }
    let (begin, first) = (Instant::now(), trainer.steps_done());
    while begin.elapsed().as_secs_f64() < seconds {
        trainer.step()?;
    }
    let steps = trainer.steps_done() - first;
    Ok((steps * trainer.experiment().train.batch as u64) as f64 / begin.elapsed().as_secs_f64())
}

/// Floating-point operations of a training step per sample, without the gradient of the input.
pub(super) fn needed_flop(trainer: &Trainer) -> f64 {
    let layers = &trainer.model().layers;
    let all = trainer.model().multiply_adds();
    let first = layers.iter().map(|layer| layer.multiply_adds).find(|&n| n > 0).unwrap_or(0);
    2.0 * (3 * all - first) as f64
}
