//! The files of a run in progress.

use std::fmt::{self, Debug, Formatter};
use std::path::Path;
use std::time::SystemTime;

use events::Event;
use train::{Observer, Trainer};

use crate::TensorBoardError;
use crate::event_file::{EventFile, seconds};
use crate::summaries::{RunContext, summary, version};

/// An observer that writes each event to an event file at once. Give it to a recorder as its
/// [log observer](train::Recorder::with_log_observer): then the files have what the log has.
///
/// A failure is told of when it begins and at the end; what could not be written is written with the next event.
pub struct TensorBoard {
    file: EventFile,
    is_failing: bool,
    tell: Box<TellFailure>,
}

/// Takes what failed, and whether it is tried again.
type TellFailure = dyn FnMut(&TensorBoardError, bool) + Send;

impl TensorBoard {
    /// Begins a file in `directory`, in the folder that has the name of the run directory `run` and must have no event files
    /// unless the run `continues`; `tell` is called with failures of writing, and whether they are tried again.
    ///
    /// # Errors
    ///
    /// [`TensorBoardError::Occupied`] if another run has files there, or what the system reports.
    pub fn create(
        directory: &Path,
        run: &Path,
        continues: bool,
        tell: impl FnMut(&TensorBoardError, bool) + Send + 'static,
    ) -> Result<Self, TensorBoardError> {
        let mut file = EventFile::create(directory, run, continues)?;
        file.append(&version(seconds(SystemTime::now())))?;
        Ok(Self { file, is_failing: false, tell: Box::new(tell) })
    }
}

impl Observer for TensorBoard {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        let run = RunContext {
            experiment: &trainer.current().experiment,
            parameters: &trainer.model().parameters,
            last_values: Some(&trainer.saved().parameters),
            validation: trainer.validation_set(),
            test: Some(trainer.test_set()),
        };
        let events = summary(event, &run, seconds(SystemTime::now()));
        let failed = events.iter().filter_map(|event| self.file.append(event).err()).last();
        let is_last = matches!(event, Event::RunFinished(_));
        if let Some(error) = failed.as_ref().filter(|_| !self.is_failing || is_last) {
            (self.tell)(error, !is_last);
        }
        self.is_failing = failed.is_some() || self.is_failing && events.is_empty();
    }
}

impl Debug for TensorBoard {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorBoard").field("file", &self.file).finish_non_exhaustive()
    }
}
