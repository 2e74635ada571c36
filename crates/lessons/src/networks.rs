//! Networks that instruments train: an experiment, some digits, an eye on the time.

use data::Dataset;
use events::StepFinished;
use runs::{Evaluator, Experiment, Split};
use train::Trainer;

use crate::instrument::{InstrumentCall, LessonError};

/// Steps between two looks at the clock.
const STEPS_BETWEEN: u64 = 8;

impl InstrumentCall<'_> {
    /// A network ready for its first step: the experiment, as TOML, with some settings replaced.
    ///
    /// # Errors
    ///
    /// If the experiment of the lesson is wrong.
    pub(crate) fn trainer(
        &self,
        experiment: &str,
        settings: &[(String, String)],
        digits: Split,
    ) -> Result<Trainer, LessonError> {
        let experiment = Experiment::parse_with("lesson", experiment, settings)
            .map_err(|error| LessonError::engine(&error))?;
        Trainer::new(experiment, digits, self.pool()).map_err(|error| LessonError::engine(&error))
    }

    /// Trains a step; nothing if a number was not finite, and then nothing has changed.
    ///
    /// # Errors
    ///
    /// If time is over.
    pub(crate) fn train_step(
        &self,
        trainer: &mut Trainer,
    ) -> Result<Option<StepFinished>, LessonError> {
        if trainer.steps_done().is_multiple_of(STEPS_BETWEEN) {
            self.check_time()?;
        }
        Ok(trainer.step().ok())
    }

    /// The accuracy on some digits.
    ///
    /// # Errors
    ///
    /// If time is over, or the network does not fit the digits.
    pub(crate) fn accuracy(&self, trainer: &Trainer, set: &Dataset) -> Result<f64, LessonError> {
        self.check_time()?;
        let saved = trainer.saved();
        let mut evaluator =
            Evaluator::new(&saved.experiment, set).map_err(|error| LessonError::engine(&error))?;
        let evaluation = evaluator.evaluate(Some(&self.pool()), set, saved);
        Ok(evaluation.metrics.get("accuracy").unwrap_or(f64::NAN))
    }
}
