//! What a trainer reports between two steps: evaluations, snapshots, the start and the results of the run.

use data::Targets;
use events::{EvaluationFinished, FORMAT, ParameterSnapshot, Part, RunStarted, Snapshot, Summary};
use runs::metrics::{metric_infos, update_best};
use runs::{outputs_of, predicted_class, weights_digest};

use super::Trainer;
use crate::quantiles::quantiles;

impl Trainer {
    /// Evaluates on the test set.
    pub fn evaluate(&mut self) -> EvaluationFinished {
        let evaluation = self.evaluator.evaluate(
            Some(&self.pool),
            &self.test,
            &self.parameters,
            &self.running_statistics,
        );
        update_best(&mut self.best, &evaluation.metrics, self.step);
        let misclassified = match self.test.targets() {
            Targets::Labels { values, .. } => {
                let classes = evaluation.classes().zip(values).enumerate();
                let mistakes = classes.filter(|(_, (class, label))| *class != **label as usize);
                mistakes
                    .map(|(sample, (class, _))| (sample as u32, class as u32))
                    .take(EvaluationFinished::MOST_MISCLASSIFIED)
                    .collect()
            }
            Targets::Values { .. } => Vec::new(),
        };
        EvaluationFinished {
            step: self.step,
            epoch: self.epochs_done(),
            part: Part::Test,
            samples: evaluation.samples,
            metrics: evaluation.metrics,
            best: self.best.clone(),
            misclassified,
        }
    }

    /// Keeps a copy of the parameters, from which the update of the next step can be computed.
    pub(super) fn keep_previous_parameters(&mut self) {
        let (parameters, step) = &mut self.previous;
        parameters.clone_from(&self.parameters);
        *step = Some(self.step);
    }

    /// Statistics of the parameters, and the last batch.
    pub fn snapshot(&self) -> Snapshot {
        let specs = &self.model.parameters;
        // All weights and all biases, then each parameter. What batch normalisation adds is a bias as well.
        let of = |roles: &'static [&'static str]| {
            let specs =
                specs.iter().filter(move |spec| roles.contains(&layer_and_role(&spec.name).1));
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
        let mut found = vec![None; groups.len()];
        self.pool.each(&mut found, |i, found| *found = quantiles(&groups[i]));
        // Values, gradients and updates of all parameters stand one kind after the other.
        let mut kinds_found = found[2..].chunks(specs.len().max(1));
        let mut next = |is_there: bool| if is_there { kinds_found.next() } else { None };
        let values = next(true).unwrap_or(&[]);
        let gradients = next(gradients.is_some());
        let updates = next(updates.is_some());
        let parameters = specs.iter().zip(values).enumerate();
        let n_shown = match self.step {
            0 => 0,
            _ => self.batches.indices.len().min(Snapshot::MOST_SAMPLES),
        };
        Snapshot {
            step: self.step,
            train_secs: self.train_secs,
            batch: self.batches.indices[..n_shown].to_vec(),
            predictions: self.predicted_classes(n_shown),
            weights: found[0],
            biases: found[1],
            parameters: parameters
                .filter_map(|(i, (spec, &values))| {
                    let (layer, role) = layer_and_role(&spec.name);
                    Some(ParameterSnapshot {
                        layer: layer.to_owned(),
                        role: role.to_owned(),
                        values: values?,
                        gradients: gradients.and_then(|found| found[i]),
                        updates: updates.and_then(|found| found[i]),
                    })
                })
                .collect(),
        }
    }

    /// What the last step added to the parameters, if they were kept before it.
    fn last_update(&self) -> Option<Vec<f32>> {
        let (previous, step) = &self.previous;
        let is_of_last = step.is_some_and(|step| step + 1 == self.step);
        let pairs = || self.parameters.iter().zip(previous);
        is_of_last.then(|| pairs().map(|(now, previous)| now - previous).collect())
    }

    /// The predicted classes of the first samples of the last batch.
    fn predicted_classes(&self, n_samples: usize) -> Vec<u32> {
        let outputs = outputs_of(&self.batches.dataset);
        let has_classes = matches!(self.batches.dataset.targets(), Targets::Labels { .. });
        let prediction = self.program.value(self.model.prediction);
        let Some(prediction) = prediction.filter(|_| has_classes) else { return Vec::new() };
        let rows = prediction.values().chunks_exact(outputs.max(1)).take(n_samples);
        rows.map(|row| predicted_class(row) as u32).collect()
    }

    pub(super) fn started(&self, n_steps: u64) -> RunStarted {
        let train_set = &self.batches.dataset;
        let loss = &self.experiment.train.loss;
        RunStarted {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            name: self.experiment.name.clone(),
            seed: self.experiment.train.seed,
            threads: self.pool.threads(),
            isa: kernels::Isa::current().name().into(),
            rank: None,
            ranks: None,
            parameters: self.parameters.len(),
            parts: [(Part::Train, train_set.len()), (Part::Test, self.test.len())].into(),
            batch: self.experiment.train.batch,
            steps_planned: Some(n_steps),
            loss: loss.name().into(),
            metrics: metric_infos(loss, train_set.targets()),
            continues: None,
            fork_of: None,
        }
    }

    pub(super) fn summary(&self, evaluation: &EvaluationFinished, wall_seconds: f64) -> Summary {
        Summary {
            name: self.experiment.name.clone(),
            seed: self.experiment.train.seed,
            steps: self.step,
            epochs: self.epochs_done(),
            train: self.last_metrics.clone(),
            test: evaluation.metrics.clone(),
            best: self.best.clone(),
            weights_digest: weights_digest(&self.parameters, &self.running_statistics),
            samples_per_second: self.step as f64 * self.experiment.train.batch as f64
                / self.train_secs,
            wall_seconds,
            threads: self.pool.threads(),
        }
    }
}

/// The path of a parameter's layer and its role there: `3.conv2d` and `weight`.
pub(super) fn layer_and_role(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}
