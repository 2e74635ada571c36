//! A run up to a step, done again.

use std::path::Path;
use std::sync::Arc;

use events::{Event, LearningRateSet};
use graph::Pool;
use runs::{Parts, RunFolder, TrainerState};

use super::ExplanationError;
use crate::Trainer;

/// The trainer of the run in the folder `run` just before `step`, 1 for the first: from the newest checkpoint before it,
/// with the learning rates that were set by hand in between. Without a step just before the last that follows a
/// checkpoint, the one that is done again fastest. Whoever can wait only so long says by `is_over` when to stop.
///
/// # Errors
///
/// If the run has not done the step, no checkpoint is before it, it cannot be done again here, or time is over.
pub fn trainer_before(
    run: &Path,
    step: Option<u64>,
    data: impl Into<Parts>,
    pool: impl Into<Arc<Pool>>,
    is_over: &dyn Fn() -> bool,
) -> Result<Trainer, ExplanationError> {
    let newest = RunFolder::state(run, None)?;
    let log = RepeatedLog::read(run);
    let last = log.last_step.max(newest.progress.step);
    if let Some(found) = step.filter(|step| !(1..=last).contains(step)) {
        return Err(ExplanationError::Step { run: run.to_owned(), found, last });
    }
    let state = state_before(run, step.unwrap_or(last), newest)?;
    let step = step.unwrap_or(state.progress.step + 1);
    let begin = state.progress.step;
    let mut trainer = Trainer::new(state.experiment(), data, pool)?;
    trainer.resume(state)?;
    let mut rates = log.learning_rates.into_iter().filter(|set| set.step >= begin).peekable();
    loop {
        while let Some(set) = rates.next_if(|set| set.step <= trainer.steps_done()) {
            trainer.set_learning_rate(set.learning_rate);
        }
        if trainer.steps_done() + 1 == step {
            return Ok(trainer);
        }
        if is_over() {
            return Err(ExplanationError::OutOfTime);
        }
        trainer.step()?;
    }
}

/// What the log says of the steps to be done again.
#[derive(Default)]
struct RepeatedLog {
    /// The last step that it has.
    last_step: u64,
    /// Those that were set by hand.
    learning_rates: Vec<LearningRateSet>,
}

impl RepeatedLog {
    fn read(run: &Path) -> Self {
        let mut log = Self::default();
        for event in events(run) {
            log.last_step = log.last_step.max(event.step());
            if let Event::LearningRateSet(set) = event {
                log.learning_rates.push(set);
            }
        }
        log
    }
}

fn state_before(
    run: &Path,
    step: u64,
    newest: TrainerState,
) -> Result<TrainerState, ExplanationError> {
    if newest.progress.step < step {
        return Ok(newest);
    }
    let steps = RunFolder::checkpoints(run);
    let before = steps.iter().rev().map(|(step, _)| *step).find(|before| *before < step);
    match before {
        Some(before) => Ok(RunFolder::state(run, Some(before))?),
        None => {
            let first = steps.first().map_or(newest.progress.step, |(step, _)| *step) + 1;
            Err(ExplanationError::NoCheckpointBefore { run: run.to_owned(), step, first })
        }
    }
}

/// The events of the log that can be read.
pub(super) fn events(run: &Path) -> impl Iterator<Item = Event> {
    RunFolder::log(run).into_iter().flatten().filter_map(Result::ok)
}
