//! The data of an experiment.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::iter;
use std::path::PathBuf;

use data::made::matrix_exponential::{self, MatrixExponential};
use data::readers::idx;
use data::{Dataset, Features};
use kernels::random::Stream;
use nn::registry::{InvalidSetting, MAX_WIDTH, one_or_more, optional, positive, within_limit};
use nn::settings;
use serde::de::value::{MapAccessDeserializer, MapDeserializer};
use serde::de::{Deserializer, Error, IntoDeserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::ExperimentError;

/// Random draws of the matrices: `"matr"`. Every purpose has its own.
const MATRICES: u64 = 0x6d61_7472;

settings! {
    /// Which data, and how it is prepared.
    pub struct DataSpec {
        /// Which data.
        #[serde(deserialize_with = "by_name_or_table")]
        source: DataSource = DataSource::Mnist, in_range;
        /// What features are divided by, above 0; see [`divisor_for`](Self::divisor_for).
        #[serde(skip_serializing_if = "Option::is_none")]
        divisor: Option<f32> = None, optional(|name, &divisor| positive(name, &f64::from(divisor)));
        /// Training samples used, from the first.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<usize> = None, optional(one_or_more);
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
    /// Datasets that a program passes to the trainer.
    Memory,
}

/// A training set and a test set.
#[derive(Clone, Debug)]
pub struct Split {
    /// The training set.
    pub train: Dataset,
    /// The test set.
    pub test: Dataset,
}

impl Split {
    /// Properties of the training set that are probably mistakes.
    pub fn warnings(&self) -> Vec<String> {
        let (name, empty) = (self.train.name(), self.train.empty_classes());
        let warning = empty.first().map(|class| match empty.len() {
            1 => format!("{name}: class {class} has no sample"),
            n => format!("{name}: {n} classes have no sample, such as {class}"),
        });
        warning.into_iter().collect()
    }
}

impl DataSpec {
    /// The divisor of a dataset's features: the setting or, without it, 255 for bytes and 1 for real numbers.
    pub fn divisor_for(&self, dataset: &Dataset) -> f32 {
        self.divisor.unwrap_or(match dataset.features() {
            Features::U8(_) => 255.0,
            Features::F32(_) => 1.0,
        })
    }

    /// Writes out the default of `divisor` if the source decides the type of the features.
    pub(super) fn fill_defaults(&mut self) {
        let default = match self.source {
            DataSource::Mnist | DataSource::Idx { .. } => 255.0,
            DataSource::MatrixExponential(_) => 1.0,
            DataSource::Memory => return,
        };
        self.divisor.get_or_insert(default);
    }

    /// Reads the data. `mnist` yields the embedded digits if they are needed.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read; for [`DataSource::Memory`], that there is nothing to read.
    pub fn open<E: StdError + Send + Sync + 'static>(
        &self,
        mnist: impl FnOnce() -> Result<Split, E>,
    ) -> Result<Split, ExperimentError> {
        let split = match &self.source {
            DataSource::Mnist => mnist().map_err(|error| ExperimentError::Digits(error.into()))?,
            DataSource::Idx { train_images, train_labels, test_images, test_labels, classes } => {
                let train = idx::read(train_images, train_labels, *classes)?;
                Split { train, test: idx::read(test_images, test_labels, *classes)? }
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
            DataSource::Memory => return Err(ExperimentError::Memory),
        };
        Ok(Split { train: split.train.take(self.limit.unwrap_or(usize::MAX)), ..split })
    }
}

fn in_range(name: &str, source: &DataSource) -> Result<(), InvalidSetting> {
    match source {
        DataSource::MatrixExponential(made) => {
            let name = format!("{name}.matrix_exponential.samples");
            within_limit(&name, made.samples, MatrixExponential::MOST_SAMPLES)
        }
        DataSource::Idx { classes, .. } => {
            within_limit(&format!("{name}.idx.classes"), *classes, MAX_WIDTH)
        }
        DataSource::Mnist | DataSource::Memory => Ok(()),
    }
}

/// Reads `"matrix_exponential"` as `{ matrix_exponential = {} }`: settings with a default may be left out.
fn by_name_or_table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DataSource, D::Error> {
    struct SourceVisitor;

    impl<'de> Visitor<'de> for SourceVisitor {
        type Value = DataSource;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name such as \"mnist\" or a table such as { idx = { … } }")
        }

        fn visit_str<E: Error>(self, name: &str) -> Result<DataSource, E> {
            let by_name: Result<_, E> = DataSource::deserialize(name.into_deserializer());
            by_name.or_else(|_| {
                let no_settings = BTreeMap::<&str, ()>::new();
                self.visit_map(MapDeserializer::new(iter::once((name, no_settings))))
            })
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DataSource, A::Error> {
            DataSource::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_any(SourceVisitor)
}
