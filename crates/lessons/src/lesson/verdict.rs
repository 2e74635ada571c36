//! Questions: how they are asked, and what is said to an answer.

use serde::Serialize;

use super::spec::parse_stated;
use super::{LessonSpec, OpenedLesson, Pick, QuestionSpec};
use crate::Wording;
use crate::control::parse_number;
use crate::figure::{Figure, FigureContent};
use crate::instrument::{Effort, Engine, LessonError};
use crate::text::{Block, Inline, markdown, number};

/// A question as it is asked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuestionView {
    /// What is asked.
    pub ask: Vec<Block>,
    /// What an answer is.
    pub input: AnswerInput,
    /// Whether it asks for a prediction, which is compared with the result where the instrument is shown.
    pub predicts: bool,
    /// Whether what follows waits for the answer.
    pub reveals: bool,
    /// A graph whose boxes are to be filled in.
    pub figure: Option<Figure>,
}

/// What an answer is.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AnswerInput {
    /// A number.
    Number {
        /// Its unit.
        unit: Option<String>,
    },
    /// The index of an option.
    Choice {
        /// The options.
        options: Vec<Vec<Inline>>,
    },
    /// A number for each box.
    Boxes {
        /// The boxes.
        boxes: Vec<AnswerBox>,
    },
}

/// A box to fill in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnswerBox {
    /// Its name, as in the figure.
    pub name: String,
    /// What stands beside it.
    pub label: Vec<Inline>,
}

/// What is said to an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether all of it is right; nothing if the state turns answers off.
    pub right: Option<bool>,
    /// What is said to each number, in the order of the answer.
    pub parts: Vec<VerdictPart>,
    /// What is said to the whole.
    pub feedback: Vec<Block>,
}

/// What is said to a number or an option.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerdictPart {
    /// The answer.
    pub given: String,
    /// Whether it is right.
    pub right: bool,
    /// The right answer.
    pub expected: String,
    /// How far a number is off, in words.
    pub gap: Option<String>,
    /// What is said to it.
    pub feedback: Vec<Inline>,
}

/// Bytes of an answer at most.
const MAX_BYTES: usize = 100;
/// Significant digits of a right answer.
const DIGITS: usize = 6;

impl QuestionSpec {
    /// The instrument that it asks about.
    pub(super) fn instrument(&self) -> Option<&str> {
        let values = self.options.iter().filter_map(|option| option.value.as_deref());
        let boxes = self.boxes.iter().map(|each| &*each.value);
        let first = self.value.as_deref().into_iter().chain(values).chain(boxes).next();
        self.of.as_deref().or_else(|| first?.split('.').next())
    }

    /// Every text of the question.
    pub(super) fn wordings(&self) -> impl Iterator<Item = &Wording> {
        let options =
            self.options.iter().flat_map(|option| [Some(&option.text), option.say.as_ref()]);
        let boxes = self.boxes.iter().flat_map(|each| [Some(&each.label), each.say.as_ref()]);
        let wrong = self.wrong.iter().map(|wrong| Some(&wrong.say));
        let own = [self.ask.as_ref(), self.say.as_ref()];
        own.into_iter().chain(options).chain(boxes).chain(wrong).flatten()
    }

    pub(super) fn check(&self, lesson: &LessonSpec) -> Result<(), String> {
        let is_number = self.value.is_some() || self.is.is_some();
        let forms = [is_number, !self.options.is_empty(), !self.boxes.is_empty()];
        if forms.iter().filter(|is_given| **is_given).count() != 1 {
            return Err("expected one of `value` or `is`, `options`, `boxes`".into());
        }
        if self.ask.is_none() {
            return Err("expected `ask`".into());
        }
        let stated = self.is.iter().chain(self.boxes.iter().map(|each| &each.is));
        for is in stated {
            parse_stated(is).ok_or_else(|| format!("expected a number, found {is:?}"))?;
        }
        let right = self.options.iter().filter(|option| option.right).count();
        if !self.options.is_empty() && (right > 0) == self.pick.is_some() {
            return Err("expected options with `right`, or `pick` and a value of each".into());
        }
        if self.pick.is_some() && self.options.iter().any(|option| option.value.is_none()) {
            return Err("expected a `value` of each option".into());
        }
        let named = [self.instrument(), self.figure.as_deref()].into_iter().flatten();
        let unknown = named.into_iter().find(|name| !lesson.instruments.contains_key(*name));
        match unknown {
            Some(name) => Err(format!("no instrument {name}")),
            None if self.predicts && self.instrument().is_none() => {
                Err("a prediction needs `of`, the instrument that shows the result".into())
            }
            None => Ok(()),
        }
    }
}

impl OpenedLesson<'_> {
    fn blocks(&self, wording: Option<&Wording>) -> Vec<Block> {
        let read = |wording| self.lesson.short_text(wording, self.language);
        wording.map(read).transpose().expect("checked when the lesson was read").unwrap_or_default()
    }

    fn line(&self, wording: Option<&Wording>) -> Vec<Inline> {
        let blocks = self.blocks(wording).into_iter();
        let lines = blocks.map(|block| match block {
            Block::Paragraph { inlines } => inlines,
            Block::Formula { math } => vec![Inline::Math { math }],
            _ => Vec::new(),
        });
        lines.flatten().collect()
    }

    /// A question as it is asked.
    ///
    /// # Errors
    ///
    /// If the lesson has no such question, or the graph to fill in cannot be computed.
    pub fn question(
        &self,
        name: &str,
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<QuestionView, LessonError> {
        let spec = self.question_spec(name)?;
        let input = if !spec.options.is_empty() {
            let options = spec.options.iter().map(|option| self.line(Some(&option.text)));
            AnswerInput::Choice { options: options.collect() }
        } else if !spec.boxes.is_empty() {
            let boxes = spec.boxes.iter().map(|each| AnswerBox {
                name: each.name.clone(),
                label: self.line(Some(&each.label)),
            });
            AnswerInput::Boxes { boxes: boxes.collect() }
        } else {
            let unit = spec.unit.as_ref().map(|unit| unit.in_language(self.language).to_owned());
            AnswerInput::Number { unit }
        };
        let figure =
            spec.figure.as_deref().map(|of| self.figure_to_fill_in(spec, of, engine, effort));
        Ok(QuestionView {
            ask: self.blocks(spec.ask.as_ref()),
            input,
            predicts: spec.predicts,
            reveals: true,
            figure: figure.transpose()?.flatten(),
        })
    }

    fn question_spec(&self, name: &str) -> Result<&QuestionSpec, LessonError> {
        let unknown = || LessonError::Request(format!("{}: no question {name}", self.lesson.name));
        self.lesson.spec.questions.get(name).ok_or_else(unknown)
    }

    /// The graph of an instrument without the numbers that are asked for.
    fn figure_to_fill_in(
        &self,
        spec: &QuestionSpec,
        of: &str,
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<Option<Figure>, LessonError> {
        let output = self.run(of, engine, effort)?;
        let instrument = self.lesson.spec.instruments[of].instrument.as_dyn();
        let is_graph = |figure: &&Figure| matches!(figure.content, FigureContent::Graph { .. });
        let Some(mut figure) = output.figures.iter().find(is_graph).cloned() else {
            return Ok(None);
        };
        for each in &spec.boxes {
            let blank = each
                .edge
                .as_ref()
                .and_then(|edge| instrument.blank(&mut figure, edge, each.pass, &each.name));
            if let FigureContent::Graph { blanks, .. } = &mut figure.content {
                blanks.extend(blank);
            }
        }
        Ok(Some(figure))
    }

    /// What is said to an answer: one text for a number or the index of an option, one for each box.
    ///
    /// # Errors
    ///
    /// If the lesson has no such question, the answer has another form, or the result cannot be computed.
    pub fn answer(
        &self,
        name: &str,
        answer: &[String],
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<Verdict, LessonError> {
        let spec = self.question_spec(name)?;
        let expected = spec.boxes.len().max(1);
        if answer.len() != expected || answer.iter().any(|text| text.len() > MAX_BYTES) {
            let form = format!("{name}: expected {expected} answers of at most {MAX_BYTES} bytes");
            return Err(LessonError::Request(form));
        }
        if !self.answers {
            return Ok(Verdict { right: None, parts: Vec::new(), feedback: Vec::new() });
        }
        let number = |reference: &str| self.number(reference, engine, effort);
        let parts = if !spec.options.is_empty() {
            vec![self.judge_choice(spec, &answer[0], &number)?]
        } else if !spec.boxes.is_empty() {
            let parts = spec.boxes.iter().zip(answer).map(|(each, given)| {
                let judged = self.judge_number(given, number(&each.value)?, spec.within);
                let rule = if judged.right { None } else { each.say.as_ref() };
                Ok(VerdictPart { feedback: self.line(rule), ..judged })
            });
            parts.collect::<Result<Vec<_>, LessonError>>()?
        } else {
            let right = match (&spec.value, &spec.is) {
                (Some(value), _) => number(value)?,
                (None, is) => is.as_deref().and_then(parse_stated).unwrap_or(f64::NAN),
            };
            let mut judged = self.judge_number(&answer[0], right, spec.within);
            if !judged.right {
                judged.feedback = self.said_to_wrong(spec, &answer[0], &number)?;
            }
            vec![judged]
        };
        let right = Some(parts.iter().all(|part| part.right));
        Ok(Verdict { right, parts, feedback: self.blocks(spec.say.as_ref()) })
    }

    fn judge_number(&self, given: &str, right: f64, within: Option<f64>) -> VerdictPart {
        let found = parse_number(given);
        // A hundredth: readers round, and compute with rounded numbers.
        let within = within.unwrap_or_else(|| (right.abs() / 100.0).max(1e-12));
        let is_right = found.is_some_and(|found| (found - right).abs() <= within);
        let gap = found.map(|found| match found - right {
            _ if is_right => self.language.say("no gap", "没有差距").to_owned(),
            gap if gap > 0.0 => {
                format!("{} {}", number(gap, 4), self.language.say("too much", "偏大"))
            }
            gap => format!("{} {}", number(-gap, 4), self.language.say("too little", "偏小")),
        });
        let no_number = || self.language.say("not a number", "不是一个数").to_owned();
        VerdictPart {
            given: given.trim().to_owned(),
            right: is_right,
            expected: number(right, DIGITS),
            gap: Some(gap.unwrap_or_else(no_number)),
            feedback: Vec::new(),
        }
    }

    /// What is said to a number that is known to be wrong.
    fn said_to_wrong(
        &self,
        spec: &QuestionSpec,
        given: &str,
        number: &impl Fn(&str) -> Result<f64, LessonError>,
    ) -> Result<Vec<Inline>, LessonError> {
        let Some(found) = parse_number(given) else { return Ok(Vec::new()) };
        for wrong in &spec.wrong {
            let known = match parse_stated(&wrong.is) {
                Some(known) => known,
                None => number(&wrong.is)?,
            };
            if (found - known).abs() <= (known.abs() / 100.0).max(1e-12) {
                return Ok(self.line(Some(&wrong.say)));
            }
        }
        Ok(Vec::new())
    }

    fn judge_choice(
        &self,
        spec: &QuestionSpec,
        given: &str,
        number: &impl Fn(&str) -> Result<f64, LessonError>,
    ) -> Result<VerdictPart, LessonError> {
        let form =
            || LessonError::Request(format!("expected an option below {}", spec.options.len()));
        let index: usize = given.parse().map_err(|_| form())?;
        let option = spec.options.get(index).ok_or_else(form)?;
        let right = match spec.pick {
            None => spec.options.iter().map(|option| option.right).collect(),
            Some(pick) => {
                let values = spec.options.iter().filter_map(|option| option.value.as_deref());
                picked(&values.map(number).collect::<Result<Vec<_>, _>>()?, pick)
            }
        };
        let texts = spec.options.iter().zip(&right).filter(|(_, right)| **right);
        let text = |wording: &Wording| markdown::plain(&self.line(Some(wording)));
        Ok(VerdictPart {
            given: text(&option.text),
            right: right[index],
            expected: texts.map(|(option, _)| text(&option.text)).collect::<Vec<_>>().join(" / "),
            gap: None,
            feedback: self.line(option.say.as_ref()),
        })
    }
}

/// Which values are the largest or smallest. What is not finite is neither.
fn picked(values: &[f64], pick: Pick) -> Vec<bool> {
    let sign = if pick == Pick::Largest { 1.0 } else { -1.0 };
    let signed = values.iter().map(|value| sign * value).filter(|value| value.is_finite());
    let best = signed.fold(f64::NEG_INFINITY, f64::max);
    values.iter().map(|value| sign * value == best).collect()
}
