//! A run that continues, or another one that branches off from it.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, ensure};
use gradus::nn::schedule::StepOf;
use gradus::runs::{Experiment, RunFolder, RunFolderError, StoppedRun, TrainerState};
use gradus::train::{TrainError, Trainer};

use crate::output::stderr;

/// Which run continues, and from where.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// Resume a run that was stopped or killed, from its newest checkpoint; --epochs or --steps lengthen it.
    #[arg(long, value_name = "RUN", conflicts_with = "start")]
    resume: Option<PathBuf>,

    /// Continue from the checkpoint of this step; what the run has of later steps is removed.
    #[arg(long, value_name = "STEP", requires = "resume")]
    from: Option<u64>,

    /// Start a new run from the checkpoint of this step, with other settings; the run of --resume stays as it is.
    #[arg(long, value_name = "STEP", requires = "resume", conflicts_with = "from")]
    fork: Option<u64>,
}

/// A training that does not begin anew.
#[derive(Debug)]
pub(crate) struct Continued {
    run: PathBuf,
    state: TrainerState,
    is_fork: bool,
    /// Held by the process that records, if the run continues in its own directory.
    stopped: Option<StoppedRun>,
}

impl ResumeArgs {
    /// The run to continue with, if one is given, in which nothing is changed yet. Of several processes that train together
    /// one records.
    pub(crate) fn open(&self, records: bool) -> anyhow::Result<Option<Continued>> {
        let Some(run) = &self.resume else { return Ok(None) };
        let is_fork = self.fork.is_some();
        let stopped = if records && !is_fork { Some(StoppedRun::open(run)?) } else { None };
        let state =
            RunFolder::state(run, self.fork.or(self.from)).map_err(|error| {
                match offer(run, self.fork, &error) {
                    Some(offer) => with_offer(&error, &offer),
                    None => error.into(),
                }
            })?;
        Ok(Some(Continued { run: run.clone(), state, is_fork, stopped }))
    }
}

/// How to begin with the checkpoint before a damaged one.
fn offer(run: &Path, fork: Option<u64>, error: &RunFolderError) -> Option<String> {
    let RunFolderError::Damaged { before: Some(before), .. } = error else { return None };
    let option = if fork.is_some() { "fork" } else { "from" };
    Some(format!(
        "gradus train --resume {} --{option} {before} continues from there",
        run.display()
    ))
}

fn with_offer(error: &(dyn Error + 'static), offer: &str) -> anyhow::Error {
    anyhow!("{}\n  nothing was changed; {offer}", gradus::error_chain(error))
}

impl Continued {
    /// Whether the run continues in its own directory.
    pub(crate) fn is_same_run(&self) -> bool {
        !self.is_fork
    }

    /// The experiment of the state.
    pub(crate) fn experiment(&self) -> Experiment {
        self.state.experiment()
    }

    /// Gives the state to a trainer. Returns the run, if this process records it in its own directory.
    pub(crate) fn give(self, trainer: &mut Trainer) -> anyhow::Result<Option<StoppedRun>> {
        let Self { run, state, is_fork, stopped } = self;
        let run = run.display().to_string();
        if is_fork {
            trainer.fork(state, run)?;
            return Ok(None);
        }
        let old = state.trained.experiment.clone();
        let step = state.progress.step;
        trainer.resume(state).map_err(|error| match error {
            TrainError::OtherTraining { .. } => {
                let command = format!("gradus train --resume {run} --fork {step}");
                with_offer(&error, &format!("{command} starts a new run"))
            }
            error => error.into(),
        })?;
        let Some(stopped) = stopped else { return Ok(None) };
        let (planned, done) = (trainer.steps_planned(), trainer.epochs_done());
        ensure!(
            step < planned || step == planned && !stopped.has_ended(),
            "{run}: all {step} steps are done ({done:.2} epochs)\n  to continue: gradus train --resume {run} --epochs N, with N above {done:.2}",
        );
        tell_length(&old, trainer);
        Ok(Some(stopped))
    }
}

/// Says what follows from another length of the run.
fn tell_length(old: &Experiment, trainer: &Trainer) {
    let new = &trainer.current().experiment;
    let mut err = stderr();
    for difference in old.differences(new) {
        let _ = writeln!(err, "{difference}");
    }
    let n_samples = trainer.train_set().len();
    let [before, now] = [old, new].map(|experiment| experiment.train.steps_for(n_samples));
    let schedule = new.train.schedule.as_dyn();
    let rate = |step, steps| schedule.learning_rate(StepOf { step, steps });
    if (0..before)
        .step_by(1 + before as usize / 100)
        .any(|step| rate(step, before) != rate(step, now))
    {
        let kind = new.train.schedule.name();
        let _ = writeln!(
            err,
            "the schedule `{kind}` follows the length of the run: from here on its learning rates are those of {now} steps"
        );
    }
}
