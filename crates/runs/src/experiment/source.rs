//! Where the numbers of an experiment come from.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::path::PathBuf;

use data::made::matrix_exponential::{self, MatrixExponential};
use data::{DataError, Dataset};
use kernels::random::Stream;
use nn::registry::{InvalidSetting, Validate};
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::ExperimentError;

/// Random draws of the matrices: `"matr"`. Every purpose has its own.
const MATRICES: u64 = 0x6d61_7472;

/// Where the numbers come from, and what is done to them.
///
/// | setting   | default   | range             | meaning                                              |
/// |-----------|-----------|-------------------|------------------------------------------------------|
/// | `source`  | `"mnist"` |                   | see [`DataSource`]                                   |
/// | `divisor` | 255       | above 0           | features are divided by it                           |
/// | `limit`   | all       | 1 or more         | how many of the training samples to use, from the first |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSpec {
    /// Which data.
    #[serde(deserialize_with = "by_name_or_table")]
    pub source: DataSource,
    /// What features are divided by.
    pub divisor: f32,
    /// How many of the training samples to use, from the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

impl Default for DataSpec {
    fn default() -> Self {
        Self { source: DataSource::Mnist, divisor: 255.0, limit: None }
    }
}

/// Which data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSource {
    /// The digits inside the binary.
    Mnist,
    /// Four IDX files, plain or gzipped, as MNIST is published.
    Idx {
        /// Training images.
        train_images: PathBuf,
        /// Training labels.
        train_labels: PathBuf,
        /// Test images.
        test_images: PathBuf,
        /// Test labels.
        test_labels: PathBuf,
        /// Number of classes.
        classes: usize,
    },
    /// Random 2 × 2 matrices and their exponentials, for regression.
    MatrixExponential(MatrixExponential),
    /// Datasets that a program hands to the trainer itself.
    Memory,
}

/// A training set and a test set.
#[derive(Clone, Debug)]
pub struct Split {
    /// What is learned from.
    pub train: Dataset,
    /// What is measured on.
    pub test: Dataset,
}

impl DataSpec {
    /// Reads the data. `mnist` yields the embedded digits, should they be asked for.
    ///
    /// # Errors
    ///
    /// What is wrong with the files; for [`DataSource::Memory`], that there is nothing to read.
    pub fn open<E: fmt::Display>(
        &self,
        mnist: impl FnOnce() -> Result<Split, E>,
    ) -> Result<Split, ExperimentError> {
        let of_file = |error: DataError| ExperimentError::Data(error.to_string());
        let split = match &self.source {
            DataSource::Mnist => {
                mnist().map_err(|error| ExperimentError::Data(error.to_string()))?
            }
            DataSource::Idx { train_images, train_labels, test_images, test_labels, classes } => {
                Split {
                    train: data::readers::idx::read(train_images, train_labels, *classes)
                        .map_err(of_file)?,
                    test: data::readers::idx::read(test_images, test_labels, *classes)
                        .map_err(of_file)?,
                }
            }
            DataSource::MatrixExponential(made) => {
                let set = |name, n_samples, stream| {
                    let mut random = Stream::new(made.seed, MATRICES + stream);
                    matrix_exponential::make(name, n_samples, || random.normal())
                };
                Split {
                    train: set("matrix exponentials, training set", made.samples, 0),
                    test: set("matrix exponentials, test set", MatrixExponential::TEST_SAMPLES, 1),
                }
            }
            DataSource::Memory => {
                let error = "source \"memory\": the data was handed over by a program and is not kept; name another source";
                return Err(ExperimentError::Data(error.into()));
            }
        };
        let train = match self.limit {
            Some(n) => split.train.take(n),
            None => split.train,
        };
        Ok(Split { train, test: split.test })
    }
}

impl Validate for DataSpec {
    fn validate(&self) -> Result<(), InvalidSetting> {
        let invalid = |name: &str, found: f64, expected: &str| {
            Err(InvalidSetting { name: name.into(), found, expected: expected.into() })
        };
        let divisor = self.divisor;
        if !(divisor.is_finite() && divisor > 0.0) {
            return invalid("divisor", divisor.into(), "a number above 0");
        }
        if self.limit == Some(0) {
            return invalid("limit", 0.0, "1 or more");
        }
        match &self.source {
            DataSource::MatrixExponential(made)
                if !(1..=MatrixExponential::MOST_SAMPLES).contains(&made.samples) =>
            {
                let name = "source.matrix_exponential.samples";
                let expected = format!("1 to {}", MatrixExponential::MOST_SAMPLES);
                invalid(name, made.samples as f64, &expected)
            }
            _ => Ok(()),
        }
    }
}

/// Reads `"matrix_exponential"` as `{ matrix_exponential = {} }`: what has a default may be left out.
fn by_name_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataSource, D::Error> {
    struct Form;

    impl<'de> Visitor<'de> for Form {
        type Value = DataSource;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name such as \"mnist\" or a table such as { idx = { … } }")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<DataSource, E> {
            let by_name: Result<_, E> = DataSource::deserialize(name.into_deserializer());
            by_name.or_else(|_| {
                let no_settings = BTreeMap::<&str, &str>::new();
                self.visit_map(MapDeserializer::new(iter::once((name, no_settings))))
            })
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DataSource, A::Error> {
            DataSource::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(Form)
}
