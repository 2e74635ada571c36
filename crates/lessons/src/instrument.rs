//! Instruments: what runs in a lesson, from the values of controls to figures and named numbers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use kernels::Pool;
use runs::Split;
use serde::Serialize;

use crate::Language;
use crate::control::{Control, ControlInput};
use crate::figure::{Blank, Figure};
use crate::state::StateMistake;
use crate::text::Pass;

/// Something that runs in a lesson. The same values give the same output, with any number of threads.
///
/// Values come from strangers: what an instrument takes is bounded by its controls and settings.
pub trait Instrument {
    /// The controls with their values at first. A lesson may set others, and narrower ranges.
    fn controls(&self, language: Language) -> Vec<Control>;

    /// When it runs.
    fn runs(&self) -> RunsWhen {
        RunsWhen::AtOnce
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If a value cannot be used, or time is over.
    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError>;

    /// The number of a graph of this instrument that is meant by `of`: of a graph with boxes to fill in. Takes the number out of
    /// the figure.
    fn blank(&self, _figure: &mut Figure, _of: &str, _pass: Pass, _name: &str) -> Option<Blank> {
        None
    }
}

/// When an instrument runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunsWhen {
    /// Whenever a value changes: it takes milliseconds.
    AtOnce,
    /// When the reader asks for it: it takes seconds.
    OnRequest,
}

/// What an instrument runs with.
#[derive(Clone, Copy)]
pub struct InstrumentCall<'a> {
    /// The controls of the instrument with the reader's values, which are in their ranges.
    pub controls: &'a [Control],
    /// The reader's language.
    pub language: Language,
    /// The digits.
    pub engine: &'a Engine,
    /// Threads and time.
    pub effort: Effort<'a>,
}

/// What may be used for an answer.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    /// Threads.
    pub threads: usize,
    /// Whether the work is to end.
    pub is_over: &'a dyn Fn() -> bool,
}

impl Effort<'_> {
    /// As many threads as given, without an end.
    pub fn unlimited(threads: usize) -> Self {
        Self { threads, is_over: &|| false }
    }
}

impl InstrumentCall<'_> {
    fn input(&self, name: &str) -> &ControlInput {
        let control = self.controls.iter().find(|control| control.name == name);
        &control.unwrap_or_else(|| panic!("a control called {name}")).input
    }

    /// The number of a control.
    ///
    /// # Panics
    ///
    /// As the methods after it: if the instrument has no such control.
    pub fn number(&self, name: &str) -> f64 {
        let ControlInput::Number { value, .. } = self.input(name) else {
            panic!("{name}: no number")
        };
        *value
    }

    /// The whole number of a control.
    pub fn whole(&self, name: &str) -> usize {
        self.number(name) as usize
    }

    /// The numbers of a control.
    pub fn numbers(&self, name: &str) -> &[f64] {
        let ControlInput::Numbers { value, .. } = self.input(name) else {
            panic!("{name}: no numbers")
        };
        value
    }

    /// The chosen option of a control, or its text.
    pub fn text(&self, name: &str) -> &str {
        match self.input(name) {
            ControlInput::Choice { value, .. } | ControlInput::Text { value, .. } => value,
            _ => panic!("{name}: no text"),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        let ControlInput::Seed { value } = self.input("seed") else { panic!("seed: no seed") };
        *value
    }

    /// The wording in the reader's language.
    pub fn say<'a>(&self, en: &'a str, zh: &'a str) -> &'a str {
        self.language.say(en, zh)
    }

    /// A mistake in the value of a control.
    pub fn mistake(&self, name: &str, expected: impl Into<String>) -> LessonError {
        let control = self.controls.iter().find(|control| control.name == name);
        let (key, found) = control.map_or((name, String::new()), |c| (&*c.key, c.value_text()));
        LessonError::Mistakes(vec![StateMistake::new(key, &found, expected)])
    }

    /// The first digits of both sets.
    ///
    /// # Errors
    ///
    /// If the digits inside the program are damaged.
    pub fn digits(&self, train: usize, test: usize) -> Result<Split, LessonError> {
        let digits =
            self.engine.digits.as_ref().map_err(|error| LessonError::Engine(error.clone()))?;
        Ok(Split { train: digits.train.first(train), test: digits.test.first(test) })
    }

    /// The threads that may be used.
    pub fn pool(&self) -> Pool {
        Pool::new(self.effort.threads)
    }

    /// Between two pieces of work.
    ///
    /// # Errors
    ///
    /// If time is over.
    pub fn check_time(&self) -> Result<(), LessonError> {
        if (self.effort.is_over)() { Err(LessonError::OutOfTime) } else { Ok(()) }
    }
}

/// What an instrument found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct InstrumentOutput {
    /// What is shown, from top to bottom.
    pub figures: Vec<Figure>,
    /// Named numbers.
    pub values: BTreeMap<String, f64>,
    /// Sentences below the figures.
    pub notes: Vec<String>,
}

impl InstrumentOutput {
    /// The same with a figure.
    #[must_use]
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }

    /// The same with a named number.
    #[must_use]
    pub fn value(mut self, name: impl Into<String>, value: f64) -> Self {
        self.values.insert(name.into(), value);
        self
    }

    /// The same with numbers called `name_0`, `name_1`, …
    #[must_use]
    pub fn list(mut self, name: &str, values: &[f64]) -> Self {
        self.values
            .extend(values.iter().enumerate().map(|(i, &value)| (format!("{name}_{i}"), value)));
        self
    }

    /// The same with a sentence.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Why a lesson has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LessonError {
    /// The state has mistakes; nothing was computed.
    #[error("{}", lines(.0))]
    Mistakes(Vec<StateMistake>),
    /// The work was to end.
    #[error("it took too long")]
    OutOfTime,
    /// A request names an instrument or a question that the lesson does not have, or answers in another form.
    #[error("{0}")]
    Request(String),
    /// The program is damaged.
    #[error("{0}")]
    Engine(String),
}

impl LessonError {
    /// That the program is damaged: an error of a part that lessons use only with checked settings.
    pub fn engine(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Engine(diagnostics::chain(error))
    }
}

fn lines(mistakes: &[StateMistake]) -> String {
    mistakes.iter().map(StateMistake::to_string).collect::<Vec<_>>().join("\n")
}

/// Yields the digits.
pub type DigitsSource = fn() -> Result<Split, String>;

/// What all lessons share: the digits, and outputs that may be asked for again.
pub struct Engine {
    /// Read when they are first asked for.
    digits: LazyLock<Result<Split, String>, DigitsSource>,
    outputs: Mutex<VecDeque<(String, Arc<InstrumentOutput>)>>,
}

/// Outputs that are kept: a training run is compared with the predictions of a page without another run.
const KEPT: usize = 64;

impl Engine {
    /// An engine with the digits that `digits` yields.
    pub fn new(digits: DigitsSource) -> Self {
        Self { digits: LazyLock::new(digits), outputs: Mutex::default() }
    }

    /// The output of an instrument, computed or kept.
    pub(crate) fn output(
        &self,
        key: String,
        run: impl FnOnce() -> Result<InstrumentOutput, LessonError>,
    ) -> Result<Arc<InstrumentOutput>, LessonError> {
        let lock = || self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, output)) = lock().iter().find(|(known, _)| *known == key) {
            return Ok(output.clone());
        }
        let output = Arc::new(run()?);
        let mut outputs = lock();
        outputs.push_back((key, output.clone()));
        if outputs.len() > KEPT {
            outputs.pop_front();
        }
        Ok(output)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}
