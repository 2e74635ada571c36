//! The log of a run, read as it grows, and the lines of it that a page needs.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use events::{Event, EventKind, EventTag, ParseError, Part};

/// Step lines of a run that a page gets: a chart has no more columns.
const MAX_STEPS: usize = 1500;
/// Evaluations, snapshots and events of newer versions that a page gets of each.
const MAX_SNAPSHOTS: usize = 400;
/// Step lines that a page gets at a time during a run.
const MAX_NEW_STEPS: usize = 50;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Bytes of the last line that are compared.
const MAX_END: usize = 256;
/// A longer line is damaged.
const MAX_LINE: u64 = 1 << 20;

/// The index of a log.
#[derive(Debug)]
pub(crate) struct RunLog {
    path: PathBuf,
    lines: Vec<LogLine>,
    /// Bytes that have been read as lines. What follows is not a whole line yet.
    read: u64,
    /// The last of these bytes, by which it is noticed that the log was cut and continued.
    end: Vec<u8>,
    /// How often the log was read from its beginning: positions are of one of these times.
    pub(crate) generation: u64,
    /// Lines that are not events.
    pub(crate) damaged: usize,
    /// Whether the last start of the run has ended.
    pub(crate) is_finished: bool,
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
    /// The part of the data of an evaluation.
    part: Option<Part>,
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
        Self {
            path,
            lines: Vec::new(),
            read: 0,
            end: Vec::new(),
            generation: 0,
            damaged: 0,
            is_finished: false,
        }
    }

    /// Reads what has been written since the last time.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        let mut file = File::open(&self.path)?;
        let len = file.metadata()?.len();
        if len < self.read || !self.continues(&mut file)? {
            // The file was replaced, or the run continued from an earlier step.
            let (path, generation) = (std::mem::take(&mut self.path), self.generation + 1);
            *self = Self { generation, ..Self::new(path) };
        }
        if len == self.read {
            return Ok(());
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut file = BufReader::with_capacity(CHUNK, file.take(len - self.read));
        let mut line = Vec::new();
        loop {
            line.clear();
            let n_read = (&mut file).take(MAX_LINE).read_until(b'\n', &mut line)?;
            if line.ends_with(b"\n") {
                self.add(&line);
            } else if n_read as u64 == MAX_LINE {
                self.damaged += 1;
                self.read += MAX_LINE;
                self.end.clear();
            } else {
                return Ok(());
            }
        }
    }

    /// Whether the file still has the bytes that were read last.
    fn continues(&self, file: &mut File) -> io::Result<bool> {
        file.seek(SeekFrom::Start(self.read - self.end.len() as u64))?;
        let mut end = Vec::new();
        (&mut *file).take(self.end.len() as u64).read_to_end(&mut end)?;
        Ok(end == self.end)
    }

    /// Adds a line, which ends with its line break.
    fn add(&mut self, line: &[u8]) {
        let start = self.read;
        self.read += line.len() as u64;
        self.end.clear();
        self.end.extend(&line[line.len().saturating_sub(MAX_END)..]);
        let text = &line[..line.len() - 1];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        // Not all of a line is read to learn its kind, but pages receive it as text, without carriage returns.
        let is_text = std::str::from_utf8(text).is_ok() && !text.contains(&b'\r');
        let (kind, is_reported, part) = match EventTag::of_line(text) {
            Ok(EventTag { kind, is_reported, part }) if is_text => (Some(kind), is_reported, part),
            Err(ParseError::UnknownKind(_)) if is_text => (None, false, None),
            _ => {
                self.damaged += 1;
                return;
            }
        };
        // A continued run starts again after its end.
        self.is_finished = match kind {
            Some(EventKind::RunStarted) => false,
            Some(EventKind::RunFinished) => true,
            _ => self.is_finished,
        };
        self.lines.push(LogLine { start, len: text.len() as u32, kind, is_reported, part });
    }

    /// The lines that show the whole run so far.
    pub(crate) fn history(&self) -> io::Result<Lines> {
        self.pick(&self.lines, MAX_STEPS)
    }

    /// The lines from byte `start` on, which must be the end of other lines.
    pub(crate) fn since(&self, start: u64) -> io::Result<Lines> {
        let first = self.lines.partition_point(|line| line.start < start);
        self.pick(&self.lines[first..], MAX_NEW_STEPS)
    }

    fn pick(&self, lines: &[LogLine], max_steps: usize) -> io::Result<Lines> {
        const STEP: Option<EventKind> = Some(EventKind::StepFinished);
        let n_steps = |lines: &[LogLine]| lines.iter().filter(|line| line.kind == STEP).count();
        // Steps with more metrics than the loss, if there are any.
        let has_reported = lines.iter().any(|line| line.is_reported);
        let can_show = |line: &&LogLine| !has_reported || line.is_reported || line.kind != STEP;
        let mut chosen: Vec<_> = lines.iter().filter(can_show).copied().collect();
        thin(&mut chosen, max_steps, |line| line.kind == STEP);
        for kind in [Some(EventKind::Snapshot), None] {
            thin(&mut chosen, MAX_SNAPSHOTS, |line| line.kind == kind);
        }
        // Each part by itself, so that the same steps of all are kept.
        for part in [Some(Part::Train), Some(Part::Validation), Some(Part::Test), None] {
            let is_of_part = |line: &LogLine| {
                line.kind == Some(EventKind::EvaluationFinished) && line.part == part
            };
            thin(&mut chosen, MAX_SNAPSHOTS, is_of_part);
        }
        let left_out = n_steps(lines) - n_steps(&chosen);
        Ok(Lines { text: self.read_lines(&chosen)?, end: self.read, left_out })
    }

    fn read_lines(&self, lines: &[LogLine]) -> io::Result<String> {
        if lines.is_empty() {
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

/// Keeps an even choice of at most `most` of some lines, the last among them, and all others.
fn thin(lines: &mut Vec<LogLine>, most: usize, is_thinned: impl Fn(&LogLine) -> bool) {
    let mut left = lines.iter().filter(|line| is_thinned(line)).count();
    let stride = left.div_ceil(most).max(1);
    lines.retain(|line| {
        let is_thinned = is_thinned(line);
        left -= usize::from(is_thinned);
        !is_thinned || left.is_multiple_of(stride)
    });
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use serde_json::json;

    use super::*;

    const PAUSED: &str = "{\"event\":\"paused\",\"step\":2}\n";

    fn step(step: u64, accuracy: Option<f64>) -> String {
        let mut event = json!({
            "event": "step_finished", "step": step, "epoch": 0.1, "metrics": { "loss": 0.5 },
            "penalty": 0.0, "learning_rate": 0.1, "grad_norm": 1.0,
        });
        if let Some(accuracy) = accuracy {
            event["metrics"]["accuracy"] = accuracy.into();
        }
        format!("{event}\n")
    }

    fn evaluation(step: u64) -> String {
        evaluation_of("test", step)
    }

    fn evaluation_of(part: &str, step: u64) -> String {
        let event = json!({
            "event": "evaluation_finished", "step": step, "epoch": 0.1, "part": part, "samples": 10,
            "metrics": { "loss": 0.5, "accuracy": 0.5 }, "best": {}, "misclassified": [[1, 2]],
        });
        format!("{event}\n")
    }

    /// A log that does not exist yet, in a folder for it.
    fn new_log() -> (tempfile::TempDir, RunLog) {
        let folder = tempfile::tempdir().unwrap();
        let log = RunLog::new(folder.path().join("events.jsonl"));
        (folder, log)
    }

    /// Appends to a log and reads it.
    fn append(log: &mut RunLog, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().create(true).append(true).open(&log.path).unwrap();
        file.write_all(text.as_ref()).unwrap();
        log.refresh().unwrap();
    }

    #[test]
    fn every_line_is_read_once_as_it_is_written() {
        let (_folder, mut log) = new_log();
        assert!(log.refresh().is_err(), "no file yet");
        let text = [step(1, None), step(2, Some(0.5)), evaluation(2)].concat();
        // Cut anywhere, as when a reader overtakes the writer.
        let (first, second) = text.split_at(text.len() - 20);
        append(&mut log, first);
        let early = log.history().unwrap();
        assert_eq!(early.text, step(2, Some(0.5)));
        append(&mut log, second.to_owned() + PAUSED);
        log.refresh().unwrap();
        let late = log.since(early.end).unwrap();
        assert_eq!(late.text, evaluation(2) + PAUSED);
        assert_eq!(log.since(late.end).unwrap(), Lines { end: late.end, ..Lines::default() });
        assert_eq!(log.history().unwrap().text, step(2, Some(0.5)) + &late.text);
        assert!(!log.is_finished);
    }

    #[test]
    fn an_even_choice_of_many_steps_is_shown() {
        let (_folder, mut log) = new_log();
        let lines = (1..=100_000).flat_map(|i| {
            let step = step(i, (i % 10 == 0).then_some(0.5));
            [Some(step), (i % 100 == 0).then(|| evaluation(i))]
        });
        append(&mut log, lines.flatten().collect::<String>());
        let Lines { text, left_out, .. } = log.history().unwrap();
        let kinds = |name| text.lines().filter(|line| line.contains(name)).count();
        assert_eq!((kinds("step_finished"), kinds("evaluation_finished")), (1429, 334));
        assert!(text.lines().all(|line| line.contains("\"accuracy\"")));
        assert!(text.ends_with(&(step(100_000, Some(0.5)) + &evaluation(100_000))));
        assert_eq!(left_out, 100_000 - 1429);
    }

    #[test]
    fn the_same_steps_of_all_parts_are_shown() {
        let (_folder, mut log) = new_log();
        let lines =
            (1..=1000).flat_map(|i| ["validation", "test"].map(|part| evaluation_of(part, i)));
        append(&mut log, lines.collect::<String>());
        let steps = |part| -> Vec<u64> {
            let events = log.history().unwrap().events();
            let steps = events.iter().filter_map(|event| match event {
                Event::EvaluationFinished(of) if of.part == part => Some(of.step),
                _ => None,
            });
            steps.collect()
        };
        assert_eq!(steps(Part::Validation), steps(Part::Test));
        assert_eq!((steps(Part::Test).len(), steps(Part::Test).last()), (334, Some(&1000)));
    }

    #[test]
    fn damaged_lines_are_counted_and_those_of_a_newer_version_shown() {
        let (_folder, mut log) = new_log();
        let newer = "{\"event\":\"coffee_spilled\"}\n";
        let [first, second] = [1, 2].map(|i| step(i, Some(1.0)));
        let long = "x".repeat(3 * MAX_LINE as usize);
        append(&mut log, ["hello\n\n", newer, &first, &long, "\n", &second].concat());
        assert_eq!(log.history().unwrap().text, [newer, &first, &second].concat());
        assert!(log.damaged >= 3, "{}", log.damaged);
    }

    #[test]
    fn a_line_that_is_not_text_is_damaged_and_hides_no_other() {
        let (_folder, mut log) = new_log();
        let good = step(1, Some(1.0));
        // The kind of a line is known without reading the note.
        let (start, rest) = good.split_once("step_finished\"").unwrap();
        let bad =
            [start.as_bytes(), b"step_finished\",\"note\":\"\xff\"", rest.as_bytes()].concat();
        let [inside, at_end] = [(",", ",\r"), ("\n", "\r\n")].map(|(a, b)| PAUSED.replace(a, b));
        append(&mut log, [&bad, good.as_bytes(), inside.as_bytes(), at_end.as_bytes()].concat());
        assert_eq!(log.damaged, 2);
        assert_eq!(log.history().unwrap().text, good + PAUSED);
    }

    #[test]
    fn a_log_that_was_cut_and_went_on_further_is_read_again() {
        let (_folder, mut log) = new_log();
        append(&mut log, [1, 2, 3].map(|i| step(i, Some(0.5))).concat());
        let cut = step(1, Some(0.5));
        let longer = [2, 3, 4, 5].map(|i| step(i, Some(0.25))).concat();
        std::fs::write(&log.path, cut.clone() + PAUSED + &longer).unwrap();
        log.refresh().unwrap();
        assert_eq!(log.history().unwrap().text, cut + PAUSED + &longer);
        assert_eq!(log.generation, 1);
    }

    #[test]
    fn a_log_that_was_replaced_is_read_again() {
        let (_folder, mut log) = new_log();
        append(&mut log, [step(1, Some(0.1)), step(2, Some(0.2))].concat());
        std::fs::remove_file(&log.path).unwrap();
        append(&mut log, step(1, Some(0.3)));
        assert_eq!(log.history().unwrap().text, step(1, Some(0.3)));
    }
}
