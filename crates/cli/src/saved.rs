//! The saved network that a command line means.

use std::path::Path;

use anyhow::bail;
use gradus::runs::{RunFolder, SavedModel};

/// Reads a MODEL: a run folder, or a safetensors file that describes itself.
///
/// # Errors
///
/// If there is none, or what is wrong with it.
pub(crate) fn read(model: &Path) -> anyhow::Result<SavedModel> {
    if !model.is_dir() {
        return Ok(SavedModel::read(model)?);
    }
    let file = model.join(RunFolder::LAST);
    if !file.exists() {
        bail!(
            "{}: expected a run folder with {}, found a folder without it",
            model.display(),
            RunFolder::LAST
        );
    }
    Ok(SavedModel::read(&file)?)
}
