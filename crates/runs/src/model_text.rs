//! What the metadata of a saved model say: one text, TOML, with the experiment and the transforms of the data and, in a
//! checkpoint, the state of the training.
//!
//! One entry only: several would be written in any order, and the same model not as the same file.

use data::FittedTransforms;
use serde::{Deserialize, Serialize};

use crate::experiment::Experiment;
use crate::mistake::{MODEL, SavedMistake};
use crate::tensor_file::TensorFile;

/// The text as it is written.
#[derive(Serialize)]
pub(crate) struct ModelText<'a> {
    /// A JSON object: its numbers may be NaN, and of any size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    pub(crate) experiment: &'a Experiment,
    pub(crate) transforms: &'a FittedTransforms,
}

impl ModelText<'_> {
    /// The entry of the metadata.
    pub(crate) fn entry(&self) -> (String, String) {
        (MODEL.to_owned(), toml::to_string(self).expect("settings, numbers and texts"))
    }
}

/// The text as it is read: its parts are checked by whoever reads them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelParts {
    pub(crate) state: Option<String>,
    experiment: toml::Table,
    transforms: toml::Table,
}

impl ModelParts {
    pub(crate) fn of_file(file: &TensorFile<'_>) -> Result<Self, SavedMistake> {
        let text = file.text(MODEL).ok_or(SavedMistake::Foreign)?;
        toml::from_str(text).map_err(|error| SavedMistake::Metadata(error.message().to_owned()))
    }

    pub(crate) fn experiment(&self) -> Result<Experiment, SavedMistake> {
        let text = self.experiment.to_string();
        Ok(Experiment::parse("experiment in the metadata", &text).map_err(Box::new)?)
    }

    pub(crate) fn transforms(&self) -> Result<FittedTransforms, SavedMistake> {
        Ok(FittedTransforms::from_toml(&self.transforms.to_string())?)
    }
}
