//! A trained model in one file that describes itself.
//!
//! The file is a safetensors file. Its metadata hold the experiment as TOML, so the file alone is enough
//! to build the network, and any program that reads safetensors finds the tensors by name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nn::{Mode, Model, NetworkError, Objective};
use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

use crate::experiment::{Experiment, ExperimentError};

/// A network with its experiment, parameters and running statistics.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedModel {
    /// How it was trained, the network among it.
    pub experiment: Experiment,
    /// Classes or values that it gives.
    pub outputs: usize,
    /// The parameter vector.
    pub parameters: Vec<f32>,
    /// The running statistics, one batch normalisation after the other.
    pub running_statistics: Vec<f32>,
}

/// Why a saved model cannot be read or written. Each names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedError {
    /// The file cannot be read or written.
    #[error("{}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        #[source]
        error: io::Error,
    },
    /// It is not a safetensors file, or a damaged one.
    #[error(
        "{}: expected a safetensors file, found another format or a damaged file",
        file.display()
    )]
    Format {
        /// The file.
        file: PathBuf,
        /// The mistake.
        #[source]
        error: SafeTensorError,
    },
    /// A safetensors file of another program: it does not describe its network.
    #[error(
        "{}: a safetensors file that does not describe its network: expected the metadata entry `{EXPERIMENT}`",
        file.display()
    )]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The experiment in its metadata is wrong.
    #[error("{}", file.display())]
    Experiment {
        /// The file.
        file: PathBuf,
        /// The mistake.
        #[source]
        error: Box<ExperimentError>,
    },
    /// The network in its metadata does not fit.
    #[error("{}", file.display())]
    Network {
        /// The file.
        file: PathBuf,
        /// The mistake.
        #[source]
        error: Box<NetworkError>,
    },
    /// A tensor is missing or of another shape or type than the network's.
    #[error(
        "{}: tensor {name}: expected {expected}, found {}",
        file.display(),
        found.as_deref().unwrap_or("none")
    )]
    Tensor {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        name: String,
        /// What was found; `None` if it is missing.
        found: Option<String>,
        /// What the network needs.
        expected: String,
    },
    /// A value of a tensor is infinite or NaN.
    #[error(
        "{}: tensor {name}: expected finite values, found {value} at index {index:?}",
        file.display()
    )]
    NotFinite {
        /// The file.
        file: PathBuf,
        /// The tensor's name.
        name: String,
        /// The index of the first such value, an entry for each axis.
        index: Vec<usize>,
        /// The value.
        value: f32,
    },
}

const EXPERIMENT: &str = "gradus.experiment";

/// A tensor's name, shape and numbers as bytes.
type Named = (String, Vec<usize>, Vec<u8>);

impl SavedModel {
    /// Writes the file, whole or not at all: to a temporary file beside it, synced, then renamed.
    ///
    /// # Errors
    ///
    /// What the system reports. The temporary file is removed.
    pub fn write(&self, file: &Path) -> Result<(), SavedError> {
        let of_file = |error: io::Error| SavedError::Io { file: file.to_owned(), error };
        let network = |error| SavedError::Network { file: file.to_owned(), error: Box::new(error) };
        let model = self.model().map_err(network)?;
        // One entry only: several would be written in any order, and the same network not as the same file.
        let metadata =
            std::iter::once((EXPERIMENT.to_owned(), self.experiment.to_text())).collect();
        let tensors = self.tensors(&model);
        let views = tensors.iter().map(|(name, shape, bytes)| {
            (
                name,
                TensorView::new(Dtype::F32, shape.clone(), bytes)
                    .expect("as many numbers as the shape says"),
            )
        });
        let bytes =
            safetensors::serialize(views, Some(metadata)).expect("views of the right length");
        let temporary = file.with_extension("safetensors.tmp");
        let written = fs::write(&temporary, bytes)
            .and_then(|()| fs::File::open(&temporary)?.sync_all())
            .and_then(|()| fs::rename(&temporary, file));
        written.map_err(|error| {
            // Half a file would keep a full disk full.
            let _ = fs::remove_file(&temporary);
            of_file(error)
        })
    }

    /// Reads a file written by [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// What is wrong with the file. Everything in it is checked: every value is finite.
    pub fn read(file: &Path) -> Result<Self, SavedError> {
        let of_file = || file.to_owned();
        let bytes = fs::read(file).map_err(|error| SavedError::Io { file: of_file(), error })?;
        let format = |error| SavedError::Format { file: of_file(), error };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(format)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(format)?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(EXPERIMENT));
        let text = text.ok_or(SavedError::Foreign { file: of_file() })?;
        let experiment = Experiment::parse("experiment in the metadata", text)
            .map_err(|error| SavedError::Experiment { file: of_file(), error: Box::new(error) })?;
        let network = |error| SavedError::Network { file: of_file(), error: Box::new(error) };
        let outputs = experiment.model.outputs().map_err(network)?;
        let mut saved =
            Self { experiment, outputs, parameters: Vec::new(), running_statistics: Vec::new() };
        let model = saved.model().map_err(network)?;
        let numbers = |name: &str, shape: &[usize]| {
            let wrong = |found| SavedError::Tensor {
                file: of_file(),
                name: name.to_owned(),
                found,
                expected: format!("F32 {shape:?}"),
            };
            let tensor = tensors.tensor(name).map_err(|_| wrong(None))?;
            if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
                return Err(wrong(Some(format!("{:?} {:?}", tensor.dtype(), tensor.shape()))));
            }
            let number =
                |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let values: Vec<f32> = tensor.data().chunks_exact(4).map(number).collect();
            match values.iter().position(|value| !value.is_finite()) {
                None => Ok(values),
                Some(at) => Err(SavedError::NotFinite {
                    file: of_file(),
                    name: name.to_owned(),
                    index: index_of(at, shape),
                    value: values[at],
                }),
            }
        };
        for spec in &model.parameters {
            saved.parameters.extend(numbers(&spec.name, &spec.shape)?);
        }
        for statistic in &model.running_statistics {
            saved.running_statistics.extend(numbers(&statistic.name, &[2, statistic.channels])?);
        }
        Ok(saved)
    }

    /// The graph for evaluation.
    ///
    /// # Errors
    ///
    /// If the network does not fit.
    pub fn model(&self) -> Result<Model<f32>, NetworkError> {
        self.experiment.model.model(Mode::Evaluate, &Objective::default(), self.outputs)
    }

    fn tensors(&self, model: &Model<f32>) -> Vec<Named> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let parameters = model.parameters.iter().map(|spec| {
            (spec.name.clone(), spec.shape.clone(), bytes(&self.parameters[spec.range.clone()]))
        });
        let mut start = 0;
        let running_statistics = model.running_statistics.iter().map(|statistic| {
            let end = start + 2 * statistic.channels;
            let named = (
                statistic.name.clone(),
                vec![2, statistic.channels],
                bytes(&self.running_statistics[start..end]),
            );
            start = end;
            named
        });
        parameters.chain(running_statistics).collect()
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
