//! The saved model given on the command line.

use std::path::Path;

use anyhow::bail;
use gradus::runs::{RunFolder, SavedModel};

/// Reads a MODEL: a run directory, or a safetensors file with its experiment inside.
pub(crate) fn read(model: &Path) -> anyhow::Result<SavedModel> {
    if !model.is_dir() {
        return Ok(SavedModel::read(model)?);
    }
    let file = model.join(RunFolder::LAST);
    if !file.exists() {
        bail!(
            "{}: expected a run directory with {}, found a directory without it",
            model.display(),
            RunFolder::LAST
        );
    }
    Ok(SavedModel::read(&file)?)
}
