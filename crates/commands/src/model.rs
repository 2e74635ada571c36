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
    let read = |checkpoint: Checkpoint| TrainerState::read(checkpoint.file(path)).ok();
    let Some(last) = path.is_dir().then(|| read(Checkpoint::Last)).flatten() else {
        return Ok(SavedModel::read(path)?);
    };
    let (step, model) = (last.progress.step, last.averaged.unwrap_or(last.trained));
    if model.experiment.data.validation.is_some() {
        // A hint: a file that is damaged or not there is no reason to refuse the model.
        let earlier = read(Checkpoint::Best).map(|state| state.progress.step);
        if let Some(best) = earlier.filter(|&best| best < step) {
            warn(&[format!(
                "this is the model after step {step}; that of step {best} is the best one by the validation set: {}",
                Checkpoint::Best.file(path).display()
            )]);
        }
    }
    Ok(model)
}
