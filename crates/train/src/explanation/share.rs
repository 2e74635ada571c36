//! What one sample of a batch adds to the gradient of a parameter.

use explain::element::{ElementName, Explanation};
use serde::Serialize;

use super::ExplanationError;
use crate::Trainer;

/// What one sample of a step's batch adds to the gradient of an element of the parameters: computed again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShareExplanation {
    /// The step, 1 for the first.
    pub step: u64,
    /// The number of the sample in the training set.
    pub sample: u32,
    /// Its position in the batch.
    pub position: usize,
    /// The name of its class, if it has one.
    pub label: Option<String>,
    /// The share, and the gradient of the batch beside it.
    pub explanation: Explanation,
}

/// Explains what a sample adds to the gradient of the next step of `trainer`, with at most `terms` terms. The step is not
/// done.
///
/// # Errors
///
/// If there is no such parameter, it is frozen, or the sample is not in the batch.
pub fn explain_share(
    trainer: &mut Trainer,
    of: &ElementName,
    terms: usize,
    sample: u32,
) -> Result<ShareExplanation, ExplanationError> {
    parameter(trainer, of)?;
    let step = trainer.steps_done() + 1;
    let (pass, batch) = trainer.explained_pass()?;
    let position = position_in_batch(&batch, step, sample)?;
    let name = ElementName::value(of.path.clone(), of.index.clone());
    let explanation = pass.explain_share(&name, terms, position)?;
    let label = train_label(trainer, sample);
    Ok(ShareExplanation { step, sample, position, label, explanation })
}

/// Where a sample of the training set is in the batch of a step.
///
/// # Errors
///
/// If it is not.
pub fn position_in_batch(batch: &[u32], step: u64, sample: u32) -> Result<usize, ExplanationError> {
    let position = batch.iter().position(|&other| other == sample);
    position.ok_or_else(|| ExplanationError::Batch { step, found: sample, batch: batch.to_vec() })
}

/// The element of the parameter vector that a name means.
pub(super) fn parameter(trainer: &Trainer, of: &ElementName) -> Result<usize, ExplanationError> {
    let model = trainer.model();
    let trained = || model.parameters.iter().filter(|spec| !spec.is_frozen);
    let spec = trained().find(|spec| spec.path == of.path);
    let Some(spec) = spec else {
        let example = trained().next().map_or(String::new(), |spec| spec.path.clone());
        return Err(ExplanationError::NoParameter { path: of.path.clone(), example });
    };
    let is_inside = spec.shape.len() == of.index.len()
        && of.index.iter().zip(&spec.shape).all(|(index, size)| index < size);
    if !is_inside {
        let last: Vec<usize> = spec.shape.iter().map(|size| size.saturating_sub(1)).collect();
        let expected = format!("an index from {:?} to {last:?}", vec![0; last.len()]);
        let (path, found) = (of.path.clone(), of.index.clone());
        return Err(explain::element::ElementError::Index { path, expected, found }.into());
    }
    let at = of.index.iter().zip(&spec.shape).fold(0, |at, (index, size)| at * size + index);
    Ok(spec.range.start + at)
}

/// The name of the class of a training sample, if it has one.
pub(super) fn train_label(trainer: &Trainer, sample: u32) -> Option<String> {
    trainer.current().transforms.label(trainer.train_set(), sample as usize)
}

/// The first samples of a batch.
pub(super) fn first_of(batch: &[u32]) -> String {
    const SHOWN: usize = 10;
    let shown: Vec<String> = batch.iter().take(SHOWN).map(u32::to_string).collect();
    let more = if batch.len() > SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
