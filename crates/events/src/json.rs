//! The text form of events: one JSON object a line.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{self, BufRead, Read as _};
use std::iter;

use serde::de::value::Error as ValueError;
use serde::de::{IgnoredAny, IntoDeserializer};
use serde::{Deserialize, Deserializer};

use crate::{Event, EventKind, FORMAT, Metrics, Part};

impl Event {
    /// The event as one line, without the line break.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("plain structs have a text form")
    }

    /// Reads an event back from its line.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownKind`] for an event that only newer versions know, [`ParseError::Format`] for the start of
    /// a log in another format, and [`ParseError::Malformed`] for everything else that is not an event.
    pub fn parse(line: impl AsRef<[u8]>) -> Result<Self, ParseError> {
        let EventTag { kind, .. } = EventTag::of_line(line.as_ref())?;
        Self::read(kind, line.as_ref()).map_err(malformed)
    }
}

/// What tells a line from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTag {
    /// Its kind.
    pub kind: EventKind,
    /// Whether it is a step with other metrics than the loss.
    pub is_reported: bool,
    /// The part of the data of an evaluation.
    pub part: Option<Part>,
}

impl EventTag {
    /// Reads the tag of a line: twice as fast as [`Event::parse`].
    ///
    /// # Errors
    ///
    /// As [`Event::parse`], but that a field of its kind is missing or wrong is not seen.
    pub fn of_line(line: &[u8]) -> Result<Self, ParseError> {
        let TagFields { event, format, metrics, part } =
            serde_json::from_slice(line).map_err(malformed)?;
        if let Some(found) = format.filter(|format| *format != FORMAT) {
            return Err(ParseError::Format { found });
        }
        let name = IntoDeserializer::<ValueError>::into_deserializer(&*event);
        let kind =
            EventKind::deserialize(name).map_err(|_| ParseError::UnknownKind(event.into()))?;
        let has_others =
            matches!(metrics, Some(MetricsField::Values(values)) if values.has_others());
        let is_reported = kind == EventKind::StepFinished && has_others;
        let part = part.and_then(|name| {
            let name = IntoDeserializer::<ValueError>::into_deserializer(&*name);
            Part::deserialize(name).ok()
        });
        Ok(Self { kind, is_reported, part })
    }
}

/// The fields of a line that tell its kind.
#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct TagFields<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    format: Option<u32>,
    metrics: Option<MetricsField>,
    /// As a text, so that an event of a newer version may mean something else by it.
    #[serde(borrow)]
    part: Option<Cow<'a, str>>,
}

/// The metrics of a step or an evaluation, or what the start of a run says of all metrics.
#[derive(Deserialize)]
#[serde(untagged)]
enum MetricsField {
    Values(Metrics),
    Infos(IgnoredAny),
}

fn malformed(error: serde_json::Error) -> ParseError {
    ParseError::Malformed(in_line(&error))
}

/// What is wrong with a line: of its place only the column says something.
pub(crate) fn in_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// Reads a number, and `null` as NaN: that is how infinities and NaN were written.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// Why a line is not an event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// It is an event, but of a kind that this version does not know. Safe to skip.
    #[error("unknown kind of event {0:?}")]
    UnknownKind(String),
    /// It begins a log in another version of the format.
    #[error("format {found} of the event log: expected format {FORMAT}")]
    Format {
        /// The version of that log's format.
        found: u32,
    },
    /// It is not a JSON object, or one without the fields of its kind.
    #[error("not an event: {0}")]
    Malformed(String),
}

/// The events of a log, line by line.
///
/// After a line that is not an event, reading continues with the next one. Only the last line may lack its
/// line break, since a run can be killed at any moment: if it is not a whole event, it ends the log without
/// an error, and [`is_cut`](Self::is_cut) tells of it.
///
/// # Examples
///
/// ```
/// use gradus_events::Reader;
///
/// let log = "{\"event\":\"coffee_spilled\",\"cups\":1}\nhello\n{\"event\":\"run_fin";
/// let mut reader = Reader::new(log.as_bytes());
/// let errors: Vec<String> = reader.by_ref().map(|event| event.unwrap_err().to_string()).collect();
/// assert_eq!(errors, [
///     "line 1: unknown kind of event \"coffee_spilled\"",
///     "line 2: not an event: expected value at column 1",
/// ]);
/// assert!(reader.is_cut());
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    log: R,
    /// Lines read so far.
    line: usize,
    /// Events of the last line that are not given out yet.
    merged: VecDeque<Result<Event, ParseError>>,
    is_cut: bool,
    is_done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads a log from its first line.
    pub fn new(log: R) -> Self {
        Self { log, line: 0, merged: VecDeque::new(), is_cut: false, is_done: false }
    }

    /// Whether the log ended within a line. Known when it has been read.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl<R> Reader<R> {
    fn next_merged(&mut self) -> Option<Result<Event, ReadError>> {
        let event = self.merged.pop_front()?;
        Some(event.map_err(|reason| ReadError::Line { line: self.line, reason }))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(event) = self.next_merged() {
            return Some(event);
        }
        if self.is_done {
            return None;
        }
        let mut text = Vec::new();
        let read = read_line(&mut self.log, &mut text);
        self.line += 1;
        let len = match read {
            Ok(len) => len,
            Err(error) => {
                self.is_done = true;
                return Some(Err(ReadError::Io(error)));
            }
        };
        let LineLen { bytes, is_whole } = len;
        self.is_done = !is_whole;
        let event = match len.is_too_long() {
            true => Err(ParseError::Malformed(format!("a line of {bytes} bytes"))),
            false => Event::parse(&text),
        };
        self.merged = match event {
            Err(ParseError::Malformed(_)) if merged(&text).nth(1).is_some() => {
                merged(&text).map(Event::parse).collect()
            }
            event => [event].into(),
        };
        if self.is_done && matches!(self.merged.back(), Some(Err(ParseError::Malformed(_)))) {
            self.merged.pop_back();
            self.is_cut = bytes > 0;
        }
        self.next_merged()
    }
}

/// Bytes of a line at most, without its line break. A longer one is not an event.
pub const MAX_LINE: usize = 1 << 22;

/// The length of a line of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineLen {
    /// Its bytes in the log, the line break included.
    pub bytes: u64,
    /// Whether it ends with a line break.
    pub is_whole: bool,
}

impl LineLen {
    /// Whether the line is longer than [`MAX_LINE`].
    pub fn is_too_long(self) -> bool {
        self.bytes > MAX_LINE as u64 + 1
    }
}

/// Reads a line into `text`, without its line break. Of one that is longer than [`MAX_LINE`] nothing is kept.
///
/// # Errors
///
/// Those of reading.
///
/// # Examples
///
/// ```
/// use gradus_events::{LineLen, read_line};
///
/// let (mut log, mut text) = (&b"{}\nhal"[..], Vec::new());
/// assert_eq!(read_line(&mut log, &mut text)?, LineLen { bytes: 3, is_whole: true });
/// assert_eq!(text, b"{}");
/// assert_eq!(read_line(&mut log, &mut text)?, LineLen { bytes: 3, is_whole: false });
/// assert_eq!(text, b"hal");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn read_line(log: &mut impl BufRead, text: &mut Vec<u8>) -> io::Result<LineLen> {
    text.clear();
    let mut read = |most: usize, text: &mut Vec<u8>| {
        let bytes = log.by_ref().take(most as u64).read_until(b'\n', text)? as u64;
        Ok::<_, io::Error>((bytes, text.pop_if(|byte| *byte == b'\n').is_some()))
    };
    let (mut bytes, mut is_whole) = read(MAX_LINE + 1, text)?;
    if !is_whole && bytes > MAX_LINE as u64 {
        let mut n_more = 1;
        while !is_whole && n_more > 0 {
            text.clear();
            (n_more, is_whole) = read(MAX_LINE, text)?;
            bytes += n_more;
        }
        text.clear();
    }
    Ok(LineLen { bytes, is_whole })
}

/// The texts of the events of a line that is not one: line breaks between them may be damaged, and each of them may be
/// damaged as well.
pub fn merged(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    const START: &[u8] = b"{\"event\":";
    let mut rest = Some(line);
    iter::from_fn(move || {
        let line = rest?;
        let next = line.windows(START.len()).skip(1).position(|window| window == START);
        rest = next.map(|at| &line[at + 1..]);
        Some(next.map_or(line, |at| &line[..at]))
    })
}

impl Event {
    /// The events of a line: one, unless line breaks are damaged. What is not an event is left out.
    pub fn all_of(line: &[u8]) -> impl Iterator<Item = Self> {
        let whole = Self::parse(line);
        let parts = whole.is_err().then(|| merged(line).filter_map(|text| Self::parse(text).ok()));
        whole.into_iter().chain(parts.into_iter().flatten())
    }
}

/// Why an event could not be read from a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The log cannot be read any further.
    #[error("reading events: {0}")]
    Io(#[source] io::Error),
    /// A line is not an event.
    #[error("line {line}: {reason}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        reason: ParseError,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every kind with and without what is optional; `@` is a number that may be anything, `#` a list of quantiles.
    const LINES: [&str; 12] = [
        r#"{"event":"run_started","format":1,"version":"0.1.0","name":"softmax","seed":1,"threads":2,"isa":"avx512","rank":0,"ranks":2,"parameters":7850,"parts":{"train":55000,"validation":5000,"test":10000},"selection":{"part":"validation","metric":"accuracy"},"batch":100,"steps_planned":2000,"loss":"cross_entropy","metrics":[{"name":"loss","unit":"nats","higher_is_better":false}],"continues":600,"fork_of":{"run":"softmax-1","step":300}}"#,
        r#"{"event":"run_started","format":1,"version":"0.1.0","name":"softmax","seed":1,"threads":2,"isa":"avx512","parameters":7850,"parts":{"train":55000},"selection":{"part":"test","metric":"loss"},"batch":100,"steps_planned":null,"loss":"cross_entropy","metrics":[]}"#,
        r#"{"event":"step_finished","step":1,"epoch":@,"metrics":{"loss":@},"penalty":@,"learning_rate":@,"grad_norm":@}"#,
        r#"{"event":"step_finished","step":1,"epoch":@,"metrics":{"loss":@,"accuracy":@},"penalty":@,"learning_rate":@,"grad_norm":@}"#,
        r#"{"event":"evaluation_finished","step":100,"epoch":@,"part":"validation","samples":10000,"metrics":{"loss":@,"accuracy":@,"charm":@},"best":{"accuracy":{"value":@,"step":3,"test":0.5}}}"#,
        r#"{"event":"evaluation_finished","step":100,"epoch":@,"part":"test","samples":10000,"metrics":{"loss":@,"accuracy":@},"best":{"accuracy":{"value":@,"step":3},"loss":{"value":@,"step":3}},"misclassified":[[7,2],[9999,0]]}"#,
        r##"{"event":"snapshot","step":20,"train_secs":@,"batch":[59999,0],"predictions":[3,9],"weights":#,"biases":null,"parameters":[{"layer":"1.conv2d","part":"weight","role":"weight","values":#,"gradients":#,"updates":#},{"layer":"1.conv2d","part":"bias","role":"bias","values":#}]}"##,
        r#"{"event":"paused","step":21}"#,
        r#"{"event":"unpaused","step":21}"#,
        r#"{"event":"learning_rate_set","step":21,"learning_rate":0.1}"#,
        r#"{"event":"learning_rate_set","step":22,"learning_rate":null}"#,
        r#"{"event":"processes_measured","step":100,"processes":[{"host":"node1","threads":2,"shards":4,"seconds":2.5,"exchange_seconds":0.25,"messages":300,"bytes":123456}]}"#,
    ];

    const REASONS: [&str; 6] = [
        r#"{"kind":"completed"}"#,
        r#"{"kind":"target_reached"}"#,
        r#"{"kind":"stopped_early"}"#,
        r#"{"kind":"interrupted"}"#,
        r#"{"kind":"not_finite","step":17,"what":"gradient","layer":"3.linear","node":"weight","shape":[null,3]}"#,
        r#"{"kind":"not_finite","step":17,"what":"gradient_norm","layer":null,"node":null,"shape":[]}"#,
    ];

    /// The fields of a summary, in the promised order.
    const SUMMARY: &str = r#""name":"conv-dropout \"β\"\n","seed":18446744073709551615,"steps":1800,"epochs":@,"train":{"loss":@},"validation":{"loss":@},"test":{"loss":@,"accuracy":@},"best":{"accuracy":{"value":@,"step":3},"loss":{"value":@,"step":3,"test":0.5}},"selection":{"part":"validation","metric":"loss"},"weights_digest":"5f5f","samples_per_second":@,"wall_seconds":@,"threads":2}"#;

    /// One event of every kind and with every reason, as lines.
    fn lines(number: f64) -> Vec<String> {
        let ends = REASONS.map(|reason| {
            format!(r#"{{"event":"run_finished","reason":{reason},"model_saved":true,{SUMMARY}"#)
        });
        let single = number as f32;
        // A number too large for a single is not infinite here.
        let is_infinite = single.is_infinite() && number.is_finite();
        let single = if is_infinite { f32::MAX } else { single };
        let text = |value| serde_json::to_string(&value).expect("a number");
        let quantiles = serde_json::to_string(&[single; 8]).expect("numbers");
        let fill = |line: &str| line.replace('@', &text(number)).replace('#', &quantiles);
        LINES.into_iter().chain(ends.iter().map(|end| &**end)).map(fill).collect()
    }

    fn log() -> String {
        lines(0.5).join("\n") + "\n"
    }

    #[test]
    fn every_kind_reads_back_equal() {
        for line in lines(0.1) {
            let event = Event::parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
            if let Event::StepFinished(step) = &event {
                let (kind, is_reported) = (EventKind::StepFinished, step.metrics.has_others());
                let expected = EventTag { kind, is_reported, part: None };
                assert_eq!(EventTag::of_line(line.as_bytes()), Ok(expected));
            }
            if let Event::EvaluationFinished(evaluation) = &event {
                let tag = EventTag::of_line(line.as_bytes()).expect("an event");
                assert_eq!(tag.part, Some(evaluation.part));
            }
            assert_eq!(event.to_line(), line);
            assert_eq!(Event::parse(event.to_line()), Ok(event));
        }
    }

    #[test]
    fn every_finite_number_reads_back_equal() {
        let corners = [0.0, -0.0, 0.1 + 0.2, 1.0 / 3.0, 9_007_199_254_740_993.0, 1e300, -2.5e-310];
        let limits = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, f64::EPSILON];
        let others = [f64::from_bits(1), f64::from(0.1_f32)];
        let corners = corners.into_iter().chain(limits).chain(others);
        // All bit patterns are equally likely: every exponent comes up.
        let mut bits = 1_u64;
        let random = std::iter::repeat_with(|| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from_bits(bits ^ bits >> 29)
        });
        for number in corners.chain(random.filter(|v| v.is_finite()).take(2000)) {
            for line in lines(number) {
                // A text is that of one number only, and tells -0 from 0.
                let back = Event::parse(&line).map(|event| event.to_line());
                assert_eq!(back.as_ref(), Ok(&line), "{number:e}");
            }
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_null_and_read_back_as_nan() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for line in lines(number) {
                let back = Event::parse(&line).expect("null is a number");
                assert_eq!(back.to_line(), line);
                match back {
                    Event::StepFinished(step) => assert!(step.grad_norm.is_nan()),
                    Event::RunFinished(end) => assert!(end.summary.train.loss().is_nan()),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_summary_has_exactly_the_promised_fields_in_order() {
        let line = lines(2.5).pop().expect("a line");
        let Ok(Event::RunFinished(end)) = Event::parse(&line) else { panic!("{line}") };
        let summary = serde_json::to_string(&end.summary).expect("JSON");
        assert_eq!(summary[1..], SUMMARY.replace('@', "2.5"));
    }

    #[test]
    fn fields_of_newer_versions_are_ignored() {
        for line in lines(0.5) {
            let newer = line.replacen('{', "{\"mood\":[1,{}],", 1);
            assert_eq!(Event::parse(&newer), Event::parse(&line));
        }
    }

    #[test]
    fn lines_that_are_not_events_say_why() {
        let cases = [
            ("", "EOF while parsing a value at column 0"),
            ("[]", "invalid length 0, expected an event at column 2"),
            ("{}", "missing field `event` at column 2"),
            (r#"{"event":7}"#, "invalid type: integer `7`, expected a string at column 10"),
            (r#"{"event":"step_finished"}"#, "missing field `step` at column 25"),
            (r#"{"event":"step_back"}"#, "unknown kind of event \"step_back\""),
        ];
        for (line, want) in cases {
            let is_unknown = want.starts_with("unknown kind");
            let want = if is_unknown { want.into() } else { format!("not an event: {want}") };
            assert_eq!(Event::parse(line).expect_err(line).to_string(), want);
            if !want.contains("missing field `step`") {
                assert_eq!(EventTag::of_line(line.as_bytes()).expect_err(line).to_string(), want);
            }
        }
    }

    #[test]
    fn a_log_of_another_format_is_told_from_damage() {
        let line = log().lines().next().expect("a line").replace("\"format\":1", "\"format\":2");
        let error = Event::parse(&line).expect_err("another format");
        assert_eq!(error, ParseError::Format { found: 2 });
        assert_eq!(EventTag::of_line(line.as_bytes()), Err(error.clone()));
        assert_eq!(error.to_string(), "format 2 of the event log: expected format 1");
    }

    #[test]
    fn a_byte_that_is_another_costs_at_most_its_line() {
        let whole = log();
        let n_lines = whole.lines().count();
        for at in 0..whole.len() {
            for flip in [1, 0x80, 0xff] {
                let mut log = whole.clone().into_bytes();
                log[at] ^= flip;
                let found = Reader::new(&log[..]).filter(Result::is_ok).count();
                assert!(found + 1 >= n_lines, "byte {at} ^ {flip}: {found} of {n_lines}");
            }
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_hides_no_other() {
        let paused = LINES[7];
        let longest = format!("{paused}{}", " ".repeat(MAX_LINE - paused.len()));
        for (long, is_event) in [(longest.clone(), true), (longest + " ", false)] {
            let log = format!("{long}\n{paused}\n");
            let mut found = Reader::new(log.as_bytes());
            assert_eq!(found.next().expect("a line").is_ok(), is_event);
            assert_eq!(found.next().expect("a line").expect("an event").to_line(), paused);
            assert!(found.next().is_none() && !found.is_cut());
        }
        // A gigabyte of zeros, as of a file that was made longer than it is.
        let zeros = io::BufReader::new(io::repeat(0).take(1 << 30));
        let (mut log, mut text) = (zeros.chain(&b"\n{}\n"[..]), Vec::new());
        let len = read_line(&mut log, &mut text).expect("zeros");
        assert_eq!(len, LineLen { bytes: (1 << 30) + 1, is_whole: true });
        assert!(text.is_empty() && text.capacity() <= 2 * MAX_LINE);
        assert_eq!(read_line(&mut log, &mut text).expect("a line").bytes, 3);
        let mut cut = Reader::new(io::BufReader::new(io::repeat(0).take(1 << 24)));
        assert!(cut.next().is_none() && cut.is_cut());
    }

    #[test]
    fn a_reason_of_a_newer_version_is_read_as_unknown() {
        let line = lines(0.5).pop().expect("a line");
        let newer = line.replace(REASONS[5], r#"{"kind":"bored","of":"waiting"}"#);
        let Ok(Event::RunFinished(mut end)) = Event::parse(&line) else { panic!("{line}") };
        end.reason = crate::Reason::Unknown;
        assert_eq!(Event::parse(&newer), Ok(Event::RunFinished(end)));
    }

    /// The document names what a program reads, so it must name everything.
    #[test]
    fn the_document_names_every_event_and_field() {
        fn keys(value: &serde_json::Value, into: &mut BTreeSet<String>) {
            let fields = value.as_object().into_iter().flatten();
            for (name, value) in fields {
                into.insert(name.clone());
                keys(value, into);
            }
            value.as_array().into_iter().flatten().for_each(|item| keys(item, into));
        }
        let document = include_str!("../../../docs/events.md");
        let mut names = BTreeSet::new();
        for line in lines(0.5) {
            let fields = serde_json::from_str(&line).expect("JSON");
            keys(&fields, &mut names);
            names.extend(fields["event"].as_str().map(str::to_owned));
        }
        // A metric that stands for those a reader does not know.
        names.remove("charm");
        let missing: Vec<_> =
            names.iter().filter(|name| !document.contains(&format!("`{name}`"))).collect();
        assert!(names.len() > 40 && missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn a_log_cut_anywhere_keeps_all_whole_lines() {
        let log = log();
        for end in 0..=log.len() {
            let cut = &log.as_bytes()[..end];
            let mut reader = Reader::new(cut);
            let events: Result<Vec<Event>, ReadError> = reader.by_ref().collect();
            let events = events.unwrap_or_else(|error| panic!("cut at byte {end}: {error}"));
            // An event that lacks nothing but its line break is whole.
            let is_whole = |line: &&[u8]| line.ends_with(b"}") && Event::parse(line).is_ok();
            let whole = cut.split(|&byte| byte == b'\n').filter(is_whole).count();
            assert_eq!(events.len(), whole, "cut at byte {end}");
            let last = cut.rsplit(|&byte| byte == b'\n').next().expect("a line");
            assert_eq!(reader.is_cut(), !last.is_empty() && Event::parse(last).is_err());
        }
    }

    #[test]
    fn a_foreign_line_is_named_and_the_next_one_read() {
        let log = [b"\xff\xfe\n".as_slice(), log().as_bytes(), b"epoch 3: 0.99\n"].concat();
        let (events, errors): (Vec<_>, Vec<_>) = Reader::new(&log[..]).partition(Result::is_ok);
        assert_eq!(events.len(), 18);
        let errors = errors.into_iter().filter_map(Result::err).map(|error| error.to_string());
        let expected =
            [1, 20].map(|n| format!("line {n}: not an event: expected value at column 1"));
        assert_eq!(errors.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_log_that_cannot_be_read_ends_with_the_error() {
        struct Broken;
        impl io::Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is gone"))
            }
        }
        let results: Vec<_> = Reader::new(io::BufReader::new(Broken)).collect();
        assert_eq!(results.len(), 1);
        assert!(matches!(&results[0], Err(ReadError::Io(_))), "{results:?}");
    }
}
