//! The time of a step by layer, and its allocations.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use gradus::graph::{Direction, Pool};
use gradus::train::Trainer;
use serde::Serialize;
use stats_alloc::Region;

use crate::ALLOCATOR;

/// The most steps that are timed.
const STEPS: u64 = 300;

/// Time per step by layer, in microseconds summed over all threads.
#[derive(Debug, Serialize)]
pub(super) struct StepParts {
    /// The data, each layer and the loss, in the order of the graph.
    pub(super) layers: Vec<LayerTime>,
    /// The rest of the threads' time: the optimizer and synchronization.
    pub(super) update_us: f64,
    /// Allocations per step among steps without metrics; `None` if every step reports metrics.
    pub(super) allocations_per_step: Option<f64>,
}

/// Time per step of the nodes of a layer.
#[derive(Debug, Serialize)]
pub(super) struct LayerTime {
    pub(super) name: String,
    pub(super) forward_us: f64,
    pub(super) backward_us: f64,
}

impl StepParts {
    /// Times up to [`STEPS`] steps of a trainer after warm-up, for at most `seconds`.
    pub(super) fn measure(
        trainer: &mut Trainer,
        pool: &Pool,
        seconds: f64,
    ) -> anyhow::Result<Self> {
        // A thread allocates when it starts; all must have started.
        let all = Barrier::new(pool.threads());
        pool.run(pool.threads(), |_| {
            all.wait();
        });
        trainer.start_times();
        let (mut steps, mut quiet_steps, mut allocations) = (0, 0, 0);
        let mut elapsed = Duration::ZERO;
        while steps == 0 || (steps < STEPS && elapsed.as_secs_f64() < seconds) {
            let region = Region::new(ALLOCATOR);
            let begin = Instant::now();
            trainer.step()?;
            elapsed += begin.elapsed();
            let counted = region.change();
            steps += 1;
            if !trainer.steps_done().is_multiple_of(trainer.saved().experiment.train.report_every) {
                quiet_steps += 1;
                allocations += counted.allocations + counted.reallocations;
            }
        }
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / steps as f64;
        let layers = layers(trainer, micros);
        let in_layers: f64 = layers.iter().map(|layer| layer.forward_us + layer.backward_us).sum();
        Ok(Self {
            layers,
            // Threads that share a core count its time twice.
            update_us: (pool.threads() as f64 * micros(elapsed) - in_layers).max(0.0),
            allocations_per_step: (quiet_steps > 0)
                .then(|| allocations as f64 / quiet_steps as f64),
        })
    }
}

fn layers(trainer: &Trainer, micros: impl Fn(Duration) -> f64) -> Vec<LayerTime> {
    let graph = &trainer.model().graph;
    let mut layers: Vec<LayerTime> = Vec::new();
    let Some(times) = trainer.times() else { return layers };
    for (id, _) in graph.nodes() {
        let name = graph.scope(id);
        if layers.last().is_none_or(|layer| layer.name != name) {
            layers.push(LayerTime { name: name.to_owned(), forward_us: 0.0, backward_us: 0.0 });
        }
        if let Some(layer) = layers.last_mut() {
            layer.forward_us += micros(times.of(id, Direction::Forward));
            layer.backward_us += micros(times.of(id, Direction::Backward));
        }
    }
    layers
}
