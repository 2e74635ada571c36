//! The state of a training in one file, which is a saved model at the same time.
//!
//! The tensors that have the path of a parameter are those of the evaluated model, as in every saved model; the others
//! begin with `state/`. `docs/checkpoints.md` in the repository describes the format.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use events::{Best, Fork, Metrics, StartModel};
use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::experiment::early_stopping::Stagnation;
use crate::fingerprint::DataFingerprint;
use crate::mistake::{SavedError, SavedMistake};
use crate::model_text::{ModelParts, ModelText};
use crate::saved::SavedModel;
use crate::tensor_file::{STATE, TensorFile, TensorToWrite, read_file, with_checksums};

/// The version of the format that is written and read.
const FORMAT: u32 = 1;
/// The network as it is trained, where the averaged one is evaluated.
const PARAMETERS: &str = "parameters";
const RUNNING_STATISTICS: &str = "running_statistics";
/// More steps are not what a training did.
const MAX_STEP: u64 = 1 << 53;

/// Everything that the next step of a training depends on, given by a trainer and taken by another one.
///
/// The order of samples and all random draws are functions of seed and step, so there is nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainerState {
    /// The network as it is trained, with its experiment.
    pub trained: SavedModel,
    /// The network as it is evaluated, if `train.ema` asks for averaged weights.
    pub averaged: Option<SavedModel>,
    /// What the optimizer keeps between steps, by name.
    pub vectors: BTreeMap<String, Vec<f32>>,
    /// How far the training is.
    pub progress: TrainingProgress,
}

/// How far a training is, and on what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingProgress {
    /// Optimizer updates so far.
    pub step: u64,
    /// The updates that the run began with: more than 0 for one that branched off from another.
    pub first_step: u64,
    /// The learning rate of all steps to come, if it was set by hand.
    pub learning_rate: Option<f64>,
    /// Metrics of the last batch.
    pub metrics: Metrics,
    /// The best value of each metric so far, on the part by which the run chooses.
    pub best: BTreeMap<String, Best>,
    /// What early stopping waits for.
    pub stagnation: Stagnation,
    /// Seconds spent in steps since `first_step`.
    pub train_secs: f64,
    /// Seconds of the run, evaluations included, while a process trained it.
    pub wall_secs: f64,
    /// The instruction set: others round differently.
    pub isa: String,
    /// The data, part by part.
    pub data: Vec<DataFingerprint>,
    /// The trained network that the training began with.
    pub start: Option<StartModel>,
    /// The run whose state this one began with.
    pub fork_of: Option<Fork>,
}

/// The state in the metadata.
#[derive(Serialize)]
struct StateText<'a> {
    format: u32,
    #[serde(flatten)]
    progress: &'a TrainingProgress,
}

/// What every version of that text has.
#[derive(Deserialize)]
struct StateFormat {
    format: u32,
}

impl TrainerState {
    /// The experiment with which a trainer is made that continues from here. It does not read `model.start` again.
    pub fn experiment(&self) -> Experiment {
        let mut experiment = self.trained.experiment.clone();
        experiment.model.start = None;
        experiment
    }

    /// The network as it is evaluated: with the averaged parameters, if there are any.
    pub fn evaluated(&self) -> &SavedModel {
        self.averaged.as_ref().unwrap_or(&self.trained)
    }

    /// Writes a file, whole or not at all, that [`read`](Self::read) and [`SavedModel::read`] read.
    ///
    /// # Errors
    ///
    /// What the system reports. The temporary file is removed.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<(), SavedError> {
        let file = file.as_ref();
        let written = self.to_bytes().and_then(|bytes| Ok(files::write_whole(file, &bytes)?));
        written.map_err(|mistake| SavedError { file: file.to_owned(), mistake })
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// What is wrong with the file. Every byte of it is checked.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, SavedError> {
        let file = file.as_ref();
        let read = read_file(file).and_then(|bytes| Self::from_bytes(&bytes));
        read.map_err(|mistake| SavedError { file: file.to_owned(), mistake })
    }

    /// The file as bytes.
    ///
    /// # Errors
    ///
    /// If the parameters are not those of the network.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SavedMistake> {
        let mut tensors = self.evaluated().tensors()?;
        let trained = self.averaged.as_ref().map(|_| {
            let SavedModel { parameters, running_statistics, .. } = &self.trained;
            [(PARAMETERS, parameters), (RUNNING_STATISTICS, running_statistics)]
        });
        let vectors = self.vectors.iter().map(|(name, values)| (&**name, values));
        for (name, values) in trained.into_iter().flatten().chain(vectors) {
            tensors
                .push((format!("{STATE}{name}"), TensorToWrite::new(vec![values.len()], values)));
        }
        let state = StateText { format: FORMAT, progress: &self.progress };
        let state = Some(serde_json::to_string(&state).expect("plain structs have a text form"));
        let SavedModel { experiment, transforms, .. } = &self.trained;
        with_checksums(tensors, ModelText { state, experiment, transforms }.entry())
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedMistake> {
        let file = TensorFile::parse(bytes)?;
        let texts = ModelParts::of_file(&file)?;
        let text = texts.state.as_deref().ok_or(SavedMistake::NoState)?;
        let wrong = |error: serde_json::Error| SavedMistake::State(error.to_string());
        // The version decides how the rest is read.
        let StateFormat { format } = serde_json::from_str(text).map_err(wrong)?;
        if format != FORMAT {
            return Err(SavedMistake::Version { found: format, expected: FORMAT });
        }
        if !file.has_checksums {
            return Err(SavedMistake::Damaged { part: "header".to_owned() });
        }
        let progress: TrainingProgress = serde_json::from_str(text).map_err(wrong)?;
        if progress.step > MAX_STEP || progress.first_step > progress.step {
            let TrainingProgress { step, first_step, .. } = progress;
            let message = format!("step: expected {first_step} to 2^53, found {step}");
            return Err(SavedMistake::State(message));
        }
        let evaluated = SavedModel::from_file(&file, &texts)?;
        let vector = |name: &str, len: usize| file.values(&format!("{STATE}{name}"), &[len]);
        let (trained, averaged) = if evaluated.experiment.train.ema.is_some() {
            let parameters = vector(PARAMETERS, evaluated.parameters.len())?;
            let running_statistics =
                vector(RUNNING_STATISTICS, evaluated.running_statistics.len())?;
            let experiment = evaluated.experiment.clone();
            let transforms = Arc::clone(&evaluated.transforms);
            let trained = SavedModel { experiment, transforms, parameters, running_statistics };
            (trained, Some(evaluated))
        } else {
            (evaluated, None)
        };
        let others = file.of_state();
        let others = others.filter(|(name, _)| ![PARAMETERS, RUNNING_STATISTICS].contains(name));
        let vectors = others.map(|(name, len)| Ok((name.to_owned(), vector(name, len)?)));
        let vectors = vectors.collect::<Result<_, SavedMistake>>()?;
        Ok(Self { trained, averaged, vectors, progress })
    }
}
