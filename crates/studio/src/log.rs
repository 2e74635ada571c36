//! The log of a run, read as it grows, and the lines of it that a page needs.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{Event, EventKind, EventTag, LineLen, ParseError, Part, merged, read_line};
use runs::RunFolder;

/// Step lines of a run that a page gets: a chart has no more columns.
const MAX_STEPS: usize = 1500;
/// Lines of each other kind that a page gets, and evaluations of each part.
const MAX_OTHERS: usize = 400;
/// Step lines that a page gets at a time during a run.
const MAX_NEW_STEPS: usize = 50;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;
/// Positions whose new lines are kept until there are newer ones, and bytes of such lines.
const MAX_RECENT: usize = 16;
const MAX_RECENT_TEXT: usize = 1 << 18;
/// Bytes of the last line that are compared.
const MAX_END: usize = 256;
/// Bytes that are read before others may have the log: less than a second's work.
const MAX_READ: u64 = 1 << 26;
/// Lines that are known of a log: when there are more, an even choice of half as many remains.
const MAX_LINES: usize = 1 << 18;
/// Bytes of the lines that a page gets.
pub(crate) const MAX_TEXT: u64 = 1 << 24;

/// The index of a log.
#[derive(Debug)]
pub(crate) struct RunLog {
    path: PathBuf,
    /// Open from a refresh to the lines that are picked after it: what is known is of this file, whatever takes its place.
    file: Option<File>,
    lines: Vec<LogLine>,
    /// Bytes that have been read as lines. What follows is not a whole line yet.
    read: u64,
    /// Whether what follows belongs to a line that is too long.
    is_within_line: bool,
    /// The last of these bytes, by which it is noticed that the log was cut and continued.
    end: Vec<u8>,
    /// How often the log was read from its beginning: positions are of one of these times.
    pub(crate) generation: u64,
    /// Lines that are not events.
    pub(crate) damaged: usize,
    /// Whether the last start of the run has ended.
    pub(crate) is_finished: bool,
    /// When all of the file had been read last.
    refreshed: Option<Instant>,
    /// Lines that were asked for since then, by their start: pages that follow a run ask for the same ones.
    recent: HashMap<u64, Arc<Lines>>,
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
            file: None,
            lines: Vec::new(),
            read: 0,
            is_within_line: false,
            end: Vec::new(),
            generation: 0,
            damaged: 0,
            is_finished: false,
            refreshed: None,
            recent: HashMap::new(),
        }
    }

    /// Reads what has been written since the last time, or some of it. Returns whether that was all.
    pub(crate) fn refresh(&mut self) -> io::Result<bool> {
        let mut file = files::open(&self.path)?;
        let len = file.metadata()?.len().min(RunFolder::MAX_LOG);
        if len < self.read || !self.continues(&mut file)? {
            // The file was replaced, or the run continued from an earlier step.
            let (path, generation) = (std::mem::take(&mut self.path), self.generation + 1);
            *self = Self { generation, ..Self::new(path) };
        }
        file.seek(SeekFrom::Start(self.read))?;
        self.file = Some(file.try_clone()?);
        if len > self.read {
            self.recent.clear();
        }
        let most = (len - self.read).min(MAX_READ);
        let is_all = len - self.read == most;
        let mut file = BufReader::with_capacity(CHUNK, file.take(most));
        let mut line = Vec::new();
        loop {
            let len = read_line(&mut file, &mut line)?;
            let LineLen { bytes, is_whole } = len;
            let is_long = self.is_within_line || len.is_too_long();
            match is_whole {
                true if !is_long => self.add(&mut line),
                false if !is_long || bytes == 0 => {
                    self.refreshed = is_all.then(Instant::now);
                    return Ok(is_all);
                }
                _ => {
                    self.damaged += usize::from(!self.is_within_line);
                    self.is_within_line = !is_whole;
                    self.read += bytes;
                    self.end.clear();
                }
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

    /// Adds a line without its line break.
    fn add(&mut self, line: &mut Vec<u8>) {
        line.push(b'\n');
        let start = self.read;
        self.read += line.len() as u64;
        self.end.clear();
        self.end.extend(&line[line.len().saturating_sub(MAX_END)..]);
        let text = &line[..line.len() - 1];
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if self.add_event(start, text) {
            return;
        }
        // Of events whose line break is damaged nothing may be lost.
        let (mut at, mut is_damaged) = (start, merged(text).nth(1).is_none());
        for part in merged(text).filter(|part| part.len() < text.len()) {
            is_damaged |= !self.add_event(at, part);
            at += part.len() as u64 + 1;
        }
        self.damaged += usize::from(is_damaged);
    }

    /// Adds a text that begins at a byte of the log, if it is an event.
    fn add_event(&mut self, start: u64, text: &[u8]) -> bool {
        // Not all of a line is read to learn its kind, but pages receive it as text, without carriage returns.
        let is_text = std::str::from_utf8(text).is_ok() && !text.contains(&b'\r');
        let (kind, is_reported, part) = match EventTag::of_line(text) {
            Ok(EventTag { kind, is_reported, part }) if is_text => (Some(kind), is_reported, part),
            Err(ParseError::UnknownKind(_)) if is_text => (None, false, None),
            _ => return false,
        };
        // A continued run starts again after its end.
        self.is_finished = match kind {
            Some(EventKind::RunStarted) => false,
            Some(EventKind::RunFinished) => true,
            _ => self.is_finished,
        };
        self.lines.push(LogLine { start, len: text.len() as u32, kind, is_reported, part });
        if self.lines.len() >= MAX_LINES {
            thin_index(&mut self.lines, self.read);
        }
        true
    }

    /// Lets the file go: few files may be open, and there are many runs.
    pub(crate) fn close(&mut self) {
        self.file = None;
    }

    /// The lines that show the whole run so far.
    pub(crate) fn history(&self) -> io::Result<Lines> {
        self.pick(&self.lines, MAX_STEPS)
    }

    /// The lines from byte `start` on, which must be the end of other lines.
    pub(crate) fn since(&mut self, start: u64) -> io::Result<Arc<Lines>> {
        if let Some(lines) = self.recent.get(&start) {
            return Ok(Arc::clone(lines));
        }
        let first = self.lines.partition_point(|line| line.start < start);
        let lines = Arc::new(self.pick(&self.lines[first..], MAX_NEW_STEPS)?);
        if self.recent.len() < MAX_RECENT && lines.text.len() <= MAX_RECENT_TEXT {
            self.recent.insert(start, Arc::clone(&lines));
        }
        Ok(lines)
    }

    /// As [`since`](Self::since) without reading the file, if it was read a moment ago and others have asked for the same.
    pub(crate) fn cached_since(&self, start: u64, moment: Duration) -> Option<Arc<Lines>> {
        self.refreshed.filter(|at| at.elapsed() < moment)?;
        self.recent.get(&start).map(Arc::clone)
    }

    fn pick(&self, lines: &[LogLine], max_steps: usize) -> io::Result<Lines> {
        let n_steps = |lines: &[LogLine]| lines.iter().filter(|line| line.is_step()).count();
        // Steps with more metrics than the loss, if there are any.
        let has_reported = lines.iter().any(|line| line.is_reported);
        let can_show = |line: &&LogLine| !has_reported || line.is_reported || !line.is_step();
        let mut chosen: Vec<_> = lines.iter().filter(can_show).copied().collect();
        let (mut max_steps, mut max_others) = (max_steps, MAX_OTHERS);
        thin_kinds(&mut chosen, max_steps, max_others);
        let n_bytes =
            |lines: &[LogLine]| lines.iter().map(|line| u64::from(line.len) + 1).sum::<u64>();
        // Snapshots of networks with many parameters are long.
        while n_bytes(&chosen) > MAX_TEXT {
            match max_steps.max(max_others) {
                1 => _ = chosen.remove(0),
                _ => (max_steps, max_others) = (max_steps.div_ceil(2), max_others.div_ceil(2)),
            }
            thin_kinds(&mut chosen, max_steps, max_others);
        }
        let left_out = n_steps(lines) - n_steps(&chosen);
        Ok(Lines { text: self.read_lines(&chosen)?, end: self.read, left_out })
    }

    fn read_lines(&self, lines: &[LogLine]) -> io::Result<String> {
        let mut bytes = Vec::new();
        for line in lines {
            let mut file = self.file.as_ref().expect("lines are of a file");
            file.seek(SeekFrom::Start(line.start))?;
            file.take(line.len.into()).read_to_end(&mut bytes)?;
            bytes.push(b'\n');
        }
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

impl LogLine {
    fn is_step(&self) -> bool {
        self.kind == Some(EventKind::StepFinished)
    }

    /// Its kind and, of an evaluation, the part of the data.
    fn kind_and_part(&self) -> (Option<EventKind>, Option<Part>) {
        let is_evaluation = self.kind == Some(EventKind::EvaluationFinished);
        (self.kind, self.part.filter(|_| is_evaluation))
    }
}

/// Keeps an even choice of the lines of each kind and, of evaluations, of each part, so that the same steps of all parts
/// are kept.
fn thin_kinds(lines: &mut Vec<LogLine>, max_steps: usize, max_others: usize) {
    for kind in kinds(lines) {
        let most = if kind.0 == Some(EventKind::StepFinished) { max_steps } else { max_others };
        thin(lines, most, |line| line.kind_and_part() == kind);
    }
}

/// The kinds among some lines, each part of evaluations by itself.
fn kinds(lines: &[LogLine]) -> Vec<(Option<EventKind>, Option<Part>)> {
    let mut kinds = Vec::new();
    for line in lines {
        if !kinds.contains(&line.kind_and_part()) {
            kinds.push(line.kind_and_part());
        }
    }
    kinds
}

/// Keeps about half of the lines in `n_bytes` of a log, of each kind the last one of each stretch of bytes: an even choice
/// however often this is done.
fn thin_index(lines: &mut Vec<LogLine>, n_bytes: u64) {
    // Steps without metrics are not shown beside others.
    if lines.iter().any(|line| line.is_reported) {
        lines.retain(|line| line.is_reported || !line.is_step());
    }
    let mut n_stretches = MAX_LINES as u64 / 2;
    while lines.len() > MAX_LINES / 2 {
        n_stretches /= 2;
        let stretch = |line: &LogLine| line.start * n_stretches / n_bytes.max(1);
        for kind in kinds(lines) {
            let mut next = None;
            let mut is_kept: Vec<bool> = Vec::with_capacity(lines.len());
            for line in lines.iter().rev() {
                let is_last = line.kind_and_part() != kind || next != Some(stretch(line));
                if line.kind_and_part() == kind {
                    next = Some(stretch(line));
                }
                is_kept.push(is_last);
            }
            lines.retain(|_| is_kept.pop().expect("one for each line"));
        }
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

    use events::MAX_LINE;

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
        assert_eq!(*log.since(late.end).unwrap(), Lines { end: late.end, ..Lines::default() });
        // Another page asks for the same, and soon the file is read again.
        let moment = Duration::from_secs(60);
        assert_eq!(log.cached_since(early.end, moment), Some(late.clone()));
        assert_eq!(log.cached_since(early.end, Duration::ZERO), None);
        assert_eq!(log.cached_since(0, moment), None);
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
        let long = "x".repeat(3 * MAX_LINE);
        append(&mut log, ["hello\n\n", newer, &first, &long].concat());
        // The rest of a line that was too long is not a line.
        append(&mut log, [PAUSED, &second].concat());
        assert_eq!(log.history().unwrap().text, [newer, &first, &second].concat());
        assert_eq!(log.damaged, 3);
    }

    #[test]
    fn a_log_of_any_length_takes_a_while_and_little_memory() {
        let (_folder, mut log) = new_log();
        append(&mut log, step(1, Some(0.5)));
        // A terabyte of zeros that takes no place.
        OpenOptions::new().append(true).open(&log.path).unwrap().set_len(1 << 40).unwrap();
        assert!(!log.refresh().unwrap());
        assert_eq!(log.read, step(1, Some(0.5)).len() as u64 + MAX_READ);
        while !log.refresh().unwrap() {}
        assert_eq!((log.read, log.damaged), (RunFolder::MAX_LOG, 1));
        assert_eq!(log.history().unwrap().text, step(1, Some(0.5)));
    }

    #[test]
    fn what_is_known_of_a_log_and_what_a_page_gets_is_bounded() {
        let (_folder, mut log) = new_log();
        let pauses = PAUSED.repeat(MAX_LINES);
        append(&mut log, step(1, None) + &pauses + &step(2, None));
        while !log.refresh().unwrap() {}
        assert!(log.lines.len() <= MAX_LINES / 2);
        let Lines { text, .. } = log.history().unwrap();
        assert!(text.lines().count() <= MAX_OTHERS + 2 && text.ends_with(&step(2, None)));

        let (_folder, mut log) = new_log();
        let long = PAUSED.replace('2', &" ".repeat(MAX_LINE / 2)).replace("  }", " 2}");
        append(&mut log, long.repeat(40));
        while !log.refresh().unwrap() {}
        let text = log.history().unwrap().text;
        assert!(text.len() <= MAX_TEXT as usize && !text.is_empty());
        // Steps that are as long, and nothing else.
        let (_folder, mut log) = new_log();
        let long = step(1, None).replacen(
            '{',
            &format!("{{\"note\":\"{}\",", "x".repeat(MAX_LINE / 2)),
            1,
        );
        append(&mut log, long.repeat(20));
        while !log.refresh().unwrap() {}
        let text = log.history().unwrap().text;
        assert!(text.len() <= MAX_TEXT as usize && !text.is_empty());
    }

    #[test]
    fn an_index_of_any_lines_stays_within_its_limit_and_even() {
        let (_folder, mut log) = new_log();
        let lines = (1..=3 * MAX_LINES as u64 + 1).map(|i| match i % 4 {
            0 => step(i, (i % 12 == 0).then_some(0.5)),
            1 => step(i, None).replacen('}', "},\"part\":\"test\"", 1),
            2 => PAUSED.to_owned(),
            _ => "{\"event\":\"x\"}\n".to_owned(),
        });
        append(&mut log, lines.collect::<String>());
        while !log.refresh().unwrap() {
            assert!(log.lines.len() < MAX_LINES);
        }
        let history = log.history().unwrap();
        let steps: Vec<u64> = history
            .events()
            .iter()
            .filter(|event| matches!(event, Event::StepFinished(_)))
            .map(Event::step)
            .collect();
        assert!(
            steps.iter().all(|step| step % 12 == 0) && steps.len() > MAX_STEPS / 4,
            "{}",
            steps.len()
        );
        let gaps: Vec<u64> = steps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().max() <= gaps.iter().min().map(|least| 8 * least).as_ref(), "{gaps:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_is_not_a_file_is_an_error_at_once() {
        let (_folder, mut log) = new_log();
        assert!(std::process::Command::new("mkfifo").arg(&log.path).status().unwrap().success());
        assert_eq!(log.refresh().unwrap_err().to_string(), "expected a file, found a pipe");
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
