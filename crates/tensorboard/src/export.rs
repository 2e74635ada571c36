//! The file of a run from its log.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use events::{Event, ParseError, ReadError, Snapshot};
use nn::Mode;
use runs::{DataSpec, ExperimentError, Parts, RunFolder, SavedModel};

use crate::event_file::{EventFile, seconds};
use crate::summaries::{RunContext, summary, version};
use crate::{TensorBoardError, failed};

/// A run that was written to an event file.
#[derive(Debug)]
pub struct ExportedRun {
    /// The file.
    pub file: PathBuf,
    /// Lines of the log that are not events.
    pub lines: Vec<ReadError>,
    /// Why there are no pictures of samples.
    pub samples: Option<ExperimentError>,
}

/// Writes the run in the directory `run`, finished or in progress, to an event file in `directory`, in the folder that has the
/// name of the run and must have no event files; `open_data` reads the data, of which pictures are shown.
///
/// The file has what a [`TensorBoard`](crate::TensorBoard) would have written. The log has no clock times: they are counted
/// back from when it was changed last, by the seconds spent in steps.
///
/// # Errors
///
/// If the run cannot be read or the file cannot be written.
pub fn export(
    run: &Path,
    directory: &Path,
    open_data: impl Fn(&DataSpec) -> Result<Parts, ExperimentError>,
) -> Result<ExportedRun, TensorBoardError> {
    let experiment = RunFolder::experiment(run)?;
    let model = experiment.network(Mode::Train)?;
    let data = open_data(&experiment.data);
    // A run in progress has none yet.
    let last = SavedModel::read(run).ok();
    let context = RunContext {
        experiment: &experiment,
        parameters: &model.parameters,
        last_values: last.as_ref().map(|model| &model.parameters[..]),
        validation: data.as_ref().ok().and_then(|parts| parts.validation.as_ref()),
        test: data.as_ref().ok().map(|parts| &parts.test),
    };
    let times = ClockTimes::of(run)?;
    let mut file = EventFile::create(directory, run, false)?;
    file.append(&version(times.start))?;
    let mut lines = Vec::new();
    for event in log(run)? {
        match event {
            Ok(event) => {
                let events = summary(&event, &context, times.at(event.step()));
                events.iter().try_for_each(|event| file.append(event))?;
            }
            Err(error @ ReadError::Line { reason: ParseError::Malformed(_), .. }) => {
                lines.push(error);
            }
            Err(ReadError::Line { reason: ParseError::UnknownKind(_), .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(ExportedRun { file: file.path().to_owned(), lines, samples: data.err() })
}

/// The events of the log of a run.
fn log(run: &Path) -> Result<impl Iterator<Item = Result<Event, ReadError>>, TensorBoardError> {
    RunFolder::log(run).map_err(|error| failed(run, error))
}

/// When steps were done, in seconds since 1970.
#[derive(Debug, PartialEq)]
struct ClockTimes {
    start: f64,
    /// Steps and the seconds until then, in order.
    known: Vec<(u64, f64)>,
}

impl ClockTimes {
    fn of(run: &Path) -> Result<Self, TensorBoardError> {
        let known = log(run)?.filter_map(|event| match event {
            Ok(Event::Snapshot(Snapshot { step, train_secs, .. })) => Some((step, train_secs)),
            _ => None,
        });
        let mut known: Vec<(u64, f64)> = known.filter(|(_, secs)| secs.is_finite()).collect();
        known.sort_by_key(|(step, _)| *step);
        let changed = RunFolder::changed(run).unwrap_or_else(|_| SystemTime::now());
        let last = known.last().map_or(0.0, |(_, secs)| *secs);
        Ok(Self { start: seconds(changed) - last, known })
    }

    /// The time of a step: between two that are known in proportion.
    fn at(&self, step: u64) -> f64 {
        let after = self.known.partition_point(|(known, _)| *known < step);
        let [before, after] = [after.checked_sub(1), Some(after)]
            .map(|at| at.and_then(|at| self.known.get(at)).copied());
        let secs = match (before, after) {
            (Some((first, from)), Some((second, to))) => {
                from + (to - from) * (step - first) as f64 / (second - first) as f64
            }
            (known, None) | (None, known) => known.map_or(0.0, |(_, secs)| secs),
        };
        self.start + secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_between_snapshots_are_in_proportion() {
        let times = ClockTimes { start: 100.0, known: vec![(0, 0.0), (10, 5.0), (30, 6.0)] };
        for (step, expected) in [(0, 100.0), (2, 101.0), (10, 105.0), (20, 105.5), (40, 106.0)] {
            assert_eq!(times.at(step), expected, "{step}");
        }
        let known = vec![(7, 3.0)];
        assert_eq!(ClockTimes { start: 1.0, known }.at(2), 4.0);
        assert_eq!(ClockTimes { start: 1.0, known: Vec::new() }.at(2), 1.0);
    }
}
