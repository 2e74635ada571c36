//! Models that commands measure and predict with.

use std::path::Path;

use gradus::runs::{Checkpoint, SavedModel, TrainerState};

use crate::experiment::warn;

/// The model of a file, or that of a run directory after its last step. Says it if another one of the run was better by the
/// validation set.
///
/// # Errors
///
/// What is wrong with the file.
pub(crate) fn read_model(path: &Path) -> anyhow::Result<SavedModel> {
    let model = SavedModel::read(path)?;
    if path.is_dir() && model.experiment.data.validation.is_some() {
        // A hint: files that are damaged or not there are no reason to refuse the model.
        let step = |checkpoint: Checkpoint| {
            let state = TrainerState::read(checkpoint.file(path)).ok()?;
            Some(state.progress.step)
        };
        if let (Some(last), Some(best)) = (step(Checkpoint::Last), step(Checkpoint::Best))
            && best < last
        {
            warn(&[format!(
                "this is the model after step {last}; that of step {best} is the best one by the validation set: {}",
                Checkpoint::Best.file(path).display()
            )]);
        }
    }
    Ok(model)
}
