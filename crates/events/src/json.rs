//! The text form of events: one JSON object a line.

use std::borrow::Cow;
use std::io::{self, BufRead};

use serde::de::value::Error as ValueError;
use serde::de::{IgnoredAny, IntoDeserializer};
use serde::{Deserialize, Deserializer};

use crate::{Command, Event, EventKind, FORMAT, Metrics};

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
        let (kind, _) = EventKind::of_line(line.as_ref())?;
        Self::read(kind, line.as_ref()).map_err(malformed)
    }
}

impl EventKind {
    /// Tells the kind of a line, and whether it is a step with other metrics than the loss: twice as fast as
    /// [`Event::parse`] reads it.
    ///
    /// # Errors
    ///
    /// As [`Event::parse`], but that a field of its kind is missing or wrong is not seen.
    pub fn of_line(line: &[u8]) -> Result<(Self, bool), ParseError> {
        let Tag { event, format, metrics } = serde_json::from_slice(line).map_err(malformed)?;
        if let Some(found) = format.filter(|format| *format != FORMAT) {
            return Err(ParseError::Format { found });
        }
        let name = IntoDeserializer::<ValueError>::into_deserializer(&*event);
        let kind = Self::deserialize(name).map_err(|_| ParseError::UnknownKind(event.into()))?;
        let has_others =
            matches!(metrics, Some(MetricsField::Values(values)) if values.has_others());
        Ok((kind, kind == Self::StepFinished && has_others))
    }
}

/// The fields of a line that tell its kind.
#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct Tag<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    format: Option<u32>,
    metrics: Option<MetricsField>,
}

/// The metrics of a step or an evaluation, or what the start of a run says of all metrics.
#[derive(Deserialize)]
#[serde(untagged)]
enum MetricsField {
    Values(Metrics),
    Infos(IgnoredAny),
}

impl Command {
    /// Reads a command from its text form.
    ///
    /// # Errors
    ///
    /// [`ParseError::Malformed`] for everything that is not a command.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        serde_json::from_slice(text).map_err(malformed)
    }
}

fn malformed(error: serde_json::Error) -> ParseError {
    // It is one line: only the column says something.
    ParseError::Malformed(error.to_string().replace(" at line 1 column ", " at column "))
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
    is_cut: bool,
    is_done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads a log from its first line.
    pub fn new(log: R) -> Self {
        Self { log, line: 0, is_cut: false, is_done: false }
    }

    /// Whether the log ended within a line. Known when it has been read.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let mut bytes = Vec::new();
        let read = self.log.read_until(b'\n', &mut bytes);
        self.line += 1;
        self.is_done = bytes.pop_if(|byte| *byte == b'\n').is_none();
        if let Err(error) = read {
            return Some(Err(ReadError::Io(error)));
        }
        match Event::parse(&bytes) {
            Err(ParseError::Malformed(_)) if self.is_done => {
                self.is_cut = !bytes.is_empty();
                None
            }
            event => Some(event.map_err(|reason| ReadError::Line { line: self.line, reason })),
        }
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
    use super::*;
    use std::collections::BTreeMap;

    use crate::*;

    fn best(number: f64) -> BTreeMap<String, Best> {
        ["accuracy", "loss"].map(|name| (name.into(), Best { value: number, step: 3 })).into()
    }

    fn summary(number: f64) -> Summary {
        Summary {
            name: "conv-dropout \"β\"\n".into(),
            seed: u64::MAX,
            steps: 1800,
            epochs: number,
            train: Metrics::new(number),
            test: Metrics::new(number).with("accuracy", number),
            best: best(number),
            weights_digest: "5f".repeat(32),
            samples_per_second: number,
            wall_seconds: number,
            threads: 2,
        }
    }

    /// One event of every kind and with every reason, `number` wherever a number may be anything.
    fn events(number: f64) -> Vec<Event> {
        let reasons = [
            Reason::Completed,
            Reason::TargetReached,
            Reason::Interrupted,
            Reason::NotFinite(NotFinite {
                step: 17,
                what: NotFiniteKind::Gradient,
                layer: Some("3.linear".into()),
                node: Some("weight".into()),
                shape: vec![None, Some(3)],
            }),
            Reason::NotFinite(NotFinite {
                step: 17,
                what: NotFiniteKind::GradientNorm,
                layer: None,
                node: None,
                shape: Vec::new(),
            }),
        ];
        let started = RunStarted {
            format: FORMAT,
            version: "0.1.0".into(),
            name: "softmax".into(),
            seed: 1,
            threads: 2,
            isa: "avx512".into(),
            rank: Some(0),
            ranks: Some(2),
            parameters: 7850,
            parts: [(Part::Train, 55_000), (Part::Validation, 5000), (Part::Test, 10_000)].into(),
            batch: 100,
            steps_planned: Some(2000),
            loss: "cross_entropy".into(),
            metrics: vec![MetricInfo {
                name: "loss".into(),
                unit: "nats".into(),
                higher_is_better: false,
            }],
            continues: Some(600),
            fork_of: Some(Fork { run: "softmax-1".into(), step: 300 }),
        };
        let step = StepFinished {
            step: 1,
            epoch: number,
            metrics: Metrics::new(number).with("accuracy", number),
            penalty: number,
            learning_rate: number,
            grad_norm: number,
        };
        let evaluation = EvaluationFinished {
            step: 100,
            epoch: number,
            part: Part::Test,
            samples: 10_000,
            metrics: Metrics::new(number).with("accuracy", number).with("charm", number),
            best: best(number),
            misclassified: vec![(7, 2), (9_999, 0)],
        };
        let single = number as f32;
        // A number too large for a single is not infinite here.
        let is_infinite = single.is_infinite() && number.is_finite();
        let values = Quantiles([if is_infinite { f32::MAX } else { single }; 8]);
        let snapshot = Snapshot {
            step: 20,
            train_secs: number,
            batch: vec![59_999, 0],
            predictions: vec![3, 9],
            weights: Some(values),
            biases: None,
            parameters: vec![
                ParameterSnapshot {
                    layer: "1.conv2d".into(),
                    role: "weight".into(),
                    values,
                    gradients: Some(values),
                    updates: Some(values),
                },
                ParameterSnapshot {
                    layer: "1.conv2d".into(),
                    role: "bias".into(),
                    values,
                    gradients: None,
                    updates: None,
                },
            ],
        };
        let mut events = vec![
            Event::RunStarted(started.clone()),
            Event::RunStarted(RunStarted {
                steps_planned: None,
                rank: None,
                ranks: None,
                continues: None,
                fork_of: None,
                ..started
            }),
            Event::StepFinished(StepFinished { metrics: Metrics::new(number), ..step.clone() }),
            Event::StepFinished(step),
            Event::EvaluationFinished(EvaluationFinished {
                part: Part::Validation,
                best: BTreeMap::new(),
                misclassified: Vec::new(),
                ..evaluation.clone()
            }),
            Event::EvaluationFinished(evaluation),
            Event::Snapshot(snapshot),
            Event::Paused(Paused { step: 21 }),
            Event::Unpaused(Unpaused { step: 21 }),
            Event::LearningRateSet(LearningRateSet { step: 21, learning_rate: Some(0.1) }),
            Event::LearningRateSet(LearningRateSet { step: 22, learning_rate: None }),
        ];
        for reason in reasons {
            events.push(Event::RunFinished(RunFinished {
                reason,
                model_saved: Some(true),
                summary: summary(number),
            }));
        }
        events
    }

    fn log() -> String {
        events(0.5).iter().map(|event| event.to_line() + "\n").collect()
    }

    #[test]
    fn every_kind_reads_back_equal() {
        for event in events(0.1) {
            let line = event.to_line();
            assert!(!line.contains('\n'), "{line}");
            if let Event::StepFinished(step) = &event {
                let expected = (EventKind::StepFinished, step.metrics.has_others());
                assert_eq!(EventKind::of_line(line.as_bytes()), Ok(expected));
            }
            assert_eq!(Event::parse(&line), Ok(event), "{line}");
        }
    }

    #[test]
    fn every_finite_number_reads_back_equal() {
        let corners = [
            0.0,
            -0.0,
            0.1 + 0.2,
            1.0 / 3.0,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            f64::from_bits(1),
            f64::EPSILON,
            9_007_199_254_740_993.0,
            1e300,
            -2.5e-310,
            f64::from(0.1_f32),
        ];
        // All bit patterns are equally likely: every exponent comes up.
        let mut bits = 1_u64;
        let random = std::iter::repeat_with(|| {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            f64::from_bits(bits ^ bits >> 29)
        });
        for number in corners.into_iter().chain(random.filter(|v| v.is_finite()).take(2000)) {
            for event in events(number) {
                let back = Event::parse(&event.to_line());
                // The text tells -0 from 0, which `==` does not.
                assert_eq!(back.as_ref().map(Event::to_line), Ok(event.to_line()), "{number:e}");
                assert_eq!(back, Ok(event), "{number:e}");
            }
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_null_and_read_back_as_nan() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for event in events(number) {
                let back = Event::parse(&event.to_line()).expect("null is a number");
                // NaN is not equal to itself, but its text is.
                assert_eq!(back.to_line(), event.to_line());
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
        let line = serde_json::to_string(&summary(2.5)).expect("JSON");
        let keys = "name seed steps epochs train loss test loss accuracy best accuracy value step loss value step \
            weights_digest samples_per_second wall_seconds threads";
        let mut rest = line.strip_prefix('{').expect("an object");
        for key in keys.split_whitespace() {
            let (_, after) = rest.split_once(&format!("\"{key}\":")).expect(key);
            rest = after;
        }
        assert_eq!(line.matches("\":").count(), keys.split_whitespace().count(), "{line}");
        let end =
            RunFinished { reason: Reason::Completed, model_saved: None, summary: summary(2.5) };
        let fields = &line[1..];
        assert_eq!(
            Event::RunFinished(end).to_line(),
            format!(r#"{{"event":"run_finished","reason":{{"kind":"completed"}},{fields}"#)
        );
    }

    #[test]
    fn fields_of_newer_versions_are_ignored() {
        for event in events(0.5) {
            let line = event.to_line().replacen('{', "{\"mood\":[1,{}],", 1);
            assert_eq!(Event::parse(&line), Ok(event));
        }
    }

    #[test]
    fn lines_that_are_not_events_say_why() {
        let cases = [
            ("", "not an event: EOF while parsing a value at column 0"),
            ("[]", "not an event: invalid length 0, expected an event at column 2"),
            ("{}", "not an event: missing field `event` at column 2"),
            (
                r#"{"event":7}"#,
                "not an event: invalid type: integer `7`, expected a string at column 10",
            ),
            (r#"{"event":"step_finished"}"#, "not an event: missing field `step` at column 25"),
            (r#"{"event":"step_back"}"#, "unknown kind of event \"step_back\""),
        ];
        for (line, want) in cases {
            assert_eq!(Event::parse(line).expect_err(line).to_string(), want);
            if !want.contains("missing field `step`") {
                assert_eq!(EventKind::of_line(line.as_bytes()).expect_err(line).to_string(), want);
            }
        }
    }

    #[test]
    fn a_log_of_another_format_is_told_from_damage() {
        let line = log().lines().next().expect("a line").replace("\"format\":1", "\"format\":2");
        let error = Event::parse(&line).expect_err("another format");
        assert_eq!(error, ParseError::Format { found: 2 });
        assert_eq!(EventKind::of_line(line.as_bytes()), Err(error.clone()));
        assert_eq!(error.to_string(), "format 2 of the event log: expected format 1");
    }

    #[test]
    fn a_reason_of_a_newer_version_is_read_as_unknown() {
        let end =
            RunFinished { reason: Reason::Completed, model_saved: None, summary: summary(0.5) };
        let line = Event::RunFinished(end.clone()).to_line();
        let newer = line.replace(r#"{"kind":"completed"}"#, r#"{"kind":"bored","of":"waiting"}"#);
        let unknown = RunFinished { reason: Reason::Unknown, ..end };
        assert_eq!(Event::parse(&newer), Ok(Event::RunFinished(unknown)));
    }

    /// The document names what a program reads, so it must name everything.
    #[test]
    fn the_document_names_every_event_and_field() {
        fn keys(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
            match value {
                serde_json::Value::Object(fields) => {
                    into.extend(fields.keys().cloned());
                    fields.values().for_each(|value| keys(value, into));
                }
                serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
                _ => {}
            }
        }
        let document = include_str!("../../../docs/events.md");
        let mut names = std::collections::BTreeSet::new();
        for event in events(0.5) {
            let fields = serde_json::from_str(&event.to_line()).expect("JSON");
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
            let lines = cut.split(|&byte| byte == b'\n');
            let whole =
                lines.filter(|line| line.ends_with(b"}") && Event::parse(line).is_ok()).count();
            assert_eq!(events.len(), whole, "cut at byte {end}");
            let last = cut.rsplit(|&byte| byte == b'\n').next().expect("a line");
            assert_eq!(reader.is_cut(), !last.is_empty() && Event::parse(last).is_err());
        }
    }

    #[test]
    fn a_foreign_line_is_named_and_the_next_one_read() {
        let log = [b"\xff\xfe\n".as_slice(), log().as_bytes(), b"epoch 3: 0.99\n"].concat();
        let (events, errors): (Vec<_>, Vec<_>) = Reader::new(&log[..]).partition(Result::is_ok);
        assert_eq!(events.len(), 16);
        let errors: Vec<String> =
            errors.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(
            errors,
            [
                "line 1: not an event: expected value at column 1",
                "line 18: not an event: expected value at column 1"
            ]
        );
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
