//! The data of an experiment.

use std::collections::HashSet;
use std::error::Error as StdError;

use data::{Dataset, Features, Targets};
use nn::registry::{InvalidSetting, nested, one_or_more, optional, positive, require};
use nn::settings;

use super::ExperimentError;
use super::parts::Parts;
use super::sources::{DataSource, Split, mnist::MnistDigits};
use super::validation::{ValidationChoice, ValidationSize};
use crate::augment::{Augmentation, valid_augmentations};

settings! {
    /// Which data, and how it is prepared.
    pub struct DataSpec {
        /// Which data.
        source: DataSource = MnistDigits {}.into(), nested;
        /// What features are divided by, above 0; see [`divisor_for`](Self::divisor_for).
        #[serde(skip_serializing_if = "Option::is_none")]
        divisor: Option<f32> = None, optional(|name, &divisor| positive(name, &f64::from(divisor)));
        /// The names of the classes, in order; without them their numbers.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        class_names: Vec<String> = Vec::new(), valid_names;
        /// Training samples that are the validation set instead: their number, or a fraction of all. None if not given.
        /// Of the digits they are the last ones, of other sources drawn ones, of each class in proportion.
        #[serde(skip_serializing_if = "Option::is_none")]
        validation: Option<ValidationSize> = None, optional(ValidationSize::is_valid);
        /// Training samples used, from the first, without those of the validation set, which is the same for any limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<usize> = None, optional(one_or_more);
        /// Random changes of training pictures, in this order: see [`augment`](crate::augment).
        #[serde(skip_serializing_if = "Vec::is_empty")]
        augment: Vec<Augmentation> = Vec::new(), |name, list: &Vec<_>| valid_augmentations(name, list);
        /// The seed by which validation samples are drawn, below 2⁶³. It is not that of a run: runs of several seeds are
        /// compared on the same samples, and one that begins with the network of another is not measured on samples
        /// that the other was trained on.
        seed: u64 = 0, |name, &seed| require(i64::try_from(seed).is_ok(), name, seed, "an integer below 2^63");
    }
}

/// An error unless all names can be told apart and shown.
fn valid_names(name: &str, names: &[String]) -> Result<(), InvalidSetting> {
    let mut known = HashSet::new();
    names.iter().try_for_each(|found| {
        let is_shown = !found.is_empty() && !found.contains(char::is_control);
        let expected = "different names without control characters";
        require(is_shown && known.insert(found), name, format_args!("{found:?}"), expected)
    })
}

impl DataSpec {
    /// The name of a class: that of the setting or, without it, its number.
    pub fn class_name(&self, class: usize) -> String {
        self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }

    /// The name of the class of a sample; none if the dataset has no such sample, or values instead of classes.
    pub fn label(&self, set: &Dataset, sample: usize) -> Option<String> {
        match set.targets() {
            Targets::Labels { values, .. } => {
                values.get(sample).map(|&class| self.class_name(class as usize))
            }
            Targets::Values { .. } => None,
        }
    }

    /// The divisor of a dataset's features: the setting or, without it, 255 for bytes and 1 for real numbers.
    pub fn divisor_for(&self, dataset: &Dataset) -> f32 {
        self.divisor.unwrap_or(match dataset.features() {
            Features::U8(_) => 255.0,
            Features::F32(_) => 1.0,
        })
    }

    /// Writes out the default of `divisor` if the source decides the type of the features.
    pub(super) fn fill_defaults(&mut self) {
        self.divisor = self.divisor.or(self.source.as_dyn().divisor());
    }

    /// Reads the data, and divides it into its parts. `mnist` yields the embedded digits if they are needed.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read, and as [`divide`](Self::divide); for [`MemoryData`](super::sources::memory::MemoryData), that there is nothing to
    /// read.
    pub fn open<E: StdError + Send + Sync + 'static>(
        &self,
        mnist: impl Fn() -> Result<Split, E>,
    ) -> Result<Parts, ExperimentError> {
        let mut digits = || mnist().map_err(|error| ExperimentError::Digits(error.into()));
        self.divide(self.source.as_dyn().read(&mut digits)?)
    }

    /// The parts of data that was read: [`open`](Self::open) does this.
    ///
    /// # Errors
    ///
    /// If the validation set leaves no training samples or a class out, or if half of it or more is in the test set.
    pub fn divide(&self, split: Split) -> Result<Parts, ExperimentError> {
        let choice = match self.source.as_dyn().validates_on_last() {
            true => ValidationChoice::Last,
            false => ValidationChoice::Drawn { seed: self.seed },
        };
        let validation = self.validation.map(|size| (size.samples_of(split.train.len()), choice));
        Ok(Parts::of_split(split, validation, self.limit.unwrap_or(usize::MAX))?)
    }
}
