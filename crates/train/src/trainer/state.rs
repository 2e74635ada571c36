//! The state of a training: given, and taken to continue from it.

use std::collections::BTreeMap;
use std::iter;

use data::FittedTransforms;
use events::{Fork, Part};
use kernels::Isa;
use nn::Model;
use runs::{DataFingerprint, Difference, SavedModel, TrainerState, TrainingProgress};

use super::update::SLOW;
use super::{TrainError, Trainer};

impl Trainer {
    /// Everything that the next step depends on, as a copy. A trainer that [continues](Self::resume) from it does the same
    /// steps, to the byte.
    ///
    /// # Examples
    ///
    /// ```
    /// # use data::{Dataset, Features, Targets};
    /// # use gradus_train::Trainer;
    /// # use runs::{Experiment, Split, TrainerState};
    /// # let targets = Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 };
    /// # let set = Dataset::new("xor", [2], Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]), targets)?;
    /// # let split = Split { train: set.clone(), test: set };
    /// # let experiment = Experiment::parse("xor.toml", r#"
    /// #     data = { source = "memory" }
    /// #     model = { input = [2], layers = [{ kind = "linear", units = 2 }] }
    /// #     train = { batch = 2, steps = 20 }
    /// # "#)?;
    /// let mut first = Trainer::new(experiment, split.clone(), graph::Pool::new(1))?;
    /// first.step()?;
    /// let bytes = first.state().to_bytes()?;
    ///
    /// let state = TrainerState::from_bytes(&bytes)?;
    /// let mut second = Trainer::new(state.experiment(), split, graph::Pool::new(2))?;
    /// second.resume(state)?;
    /// assert_eq!(second.step()?, first.step()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// Of one of several processes that does not [have](Self::has_state) it now.
    pub fn state(&self) -> TrainerState {
        assert!(self.is_gathered, "the other processes have pieces of the state");
        let vectors = self.memory.vectors().into_iter();
        TrainerState {
            trained: self.current.clone(),
            averaged: self.averaged.clone(),
            vectors: vectors.map(|(name, values)| (name, values.to_vec())).collect(),
            progress: TrainingProgress {
                step: self.step,
                first_step: self.first_step,
                learning_rate: self.learning_rate,
                metrics: self.last_metrics.clone(),
                best: self.best.clone(),
                stagnation: self.stagnation,
                train_secs: self.train_secs,
                wall_secs: self.wall_secs(),
                isa: Isa::current().name().to_owned(),
                data: self.fingerprints().to_vec(),
                start: self.start.clone(),
                fork_of: self.fork_of.clone(),
            },
        }
    }

    /// Continues from a state of the same training. The length of the run may be another, and how often it is saved; a
    /// schedule that follows the length then continues as that of the other length.
    ///
    /// A trainer for it is best made with [`TrainerState::experiment`], or with that and another length.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherTraining`] if any other setting, the data or the instruction set is another. Then nothing has
    /// changed.
    pub fn resume(&mut self, state: TrainerState) -> Result<(), TrainError> {
        Self::expect_none(&state, self.differences(&state))?;
        let experiment = &mut self.current.experiment;
        experiment.name.clone_from(&state.trained.experiment.name);
        experiment.model.start.clone_from(&state.trained.experiment.model.start);
        let experiment = experiment.clone();
        self.averaged.iter_mut().for_each(|averaged| averaged.experiment = experiment.clone());
        self.best = state.progress.best.clone();
        self.stagnation = state.progress.stagnation;
        self.first_step = state.progress.first_step;
        (self.train_secs, self.wall_secs) = (state.progress.train_secs, state.progress.wall_secs);
        self.start = state.progress.start.clone();
        self.fork_of = state.progress.fork_of.clone();
        self.learning_rate = state.progress.learning_rate;
        self.is_resumed = true;
        self.take(state);
        Ok(())
    }

    /// Begins a new run from a state of `run`, with other settings. What the averaged and the slow weights need is taken
    /// from the parameters where the state does not have it; the best values begin anew, and the learning rate is that of
    /// the schedule.
    ///
    /// # Errors
    ///
    /// [`TrainError::OtherTraining`] if the network has other tensors, or the optimizer another state. Then nothing has
    /// changed.
    pub fn fork(&mut self, state: TrainerState, run: impl Into<String>) -> Result<(), TrainError> {
        let of = |saved: &SavedModel, model: &Model<f32>, vectors: Vec<Fact>| {
            let optimizer = saved.experiment.train.optimizer.name().to_owned();
            let vectors = vectors.into_iter().filter(|(name, _)| name != SLOW);
            let others = iter::once(("train.optimizer".to_owned(), optimizer)).chain(vectors);
            tensors(model).chain(others).collect::<Vec<Fact>>()
        };
        let old = of(&state.trained, &state.trained.model()?, lens(&state.vectors));
        let new = of(&self.current, &self.model, lens(&self.memory.vectors()));
        Self::expect_none(&state, Difference::between(&old, &new))?;
        let step = state.progress.step;
        (self.first_step, self.fork_of) = (step, Some(Fork { run: run.into(), step }));
        if let Some(slow) = self.memory.vectors_mut().get_mut(SLOW) {
            slow.copy_from_slice(&state.trained.parameters);
        }
        self.take(state);
        Ok(())
    }

    /// Takes what the next step depends on.
    fn take(&mut self, state: TrainerState) {
        let TrainerState { trained, averaged, vectors, progress } = state;
        if let Some(own) = &mut self.averaged {
            let SavedModel { parameters, running_statistics, .. } =
                averaged.unwrap_or_else(|| trained.clone());
            (own.parameters, own.running_statistics) = (parameters, running_statistics);
        }
        self.current.parameters = trained.parameters;
        self.current.running_statistics = trained.running_statistics;
        for (name, own) in self.memory.vectors_mut() {
            if let Some(values) = vectors.get(&name).filter(|values| values.len() == own.len()) {
                own.copy_from_slice(values);
            }
        }
        self.step = progress.step;
        self.first_own_step = progress.step;
        self.last_metrics = progress.metrics;
        self.previous = (Vec::new(), None);
    }

    fn expect_none(state: &TrainerState, differences: Vec<Difference>) -> Result<(), TrainError> {
        let step = state.progress.step;
        match differences.is_empty() {
            true => Ok(()),
            false => Err(TrainError::OtherTraining { step, differences }),
        }
    }

    /// What decides the next steps and is another in the state.
    fn differences(&self, state: &TrainerState) -> Vec<Difference> {
        let mut own = self.current.experiment.clone();
        let found = &state.trained.experiment;
        own.name.clone_from(&found.name);
        // It has been read when the run began.
        own.model.start = own.model.start.or_else(|| found.model.start.clone());
        let mut differences = found.differences(&own);
        differences.retain(|difference| !difference.may_change());
        let facts = |isa: &str, data: &[DataFingerprint], vectors: Vec<Fact>| {
            let isa = ("instruction set".to_owned(), isa.to_owned());
            let data = data.iter().map(|DataFingerprint { part, shape, sha256 }| {
                let name = format!("{part:?} data").to_lowercase();
                (name, format!("{shape:?}, SHA-256 {sha256}"))
            });
            iter::once(isa).chain(data).chain(vectors).collect::<Vec<Fact>>()
        };
        let TrainingProgress { isa, data, .. } = &state.progress;
        let old = facts(isa, data, lens(&state.vectors));
        let own = lens(&self.memory.vectors());
        let new = facts(Isa::current().name(), self.fingerprints(), own);
        differences.extend(Difference::between(&old, &new));
        // Of other data the transforms are others too.
        if differences.is_empty() {
            let [old, new] = [&state.trained, &self.current].map(|saved| &*saved.transforms);
            differences.extend(between_transforms(old, new));
        }
        differences
    }

    /// What the data is, of each part.
    pub fn fingerprints(&self) -> &[DataFingerprint] {
        self.fingerprints.get_or_init(|| {
            let validation = self.validation.as_ref().map(|dataset| (Part::Validation, dataset));
            let others = [(Part::Train, &self.batches.dataset), (Part::Test, &self.test)];
            let parts = others.into_iter().chain(validation);
            parts.map(|(part, dataset)| DataFingerprint::of(part, dataset)).collect()
        })
    }
}

/// The first line of the texts of two transforms that is another.
fn between_transforms(old: &FittedTransforms, new: &FittedTransforms) -> Option<Difference> {
    const SHOWN: usize = 60;
    if old == new {
        return None;
    }
    let [old, new] = [old, new].map(FittedTransforms::to_toml);
    let (mut old, mut new) = (old.lines(), new.lines());
    let mut pairs = iter::from_fn(|| Some((old.next(), new.next())));
    let (old, new) = pairs.find(|(old, new)| old != new)?;
    let shown = |line: &str| line.chars().take(SHOWN).collect();
    Some(Difference { what: "transforms".to_owned(), old: old.map(shown), new: new.map(shown) })
}

/// Something with a name, as text.
type Fact = (String, String);

fn lens<V: AsRef<[f32]>>(vectors: &BTreeMap<String, V>) -> Vec<Fact> {
    let len = |vector: &V| format!("{} numbers", vector.as_ref().len());
    vectors.iter().map(|(name, vector)| (name.clone(), len(vector))).collect()
}

/// The paths and shapes of the network's tensors.
fn tensors(model: &Model<f32>) -> impl Iterator<Item = Fact> {
    let parameters = model.parameters.iter().map(|spec| (&spec.path, &spec.shape[..]));
    let parameters = parameters.map(|(path, shape)| (path.clone(), format!("{shape:?}")));
    let statistics = model.running_statistics.iter();
    let statistics = statistics.map(|each| (each.path.clone(), format!("[2, {}]", each.channels)));
    parameters.chain(statistics)
}
