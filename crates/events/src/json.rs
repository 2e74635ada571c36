//! The text form of events: one JSON object a line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize};

use crate::{Command, Event, Summary};

impl Event {
    /// The event as one line, without the line break.
    pub fn to_line(&self) -> String {
        line(self)
    }

    /// Reads an event back from its line.
    ///
    /// # Errors
    ///
    /// [`ParseError::UnknownKind`] for an event that only newer versions know, and
    /// [`ParseError::Malformed`] for everything else that is no event.
    pub fn parse(line: &str) -> Result<Self, ParseError> {
        parse(line.as_bytes())
    }
}

impl Summary {
    /// The summary as one line, without the line break.
    pub fn to_line(&self) -> String {
        line(self)
    }
}

/// What a line is about, without all that it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance {
    /// A [`StepFinished`](crate::StepFinished), and whether it has an accuracy.
    Step {
        /// Whether the accuracy of the batch was measured.
        is_reported: bool,
    },
    /// An [`EvaluationFinished`](crate::EvaluationFinished).
    Evaluation,
    /// A [`Measured`](crate::Measured).
    Measured,
    /// An event that comes a few times in a run.
    Rare,
    /// The last one.
    Finished,
}

impl Glance {
    /// Tells what a line is about, three times as fast as [`Event::parse`] reads it.
    ///
    /// # Errors
    ///
    /// As [`Event::parse`], but that a field of its kind is missing or wrong is not seen.
    pub fn at(line: &[u8]) -> Result<Self, ParseError> {
        let tag = tag(line)?;
        Ok((kind(&tag)?.glance)(&tag))
    }
}

/// The fields of a line that tell what it is about.
#[derive(Deserialize)]
#[serde(expecting = "an event")]
struct Tag<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(default)]
    accuracy: Option<IgnoredAny>,
}

impl Command {
    /// Reads a command from its text form.
    ///
    /// # Errors
    ///
    /// [`ParseError::Malformed`] for everything that is none.
    pub fn parse(text: &[u8]) -> Result<Self, ParseError> {
        serde_json::from_slice(text).map_err(malformed)
    }
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs have a text form")
}

/// What is known of a kind of event.
///
/// Each is read as what it is: as a tagged enum, a line would be taken apart and kept in between, which takes three times
/// as long.
struct Kind {
    name: &'static str,
    glance: fn(&Tag<'_>) -> Glance,
    read: fn(&[u8]) -> serde_json::Result<Event>,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "step_finished",
        glance: |tag| Glance::Step { is_reported: tag.accuracy.is_some() },
        read: |line| read(line, Event::StepFinished),
    },
    Kind {
        name: "evaluation_finished",
        glance: |_| Glance::Evaluation,
        read: |line| read(line, Event::EvaluationFinished),
    },
    Kind {
        name: "measured",
        glance: |_| Glance::Measured,
        read: |line| read(line, Event::Measured),
    },
    Kind {
        name: "run_started",
        glance: |_| Glance::Rare,
        read: |line| read(line, Event::RunStarted),
    },
    Kind { name: "paused", glance: |_| Glance::Rare, read: |line| read(line, Event::Paused) },
    Kind { name: "resumed", glance: |_| Glance::Rare, read: |line| read(line, Event::Resumed) },
    Kind {
        name: "learning_rate_set",
        glance: |_| Glance::Rare,
        read: |line| read(line, Event::LearningRateSet),
    },
    Kind {
        name: "run_finished",
        glance: |_| Glance::Finished,
        read: |line| read(line, Event::RunFinished),
    },
];

fn read<T: DeserializeOwned>(line: &[u8], event: fn(T) -> Event) -> serde_json::Result<Event> {
    serde_json::from_slice(line).map(event)
}

fn tag(line: &[u8]) -> Result<Tag<'_>, ParseError> {
    serde_json::from_slice(line).map_err(malformed)
}

fn kind(tag: &Tag<'_>) -> Result<&'static Kind, ParseError> {
    let known = KINDS.iter().find(|kind| kind.name == tag.event);
    known.ok_or_else(|| ParseError::UnknownKind(tag.event.to_string()))
}

fn parse(line: &[u8]) -> Result<Event, ParseError> {
    (kind(&tag(line)?)?.read)(line).map_err(malformed)
}

fn malformed(error: serde_json::Error) -> ParseError {
    // It is one line: only the column says something.
    ParseError::Malformed(error.to_string().replace(" at line 1 column ", " at column "))
}

/// Reads a number, and `null` as NaN: that is how infinities and NaN were written.
pub(crate) fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// Why a line is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// It is an event, but of a kind that this version does not know. Safe to skip.
    UnknownKind(String),
    /// It is no JSON object, or one without the fields of its kind.
    Malformed(String),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(f, "unknown kind of event {kind:?}"),
            Self::Malformed(reason) => write!(f, "no event: {reason}"),
        }
    }
}

impl std::error::Error for ParseError {}

/// The events of a log, line by line.
///
/// After a line that is no event, reading goes on with the next one. Only the last line may lack its
/// line break, since a run can be killed at any moment: if it is no whole event, it ends the log without
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
///     "line 2: no event: expected value at column 1",
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

    fn read(&mut self) -> Option<Result<Event, ReadError>> {
        let mut bytes = Vec::new();
        if let Err(error) = self.log.read_until(b'\n', &mut bytes) {
            self.is_done = true;
            return Some(Err(ReadError::Io(error)));
        }
        self.line += 1;
        let is_last = bytes.pop_if(|byte| *byte == b'\n').is_none();
        self.is_done = is_last;
        if is_last && bytes.is_empty() {
            return None;
        }
        match parse(&bytes) {
            Err(ParseError::Malformed(_)) if is_last => {
                self.is_cut = true;
                None
            }
            event => Some(event.map_err(|reason| ReadError::Line { line: self.line, reason })),
        }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done { None } else { self.read() }
    }
}

/// Why a log gave no event.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// The log cannot be read any further.
    Io(io::Error),
    /// A line is no event.
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: ParseError,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "reading events: {error}"),
            Self::Line { line, reason } => write!(f, "line {line}: {reason}"),
        }
    }
}

impl std::error::Error for ReadError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EvaluationFinished, LearningRateSet, Measured, ParameterMeasured, Paused, Quantiles,
        Reason, Resumed, RunFinished, RunStarted, StepFinished,
    };

    fn summary(number: f64) -> Summary {
        Summary {
            preset: "conv-dropout \"β\"\n".into(),
            seed: u64::MAX,
            steps: 1800,
            epochs: number,
            train_loss: number,
            test_loss: number,
            test_accuracy: Some(0.9912),
            best_test_accuracy: Some(0.9919),
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
            Reason::NotFinite { layer: "3 linear".into(), tensor: "weight".into(), step: 17 },
        ];
        let started = RunStarted {
            version: "0.1.0".into(),
            preset: "softmax".into(),
            seed: 1,
            threads: 2,
            isa: "avx512".into(),
            parameters: 7850,
            train_samples: 60_000,
            test_samples: 10_000,
            batch: 100,
            steps_planned: Some(2000),
        };
        let step = StepFinished {
            step: 1,
            epoch: number,
            loss_nats: number,
            penalty: number,
            accuracy: Some(0.5),
            learning_rate: number,
            grad_norm: number,
        };
        let evaluation = EvaluationFinished {
            step: 100,
            epoch: number,
            loss_nats: number,
            accuracy: Some(0.25),
            samples: 10_000,
            best_accuracy: Some(0.25),
            wrong: vec![(7, 2), (9_999, 0)],
        };
        let single = number as f32;
        // A number too large for a single is not infinite here.
        let is_infinite = single.is_infinite() && number.is_finite();
        let values = Quantiles([if is_infinite { f32::MAX } else { single }; 8]);
        let measured = Measured {
            step: 20,
            train_secs: number,
            batch: vec![59_999, 0],
            guesses: vec![3, 9],
            weights: Some(values),
            biases: None,
            parameters: vec![
                ParameterMeasured {
                    name: "1.conv2d.weight".into(),
                    values,
                    gradients: Some(values),
                    updates: Some(values),
                },
                ParameterMeasured {
                    name: "1.conv2d.bias".into(),
                    values,
                    gradients: None,
                    updates: None,
                },
            ],
        };
        let mut events = vec![
            Event::RunStarted(RunStarted { steps_planned: None, ..started.clone() }),
            Event::RunStarted(started),
            Event::StepFinished(StepFinished { accuracy: None, ..step.clone() }),
            Event::StepFinished(step),
            Event::EvaluationFinished(EvaluationFinished {
                accuracy: None,
                best_accuracy: None,
                wrong: Vec::new(),
                ..evaluation.clone()
            }),
            Event::EvaluationFinished(evaluation),
            Event::Measured(measured),
            Event::Paused(Paused { step: 21 }),
            Event::Resumed(Resumed { step: 21 }),
            Event::LearningRateSet(LearningRateSet { step: 21, learning_rate: Some(0.1) }),
            Event::LearningRateSet(LearningRateSet { step: 22, learning_rate: None }),
        ];
        for reason in reasons {
            events.push(Event::RunFinished(RunFinished { reason, summary: summary(number) }));
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
            let glance = match &event {
                Event::StepFinished(step) => Glance::Step { is_reported: step.accuracy.is_some() },
                Event::EvaluationFinished(_) => Glance::Evaluation,
                Event::Measured(_) => Glance::Measured,
                Event::RunFinished(_) => Glance::Finished,
                _ => Glance::Rare,
            };
            assert_eq!(Glance::at(line.as_bytes()), Ok(glance), "{line}");
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
                    Event::RunFinished(end) => assert!(end.summary.train_loss.is_nan()),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_summary_has_exactly_the_promised_fields_in_order() {
        let line = summary(2.5).to_line();
        let keys = "preset seed steps epochs train_loss test_loss test_accuracy best_test_accuracy \
            weights_digest samples_per_second wall_seconds threads";
        let mut rest = line.strip_prefix('{').expect("an object");
        for key in keys.split_whitespace() {
            let (_, after) = rest.split_once(&format!("\"{key}\":")).expect(key);
            rest = after;
        }
        assert_eq!(line.matches("\":").count(), keys.split_whitespace().count(), "{line}");
        let end = RunFinished { reason: Reason::Completed, summary: summary(2.5) };
        let fields = &line[1..];
        assert_eq!(
            Event::RunFinished(end).to_line(),
            format!(r#"{{"event":"run_finished","reason":"completed",{fields}"#)
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
    fn lines_that_are_no_events_say_why() {
        let cases = [
            ("", "no event: EOF while parsing a value at column 0"),
            ("[]", "no event: invalid length 0, expected an event at column 2"),
            ("{}", "no event: missing field `event` at column 2"),
            (
                r#"{"event":7}"#,
                "no event: invalid type: integer `7`, expected a string at column 10",
            ),
            (r#"{"event":"step_finished"}"#, "no event: missing field `step` at column 25"),
            (r#"{"event":"step_back"}"#, "unknown kind of event \"step_back\""),
        ];
        for (line, want) in cases {
            assert_eq!(Event::parse(line).expect_err(line).to_string(), want);
            if !want.contains("missing field `step`") {
                assert_eq!(Glance::at(line.as_bytes()).expect_err(line).to_string(), want);
            }
        }
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
            let whole = lines.filter(|line| line.ends_with(b"}") && parse(line).is_ok()).count();
            assert_eq!(events.len(), whole, "cut at byte {end}");
            let last = cut.rsplit(|&byte| byte == b'\n').next().expect("a line");
            assert_eq!(reader.is_cut(), !last.is_empty() && parse(last).is_err());
        }
    }

    #[test]
    fn a_foreign_line_is_named_and_the_next_one_read() {
        let log = [b"\xff\xfe\n".as_slice(), log().as_bytes(), b"epoch 3: 0.99\n"].concat();
        let (events, errors): (Vec<_>, Vec<_>) = Reader::new(&log[..]).partition(Result::is_ok);
        assert_eq!(events.len(), 15);
        let errors: Vec<String> =
            errors.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
        assert_eq!(
            errors,
            [
                "line 1: no event: expected value at column 1",
                "line 17: no event: expected value at column 1"
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
