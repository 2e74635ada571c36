//! The log of a run, read as it grows, and the lines of it that a page needs.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;

use events::{Event, EventKind, ParseError};

/// Step lines of a run that a page gets: a chart has no more columns.
const MAX_STEPS: usize = 1500;
/// Evaluations, snapshots and events of newer versions that a page gets of each.
const MAX_SNAPSHOTS: usize = 400;
/// Step lines that a page gets at a time during a run.
const MAX_NEW_STEPS: usize = 50;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// A longer line is damaged.
const MAX_LINE: usize = 1 << 20;

/// The index of a log.
#[derive(Debug)]
pub(crate) struct RunLog {
    path: PathBuf,
    lines: Vec<LogLine>,
    /// Bytes that have been read as lines. What follows is not a whole line yet.
    read: u64,
    /// Lines that are not events.
    damaged: usize,
    is_finished: bool,
}

/// Where a line of the log is, without its line break.
#[derive(Clone, Copy, Debug)]
struct LogLine {
    start: u64,
    len: u32,
    /// `None` for an event of a newer version.
    kind: Option<EventKind>,
    /// Whether it is a step with other metrics than the loss.
    is_reported: bool,
}

/// Some lines of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Lines {
    /// The lines, each with its line break.
    pub(crate) text: String,
    /// The position after them.
    pub(crate) end: u64,
    /// Step lines left out, since a page cannot show them.
    pub(crate) left_out: usize,
}

impl Lines {
    /// The events of the lines.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.text.lines().filter_map(|line| Event::parse(line).ok()).collect()
    }
}

impl RunLog {
    /// A log that may not exist yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, lines: Vec::new(), read: 0, damaged: 0, is_finished: false }
    }

    /// Whether the last start of the run has ended.
    pub(crate) fn is_finished(&self) -> bool {
        self.is_finished
    }

    /// The number of lines that are not events.
    pub(crate) fn damaged(&self) -> usize {
        self.damaged
    }

    /// Reads what has been written since the last time.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        if len < self.read {
            // The file was replaced.
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
            } else if buffer.len() > MAX_LINE {
                self.damaged += 1;
                self.read += buffer.len() as u64;
                buffer.clear();
            }
            if n_read == 0 {
                return Ok(());
            }
        }
    }

    /// Adds a line, which ends with its line break.
    fn add(&mut self, line: &[u8]) {
        let start = self.read;
        self.read += line.len() as u64;
        let text = &line[..line.len() - 1];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        // Not all of a line is read to learn its kind, but pages receive it as text, without carriage returns.
        let is_text = std::str::from_utf8(text).is_ok() && !text.contains(&b'\r');
        let (kind, is_reported) = match EventKind::of_line(text) {
            Ok((kind, is_reported)) if is_text => (Some(kind), is_reported),
            Err(ParseError::UnknownKind(_)) if is_text => (None, false),
            _ => {
                self.damaged += 1;
                return;
            }
        };
        match kind {
            // A continued run starts again after its end.
            Some(EventKind::RunStarted) => self.is_finished = false,
            Some(EventKind::RunFinished) => self.is_finished = true,
            _ => {}
        }
        self.lines.push(LogLine { start, len: text.len() as u32, kind, is_reported });
    }

    /// The lines that show the whole run so far.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(crate) fn history(&self) -> io::Result<Lines> {
        self.pick(&self.lines, MAX_STEPS, MAX_SNAPSHOTS)
    }

    /// The lines from byte `start` on, which must be the end of other lines.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(crate) fn since(&self, start: u64) -> io::Result<Lines> {
        let first = self.lines.partition_point(|line| line.start < start);
        self.pick(&self.lines[first..], MAX_NEW_STEPS, MAX_SNAPSHOTS)
    }

    fn pick(
        &self,
        lines: &[LogLine],
        most_steps: usize,
        most_snapshots: usize,
    ) -> io::Result<Lines> {
        let count = |kind| lines.iter().filter(|line| line.kind == kind).count();
        let n_steps = count(Some(EventKind::StepFinished));
        let n_reported = lines.iter().filter(|line| line.is_reported).count();
        // Steps with more metrics than the loss, if there are any.
        let wants_all = n_reported == 0;
        let candidates = if wants_all { n_steps } else { n_reported };
        let mut steps = Thinner::new(candidates, most_steps);
        let mut evaluations =
            Thinner::new(count(Some(EventKind::EvaluationFinished)), most_snapshots);
        let mut snapshots = Thinner::new(count(Some(EventKind::Snapshot)), most_snapshots);
        let mut others = Thinner::new(count(None), most_snapshots);
        let mut n_kept = 0;
        let chosen = lines.iter().filter(|line| match line.kind {
            Some(EventKind::StepFinished) => {
                let keeps = (line.is_reported || wants_all) && steps.keeps();
                n_kept += usize::from(keeps);
                keeps
            }
            Some(EventKind::EvaluationFinished) => evaluations.keeps(),
            Some(EventKind::Snapshot) => snapshots.keeps(),
            Some(_) => true,
            None => others.keeps(),
        });
        let text = self.read_lines(chosen)?;
        Ok(Lines { text, end: self.read, left_out: n_steps - n_kept })
    }

    fn read_lines<'a>(&self, lines: impl Iterator<Item = &'a LogLine>) -> io::Result<String> {
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

/// Chooses evenly from a sequence, with its last item.
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
    fn every_line_is_read_once_as_it_is_written() {
        let (sandbox, mut log) = Sandbox::new();
        assert!(log.refresh().is_err(), "no file yet");
        let text = [step(1, None), step(2, Some(0.5)), evaluation(2)].concat();
        let paused = Event::Paused(Paused { step: 2 }).to_line() + "\n";
        // Cut anywhere, as when a reader overtakes the writer.
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
    fn an_even_choice_of_many_steps_is_shown() {
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
    fn damaged_lines_are_counted_and_those_of_a_newer_version_shown() {
        let (sandbox, mut log) = Sandbox::new();
        let newer = "{\"event\":\"coffee_spilled\"}\n";
        sandbox.append("hello\n\n");
        sandbox.append(newer);
        sandbox.append(&step(1, Some(1.0)));
        sandbox.append(&"x".repeat(3 * MAX_LINE));
        sandbox.append("\n");
        sandbox.append(&step(2, Some(1.0)));
        log.refresh().unwrap();
        let text = [newer, &step(1, Some(1.0)), &step(2, Some(1.0))].concat();
        assert_eq!(log.history().unwrap().text, text);
        assert!(log.damaged() >= 3, "{}", log.damaged());
    }

    #[test]
    fn a_line_that_is_not_text_is_damaged_and_hides_no_other() {
        let (sandbox, mut log) = Sandbox::new();
        let good = step(1, Some(1.0));
        let bad = good.replacen("step_finished\"", "step_finished\",\"note\":\"\u{0}\"", 1);
        let mut bad = bad.into_bytes();
        // The kind of a line is known without reading the note.
        bad.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = 0xff);
        std::fs::write(&log.path, [&bad, good.as_bytes()].concat()).unwrap();
        sandbox.append("{\"event\":\"paused\",\r\"step\":1}\n");
        sandbox.append("{\"event\":\"paused\",\"step\":1}\r\n");
        log.refresh().unwrap();
        assert_eq!(log.damaged(), 2);
        assert_eq!(log.history().unwrap().text, good + "{\"event\":\"paused\",\"step\":1}\n");
    }

    #[test]
    fn a_log_that_was_replaced_is_read_again() {
        let (sandbox, mut log) = Sandbox::new();
        sandbox.append(&[step(1, Some(0.1)), step(2, Some(0.2))].concat());
        log.refresh().unwrap();
        std::fs::remove_file(&log.path).unwrap();
        sandbox.append(&step(1, Some(0.3)));
        log.refresh().unwrap();
        assert_eq!(log.history().unwrap().text, step(1, Some(0.3)));
    }
}
