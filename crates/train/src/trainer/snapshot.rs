//! What a trainer reports between two steps: evaluations, snapshots, the start and the results of the run.

use std::collections::BTreeMap;

use data::Targets;
use events::{EvaluationFinished, ParameterSnapshot, Part, RunStarted, Snapshot, Summary};
use events::{FORMAT, MOST_MISCLASSIFIED, MOST_SAMPLES};
use nn::ParameterRole::{Bias, Offset, Weight};
use runs::metrics::{metric_infos, update_best};
use runs::{SavedModel, predicted_class};

use super::Trainer;
use crate::quantiles::quantiles;

/// The evaluations of a network at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluatedParts {
    /// On the validation set, if there is one.
    pub validation: Option<EvaluationFinished>,
    /// On the test set.
    pub test: EvaluationFinished,
}

impl EvaluatedParts {
    /// The evaluation by which the run chooses.
    pub fn selecting(&self) -> &EvaluationFinished {
        self.validation.as_ref().unwrap_or(&self.test)
    }

    fn selecting_mut(&mut self) -> &mut EvaluationFinished {
        self.validation.as_mut().unwrap_or(&mut self.test)
    }
}

impl Trainer {
    /// Evaluates on the validation set, if there is one, and on the test set, and notes what is the best so far.
    pub fn evaluate(&mut self) -> EvaluatedParts {
        self.evaluated(true, &mut || false).expect("nobody gives it up")
    }

    /// As [`evaluate`](Self::evaluate); the best so far changes only with an evaluation that is planned. None if
    /// `is_given_up` says so in between.
    pub(super) fn evaluated(
        &mut self,
        is_planned: bool,
        is_given_up: &mut dyn FnMut() -> bool,
    ) -> Option<EvaluatedParts> {
        self.gather();
        let validation = match self.validation {
            Some(_) => Some(self.evaluate_part(Part::Validation, is_given_up)?),
            None => None,
        };
        let mut parts =
            EvaluatedParts { validation, test: self.evaluate_part(Part::Test, is_given_up)? };
        if is_planned {
            let test = parts.validation.as_ref().map(|_| &parts.test.metrics);
            let of_equal = self.current.experiment.train.best_of_equal;
            update_best(&mut self.best, of_equal, &parts.selecting().metrics, test, self.step);
        }
        parts.selecting_mut().best = self.best.clone();
        Some(parts)
    }

    /// Evaluates on the test set or the validation set, which must be there.
    fn evaluate_part(
        &mut self,
        part: Part,
        is_given_up: &mut dyn FnMut() -> bool,
    ) -> Option<EvaluationFinished> {
        let saved = self.averaged.as_ref().unwrap_or(&self.current);
        let dataset = self.validation.as_ref().filter(|_| part == Part::Validation);
        let dataset = dataset.unwrap_or(&self.test);
        let evaluation =
            self.evaluator.evaluate_unless(Some(&self.pool), dataset, saved, is_given_up)?;
        let misclassified = match dataset.targets() {
            Targets::Labels { values, .. } => {
                let classes = (0..).zip(evaluation.classes().map(|class| class as u32)).zip(values);
                let mistakes = classes.filter(|((_, class), label)| class != *label);
                let listed = mistakes.take(MOST_MISCLASSIFIED);
                listed.map(|(mistake, _)| mistake).collect()
            }
            Targets::Values { .. } => Vec::new(),
        };
        Some(EvaluationFinished {
            step: self.step,
            epoch: self.epochs_done(),
            part,
            samples: dataset.len(),
            metrics: evaluation.metrics,
            best: BTreeMap::new(),
            misclassified,
        })
    }

    /// Whether an evaluation is the best so far by which the run chooses.
    pub(crate) fn is_best(&self, evaluation: &EvaluationFinished) -> bool {
        let best = evaluation.best.get(&self.selection.metric);
        best.is_some_and(|best| best.step == evaluation.step)
    }

    /// Keeps a copy of the parameters, from which the update of the next step can be computed.
    pub(super) fn keep_previous_parameters(&mut self) {
        let (parameters, step) = &mut self.previous;
        parameters.clone_from(&self.current.parameters);
        *step = Some(self.step);
    }

    /// Statistics of the parameters, and the last batch.
    pub fn snapshot(&self) -> Snapshot {
        let (specs, parameters) = (&self.model.parameters, &self.current.parameters[..]);
        // All weights and all biases, then each parameter. What batch normalisation adds is a bias as well.
        let pooled = [&[Weight][..], &[Bias, Offset]].map(|roles| {
            let specs = specs.iter().filter(|spec| roles.contains(&spec.role));
            specs.map(|spec| &parameters[spec.range.clone()]).collect()
        });
        // A trainer that continues has no gradients before its own first step.
        let is_trained = self.step > self.first_own_step;
        let gradients = is_trained.then(|| self.program.gradients());
        let update = self.last_update();
        let kinds = [Some(parameters), gradients, update.as_deref()];
        let singles = specs.iter().flat_map(|spec| {
            kinds.map(|numbers| numbers.iter().map(|&all| &all[spec.range.clone()]).collect())
        });
        let groups: Vec<Vec<&[f32]>> = pooled.into_iter().chain(singles).collect();
        let mut found = vec![None; groups.len()];
        self.pool.each(&mut found, |i, found| *found = quantiles(&groups[i]));
        let indices = &self.batches.indices;
        let n_shown = if is_trained { indices.len().min(MOST_SAMPLES) } else { 0 };
        let (of_kinds, _) = found[2..].as_chunks();
        let parameters = specs.iter().zip(of_kinds).filter_map(|(spec, found)| {
            let [layer, part, role] =
                [spec.layer(), spec.part(), spec.role.name()].map(str::to_owned);
            let [values, gradients, updates] = *found;
            Some(ParameterSnapshot { layer, part, role, values: values?, gradients, updates })
        });
        Snapshot {
            step: self.step,
            train_secs: self.train_secs,
            batch: indices[..n_shown].to_vec(),
            predictions: self.predicted_classes(n_shown),
            weights: found[0],
            biases: found[1],
            parameters: parameters.collect(),
        }
    }

    /// What the last step added to the parameters, if they were kept before it.
    fn last_update(&self) -> Option<Vec<f32>> {
        let (previous, step) = &self.previous;
        let is_of_last = step.is_some_and(|step| step + 1 == self.step);
        let pairs = || self.current.parameters.iter().zip(previous);
        is_of_last.then(|| pairs().map(|(now, previous)| now - previous).collect())
    }

    /// The predicted classes of the first samples of the last batch.
    fn predicted_classes(&self, n_samples: usize) -> Vec<u32> {
        let has_classes = matches!(self.batches.dataset.targets(), Targets::Labels { .. });
        let prediction = self.program.gathered_value(self.model.prediction);
        let Some(prediction) = prediction.filter(|_| has_classes) else { return Vec::new() };
        let rows = prediction.values().chunks_exact(prediction.shape()[1]).take(n_samples);
        rows.map(|row| predicted_class(row) as u32).collect()
    }

    pub(super) fn started(&self) -> RunStarted {
        let train_set = &self.batches.dataset;
        let validation = self.validation.as_ref().map(|set| (Part::Validation, set.len()));
        let others = [(Part::Train, train_set.len()), (Part::Test, self.test.len())];
        let SavedModel { experiment, parameters, .. } = &self.current;
        RunStarted {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            name: experiment.name.clone(),
            seed: experiment.train.seed,
            threads: self.pool.threads(),
            isa: kernels::Isa::current().name().into(),
            rank: self.group.as_ref().map(|group| group.rank()),
            ranks: self.group.as_ref().map(|group| group.size()),
            parameters: parameters.len(),
            start: self.start.clone(),
            parts: others.into_iter().chain(validation).collect(),
            selection: self.selection.clone(),
            batch: experiment.train.batch,
            steps_planned: Some(self.steps_planned()),
            loss: experiment.train.loss.name().into(),
            metrics: metric_infos(&experiment.train.loss, train_set.targets()),
            continues: self.is_resumed.then_some(self.step),
            fork_of: self.fork_of.clone(),
        }
    }

    pub(super) fn summary(&self, evaluated: EvaluatedParts) -> Summary {
        let experiment = &self.current.experiment;
        let samples = (self.step - self.first_step) as f64 * experiment.train.batch as f64;
        Summary {
            name: experiment.name.clone(),
            seed: experiment.train.seed,
            steps: self.step,
            epochs: self.epochs_done(),
            train: self.last_metrics.clone(),
            validation: evaluated.validation.map(|evaluation| evaluation.metrics),
            test: evaluated.test.metrics,
            best: self.best.clone(),
            selection: self.selection.clone(),
            weights_digest: self.saved().weights_digest(),
            samples_per_second: samples / self.train_secs,
            wall_seconds: self.wall_secs(),
            threads: self.pool.threads(),
        }
    }
}
