//! What a trainer tells of itself between two steps.

use data::Targets;
use events::{EvaluationFinished, Measured, ParameterMeasured, RunStarted, Summary};
use runs::{argmax, outputs_of, weights_digest};

use super::Trainer;
use crate::quantiles::quantiles;

impl Trainer {
    /// Measures on the test set.
    pub fn evaluate(&mut self) -> EvaluationFinished {
        let evaluation = self.evaluator.evaluate(
            Some(&self.pool),
            &self.test,
            &self.parameters,
            &self.running_statistics,
        );
        // `Option` orders nothing below every number.
        self.best_accuracy = match (self.best_accuracy, evaluation.accuracy) {
            (Some(best), Some(now)) => Some(best.max(now)),
            (best, now) => best.or(now),
        };
        let wrong = match self.test.targets() {
            Targets::Labels { values, .. } => {
                let guesses = evaluation.classes().zip(values).enumerate();
                let wrong = guesses.filter(|(_, (guess, label))| *guess != **label as usize);
                wrong
                    .map(|(sample, (guess, _))| (sample as u32, guess as u32))
                    .take(EvaluationFinished::MOST_WRONG)
                    .collect()
            }
            Targets::Values { .. } => Vec::new(),
        };
        EvaluationFinished {
            step: self.step,
            epoch: self.epochs_done(),
            loss_nats: evaluation.loss,
            accuracy: evaluation.accuracy,
            samples: evaluation.samples,
            best_accuracy: self.best_accuracy,
            wrong,
        }
    }

    /// Notes the parameters, so that what the next step adds to them can be told.
    pub(super) fn note_before_step(&mut self) {
        let (parameters, step) = &mut self.before;
        parameters.clone_from(&self.parameters);
        *step = Some(self.step);
    }

    /// Looks into the network.
    pub fn measure(&self) -> Measured {
        let specs = &self.model.parameters;
        // All weights and all biases, then each parameter. What batch normalisation adds is a bias as well.
        let of = |parts: &'static [&'static str]| {
            let specs = specs.iter().filter(move |spec| {
                spec.name.rsplit_once('.').is_some_and(|(_, part)| parts.contains(&part))
            });
            specs.map(|spec| &self.parameters[spec.range.clone()]).collect::<Vec<_>>()
        };
        let pooled = [of(&["weight"]), of(&["bias", "offset"])];
        let (gradients, updates) = match self.step {
            0 => (None, None),
            _ => (Some(self.program.gradients()), self.last_update()),
        };
        let kinds = [Some(&self.parameters[..]), gradients, updates.as_deref()];
        let singles = kinds
            .into_iter()
            .flatten()
            .flat_map(|numbers| specs.iter().map(move |spec| vec![&numbers[spec.range.clone()]]));
        let groups: Vec<_> = pooled.into_iter().chain(singles).collect();
        let mut spreads = vec![None; groups.len()];
        self.pool.each(&mut spreads, |i, found| *found = quantiles(&groups[i]));
        // Values, gradients and updates of all parameters stand one kind after the other.
        let mut kinds_found = spreads[2..].chunks(specs.len().max(1));
        let mut next = |is_there: bool| if is_there { kinds_found.next() } else { None };
        let values = next(true).unwrap_or(&[]);
        let gradients = next(gradients.is_some());
        let updates = next(updates.is_some());
        let parameters = specs.iter().zip(values).enumerate();
        let n_shown = match self.step {
            0 => 0,
            _ => self.batches.indices.len().min(Measured::MOST_SAMPLES),
        };
        Measured {
            step: self.step,
            train_secs: self.train_secs,
            batch: self.batches.indices[..n_shown].to_vec(),
            guesses: self.guesses(n_shown),
            weights: spreads[0],
            biases: spreads[1],
            parameters: parameters
                .filter_map(|(i, (spec, &values))| {
                    Some(ParameterMeasured {
                        name: spec.name.clone(),
                        values: values?,
                        gradients: gradients.and_then(|spreads| spreads[i]),
                        updates: updates.and_then(|spreads| spreads[i]),
                    })
                })
                .collect(),
        }
    }

    /// What the last step added to the parameters, if they were noted before it.
    fn last_update(&self) -> Option<Vec<f32>> {
        let (before, step) = &self.before;
        let is_of_last = step.is_some_and(|step| step + 1 == self.step);
        let pairs = || self.parameters.iter().zip(before);
        is_of_last.then(|| pairs().map(|(now, before)| now - before).collect())
    }

    /// The classes that the first samples of the last batch were taken for.
    fn guesses(&self, n_samples: usize) -> Vec<u32> {
        let outputs = outputs_of(&self.batches.dataset);
        let has_classes = matches!(self.batches.dataset.targets(), Targets::Labels { .. });
        let prediction = self.program.value(self.model.prediction);
        let Some(prediction) = prediction.filter(|_| has_classes) else { return Vec::new() };
        let rows = prediction.values().chunks_exact(outputs.max(1)).take(n_samples);
        rows.map(|row| argmax(row) as u32).collect()
    }

    pub(super) fn started(&self, n_steps: u64) -> RunStarted {
        RunStarted {
            version: env!("CARGO_PKG_VERSION").into(),
            preset: self.experiment.name.clone(),
            seed: self.experiment.train.seed,
            threads: self.pool.threads(),
            isa: kernels::Isa::current().name().into(),
            parameters: self.parameters.len(),
            train_samples: self.batches.dataset.len(),
            test_samples: self.test.len(),
            batch: self.experiment.train.batch,
            steps_planned: Some(n_steps),
        }
    }

    pub(super) fn summary(&self, evaluation: &EvaluationFinished, wall_seconds: f64) -> Summary {
        Summary {
            preset: self.experiment.name.clone(),
            seed: self.experiment.train.seed,
            steps: self.step,
            epochs: self.epochs_done(),
            train_loss: self.train_loss,
            test_loss: evaluation.loss_nats,
            test_accuracy: evaluation.accuracy,
            best_test_accuracy: self.best_accuracy,
            weights_digest: weights_digest(&self.parameters, &self.running_statistics),
            samples_per_second: self.step as f64 * self.experiment.train.batch as f64
                / self.train_secs,
            wall_seconds,
            threads: self.pool.threads(),
        }
    }
}
