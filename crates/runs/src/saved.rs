//! A trained model in one file that describes itself.
//!
//! The file is a safetensors file. Its metadata hold the experiment and the transforms of the data as TOML, so the file
//! alone is enough to answer, and any program that reads safetensors finds the tensors by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use data::columns::{TableOptions, Target};
use data::{FittedTarget, FittedTransforms};
use nn::registry::{InvalidSetting, require};
use nn::{Mode, Model, NetworkError};
use sha2::{Digest, Sha256};

use crate::experiment::{DataSource, Experiment};
use crate::fingerprint::{hash_values, hexadecimal};
use crate::mistake::{LAST, SavedError, SavedMistake};
use crate::model_text::{ModelParts, ModelText};
use crate::tensor_file::{TensorFile, TensorToWrite, read_file};

/// A network with its experiment, the transforms of its data, parameters and running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModel {
    /// How it was trained, the network among it.
    pub experiment: Experiment,
    /// What makes features of the rows of its data, and what it predicts.
    pub transforms: Arc<FittedTransforms>,
    /// The parameter vector.
    pub parameters: Vec<f32>,
    /// The running statistics, one batch normalisation after the other.
    pub running_statistics: Vec<f32>,
}

impl SavedModel {
    /// Writes the file, whole or not at all: to a temporary file beside it, synced, then renamed, and the folder synced.
    ///
    /// # Errors
    ///
    /// What the system reports. The temporary file is removed.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<(), SavedError> {
        self.write_file(file.as_ref())
    }

    // Not generic, so that it is compiled here, and not in each crate that calls it.
    fn write_file(&self, file: &Path) -> Result<(), SavedError> {
        let written = self.to_bytes().and_then(|bytes| Ok(files::write_whole(file, &bytes)?));
        written.map_err(|mistake| SavedError { file: file.to_owned(), mistake })
    }

    /// Reads a file written by [`write`](Self::write), a checkpoint, or the final model of a run directory.
    ///
    /// # Errors
    ///
    /// What is wrong with the file. Everything in it is checked: every value is finite.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, SavedError> {
        Self::read_file(path.as_ref())
    }

    fn read_file(path: &Path) -> Result<Self, SavedError> {
        let file = if path.is_dir() { path.join(LAST) } else { path.to_owned() };
        let failed = |mistake| SavedError { file: path.to_owned(), mistake };
        if path.is_dir() && !file.exists() {
            return Err(failed(SavedMistake::Unfinished));
        }
        let read = read_file(&file).and_then(|bytes| Self::from_bytes(&bytes));
        read.map_err(|mistake| SavedError { file, mistake })
    }

    /// How tables that the model was not trained on are read: as that of its training, without a target.
    pub fn table_options(&self) -> TableOptions {
        let trained = match &self.experiment.data.source {
            DataSource::DataFiles(files) => files.options(),
            _ => TableOptions::default(),
        };
        TableOptions { target: Target::Absent, kinds: BTreeMap::new(), ..trained }
    }

    /// The graph for evaluation.
    ///
    /// # Errors
    ///
    /// If the network does not fit.
    pub fn model(&self) -> Result<Model<f32>, NetworkError> {
        self.experiment.network(Mode::Evaluate)
    }

    /// Checks that the transforms make what the network takes, and name what it predicts.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub fn check_transforms(&self, model: &Model<f32>) -> Result<(), InvalidSetting> {
        let Self { experiment, transforms, .. } = self;
        let expected = model.graph.shape(model.input).len();
        let found = transforms.width();
        require(found == expected, "transforms", found, format!("{expected} features"))?;
        let outputs = model.graph.shape(model.prediction).len();
        let (found, expected) = match transforms.target() {
            None => (outputs, outputs),
            Some(target @ FittedTarget::Numbers { .. }) => (target.width(), outputs),
            Some(target) => (target.width(), experiment.train.loss.classes(outputs)),
        };
        require(found == expected, "transforms.target", found, format!("{expected} outputs"))
    }

    /// The fingerprint of the weights: SHA-256 of the parameters and then of the running statistics, little-endian, in
    /// hexadecimal.
    pub fn weights_digest(&self) -> String {
        let mut hasher = Sha256::new();
        hash_values(&mut hasher, &self.parameters);
        hash_values(&mut hasher, &self.running_statistics);
        hexadecimal(hasher)
    }

    /// The file as bytes, for a program that keeps models elsewhere than in files.
    ///
    /// # Errors
    ///
    /// If the parameters are not those of the network.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SavedMistake> {
        let Self { experiment, transforms, .. } = self;
        let text = ModelText { state: None, experiment, transforms };
        let metadata = [text.entry()].into_iter().collect();
        Ok(safetensors::serialize(self.tensors()?, Some(metadata))?)
    }

    /// Its tensors by path.
    pub(crate) fn tensors(&self) -> Result<Vec<(String, TensorToWrite<'_>)>, SavedMistake> {
        let model = self.model().map_err(Box::new)?;
        let statistics = model.running_statistics.iter().map(|statistic| statistic.range.len());
        for (what, found, expected) in [
            ("parameters", self.parameters.len(), model.graph.n_parameters()),
            ("running statistics", self.running_statistics.len(), statistics.sum()),
        ] {
            if found != expected {
                return Err(SavedMistake::Count { what, found, expected });
            }
        }
        let parameters = model.parameters.iter().map(|spec| {
            let values = &self.parameters[spec.range.clone()];
            (spec.path.clone(), TensorToWrite::new(spec.shape.clone(), values))
        });
        let statistics = model.running_statistics.iter().map(|statistic| {
            let values = &self.running_statistics[statistic.range.clone()];
            (statistic.path.clone(), TensorToWrite::new(vec![2, statistic.channels], values))
        });
        Ok(parameters.chain(statistics).collect())
    }

    /// Reads the bytes of a file, such as those of `include_bytes!`.
    ///
    /// # Errors
    ///
    /// What is wrong with them, as [`read`](Self::read).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SavedMistake> {
        let file = TensorFile::parse(bytes)?;
        Self::from_file(&file, &ModelParts::of_file(&file)?)
    }

    /// The model of a file.
    pub(crate) fn from_file(
        file: &TensorFile<'_>,
        texts: &ModelParts,
    ) -> Result<Self, SavedMistake> {
        let mut saved = Self {
            experiment: texts.experiment()?,
            transforms: Arc::new(texts.transforms()?),
            parameters: Vec::new(),
            running_statistics: Vec::new(),
        };
        let model = saved.model().map_err(Box::new)?;
        let numbers = |name: &str, shape: &[usize]| {
            let values = file.values(name, shape)?;
            match values.iter().position(|value| !value.is_finite()) {
                None => Ok(values),
                Some(at) => Err(SavedMistake::NotFinite {
                    name: name.to_owned(),
                    index: index_of(at, shape),
                    value: values[at],
                }),
            }
        };
        for spec in &model.parameters {
            saved.parameters.extend(numbers(&spec.path, &spec.shape)?);
        }
        for statistic in &model.running_statistics {
            saved.running_statistics.extend(numbers(&statistic.path, &[2, statistic.channels])?);
        }
        saved.check_transforms(&model).map_err(|error| Box::new(NetworkError::from(error)))?;
        Ok(saved)
    }
}

/// The index of element `at` of a row-major tensor.
fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, &size) in shape.iter().enumerate().rev() {
        index[axis] = at % size;
        at /= size;
    }
    index
}
