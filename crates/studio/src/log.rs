//! The log of a run, read as it grows, and the lines of it that a page needs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use events::{Event, EventKind, ParseError};

/// Step lines that a page gets of a run at most; a chart has no more columns.
const MOST_STEPS: usize = 1500;
/// Evaluations, and snapshots, that a page gets at most.
const MOST_SNAPSHOTS: usize = 400;
/// Step lines that a page gets at a time while a run goes on.
const MOST_NEW_STEPS: usize = 50;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// A line longer than this is none of ours.
const LONGEST_LINE: usize = 1 << 20;

/// The index of a log.
#[derive(Debug)]
pub(crate) struct RunLog {
    path: PathBuf,
    lines: Vec<Line>,
    /// Bytes that have been looked at. What follows them is not a whole line yet.
    read: u64,
    /// Lines that are no events, and those of a newer version.
    damaged: usize,
    unknown: usize,
    is_finished: bool,
}

/// Where a line of the log is, without its line break.
#[derive(Clone, Copy, Debug)]
struct Line {
    start: u64,
    len: u32,
    kind: EventKind,
}

/// Some lines of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lines {
    /// The lines, each with its line break.
    pub(crate) text: String,
    /// Where the lines after them begin.
    pub(crate) end: u64,
    /// Step lines left out, since a page cannot show them.
    pub(crate) left_out: usize,
}

impl Lines {
    /// What the lines say.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.text.lines().filter_map(|line| Event::parse(line).ok()).collect()
    }
}

impl RunLog {
    /// A log that may not be there yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, lines: Vec::new(), read: 0, damaged: 0, unknown: 0, is_finished: false }
    }

    /// Whether the last event is there.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// Lines that are no events, and those that only a newer version knows.
    pub(crate) fn strange(&self) -> (usize, usize) {
        (self.damaged, self.unknown)
    }

    /// Reads what has been written since the last time.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        if len < self.read {
            // Someone began it anew.
            *self = Self::new(std::mem::take(&mut self.path));
        }
        if len == self.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut buffer = Vec::with_capacity(CHUNK);
        let mut file = file.take(len - self.read);
        loop {
            let old = buffer.len();
            let n_read = (&mut file).take(CHUNK as u64).read_to_end(&mut buffer)?;
            let whole =
                buffer[old..].iter().rposition(|&byte| byte == b'\n').map(|at| old + at + 1);
            if let Some(whole) = whole {
                buffer[..whole]
                    .split_inclusive(|&byte| byte == b'\n')
                    .for_each(|line| self.add(line));
                buffer.drain(..whole);
            } else if buffer.len() > LONGEST_LINE {
                self.damaged += 1;
                self.read += buffer.len() as u64;
                buffer.clear();
            }
            if n_read == 0 {
                return Ok(());
            }
        }
    }

    /// Notes a line, which ends with its line break.
    fn add(&mut self, line: &[u8]) {
        let start = self.read;
        self.read += line.len() as u64;
        let text = &line[..line.len() - 1];
        match EventKind::of_line(text) {
            Ok(kind) => {
                // A run that is continued starts again after its end.
                match kind {
                    EventKind::Started => self.is_finished = false,
                    EventKind::Finished => self.is_finished = true,
                    _ => {}
                }
                self.lines.push(Line { start, len: text.len() as u32, kind });
            }
            Err(ParseError::UnknownKind(_) | ParseError::Format { .. }) => self.unknown += 1,
            Err(_) => self.damaged += 1,
        }
    }

    /// The lines that show the whole run so far.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn history(&self) -> io::Result<Lines> {
        self.pick(&self.lines, MOST_STEPS, MOST_SNAPSHOTS)
    }

    /// The lines from byte `start` on, which must be the end of other lines.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn since(&self, start: u64) -> io::Result<Lines> {
        let first = self.lines.partition_point(|line| line.start < start);
        self.pick(&self.lines[first..], MOST_NEW_STEPS, MOST_SNAPSHOTS)
    }

    fn pick(&self, lines: &[Line], most_steps: usize, most_snapshots: usize) -> io::Result<Lines> {
        let is_reported = |line: &&Line| line.kind == EventKind::Step { is_reported: true };
        let is_step = |line: &&Line| matches!(line.kind, EventKind::Step { .. });
        let n_steps = lines.iter().filter(is_step).count();
        let n_reported = lines.iter().filter(is_reported).count();
        // Steps that say more, should there be any.
        let wants_all = n_reported == 0;
        let candidates = if wants_all { n_steps } else { n_reported };
        let mut steps = Thinner::new(candidates, most_steps);
        let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
        let mut evaluations = Thinner::new(count(EventKind::Evaluation), most_snapshots);
        let mut snapshots = Thinner::new(count(EventKind::Snapshot), most_snapshots);
        let mut n_kept = 0;
        let chosen = lines.iter().filter(|line| match line.kind {
            EventKind::Step { is_reported } => {
                let keeps = (is_reported || wants_all) && steps.keeps();
                n_kept += usize::from(keeps);
                keeps
            }
            EventKind::Evaluation => evaluations.keeps(),
            EventKind::Snapshot => snapshots.keeps(),
            _ => true,
        });
        let text = self.read_lines(chosen)?;
        Ok(Lines { text, end: self.read, left_out: n_steps - n_kept })
    }

    fn read_lines<'a>(&self, lines: impl Iterator<Item = &'a Line>) -> io::Result<String> {
        let mut lines = lines.peekable();
        if lines.peek().is_none() {
            return Ok(String::new());
        }
        let mut file = File::open(&self.path)?;
        let mut bytes = Vec::new();
        for line in lines {
            file.seek(SeekFrom::Start(line.start))?;
            (&mut file).take(line.len.into()).read_to_end(&mut bytes)?;
            bytes.push(b'\n');
        }
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

/// Chooses evenly among things that come one after the other, the last among them.
struct Thinner {
    left: usize,
    stride: usize,
}

impl Thinner {
    fn new(n: usize, most: usize) -> Self {
        Self { left: n, stride: n.div_ceil(most).max(1) }
    }

    fn keeps(&mut self) -> bool {
        self.left -= 1;
        self.left.is_multiple_of(self.stride)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use std::collections::BTreeMap;

    use events::{EvaluationFinished, Metrics, Part, Paused, StepFinished};

    use super::*;

    fn step(step: u64, accuracy: Option<f64>) -> String {
        let loss = Metrics::new(0.5);
        let event = StepFinished {
            step,
            epoch: 0.1,
            metrics: accuracy.map_or(loss.clone(), |value| loss.clone().with("accuracy", value)),
            penalty: 0.0,
            learning_rate: 0.1,
            grad_norm: 1.0,
        };
        Event::StepFinished(event).to_line() + "\n"
    }

    fn evaluation(step: u64) -> String {
        let event = EvaluationFinished {
            step,
            epoch: 0.1,
            part: Part::Test,
            samples: 10,
            metrics: Metrics::new(0.5).with("accuracy", 0.5),
            best: BTreeMap::new(),
            misclassified: vec![(1, 2)],
        };
        Event::EvaluationFinished(event).to_line() + "\n"
    }

    struct Sandbox {
        folder: tempfile::TempDir,
    }

    impl Sandbox {
        fn new() -> (Self, RunLog) {
            let folder = tempfile::tempdir().unwrap();
            let log = RunLog::new(folder.path().join("events.jsonl"));
            (Self { folder }, log)
        }

        fn append(&self, text: &str) {
            let path = self.folder.path().join("events.jsonl");
            let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn lines_are_read_as_they_come_and_none_twice() {
        let (sandbox, mut log) = Sandbox::new();
        assert!(log.refresh().is_err(), "no file yet");
        let text = [step(1, None), step(2, Some(0.5)), evaluation(2)].concat();
        let paused = Event::Paused(Paused { step: 2 }).to_line() + "\n";
        // Cut anywhere, as a writer is overtaken.
        let (first, second) = text.split_at(text.len() - 20);
        sandbox.append(first);
        log.refresh().unwrap();
        let early = log.history().unwrap();
        assert_eq!(early.text, step(2, Some(0.5)));
        sandbox.append(second);
        sandbox.append(&paused);
        log.refresh().unwrap();
        log.refresh().unwrap();
        let late = log.since(early.end).unwrap();
        assert_eq!(late.text, evaluation(2) + &paused);
        assert_eq!(log.since(late.end).unwrap(), Lines { end: late.end, ..Lines::default() });
        assert_eq!(log.history().unwrap().text, step(2, Some(0.5)) + &late.text);
        assert!(!log.is_finished());
    }

    #[test]
    fn of_many_steps_an_even_choice_is_shown() {
        let (sandbox, mut log) = Sandbox::new();
        let text: String = (1..=100_000)
            .map(|i| {
                step(i, (i % 10 == 0).then_some(0.5))
                    + &if i % 100 == 0 { evaluation(i) } else { String::new() }
            })
            .collect();
        sandbox.append(&text);
        log.refresh().unwrap();
        let history = log.history().unwrap();
        let kinds = |name| history.text.lines().filter(|line| line.contains(name)).count();
        assert_eq!((kinds("step_finished"), kinds("evaluation_finished")), (1429, 334));
        assert!(history.text.lines().all(|line| line.contains("\"accuracy\"")));
        assert!(
            history.text.ends_with(&evaluation(100_000))
                && history.text.contains(&step(100_000, Some(0.5)))
        );
        assert_eq!(history.left_out, 100_000 - 1429);
    }

    #[test]
    fn damaged_and_newer_lines_are_counted_and_the_rest_is_shown() {
        let (sandbox, mut log) = Sandbox::new();
        sandbox.append("hello\n\n{\"event\":\"coffee_spilled\"}\n");
        sandbox.append(&step(1, Some(1.0)));
        sandbox.append(&"x".repeat(3 * LONGEST_LINE));
        sandbox.append("\n");
        sandbox.append(&step(2, Some(1.0)));
        log.refresh().unwrap();
        assert_eq!(log.history().unwrap().text, step(1, Some(1.0)) + &step(2, Some(1.0)));
        let (damaged, unknown) = log.strange();
        assert!(damaged >= 3 && unknown == 1, "{damaged} {unknown}");
    }

    #[test]
    fn a_log_that_was_begun_anew_is_read_anew() {
        let (sandbox, mut log) = Sandbox::new();
        sandbox.append(&[step(1, Some(0.1)), step(2, Some(0.2))].concat());
        log.refresh().unwrap();
        std::fs::remove_file(&log.path).unwrap();
        sandbox.append(&step(1, Some(0.3)));
        log.refresh().unwrap();
        assert_eq!(log.history().unwrap().text, step(1, Some(0.3)));
    }
}
