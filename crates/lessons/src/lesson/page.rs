//! A lesson as a page shows it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{OpenedLesson, QuestionView};
use crate::control::Control;
use crate::instrument::{Effort, Engine, LessonError, RunsWhen};
use crate::text::markdown::Step;

/// A lesson as a page shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LessonPage {
    /// Its name in states and commands.
    pub name: String,
    /// Its place in the list.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub about: String,
    /// Its text.
    pub steps: Vec<Step>,
    /// Its instruments by their names.
    pub instruments: BTreeMap<String, InstrumentView>,
    /// Its questions by their names.
    pub questions: BTreeMap<String, QuestionView>,
    /// Whether answers are judged and shown.
    pub answers: bool,
    /// The lesson before it.
    pub previous: Option<String>,
    /// The lesson after it.
    pub next: Option<String>,
    /// The state in its shortest form.
    pub state: String,
}

/// An instrument with its present values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InstrumentView {
    /// What stands above it.
    pub title: Option<String>,
    /// Its controls.
    pub controls: Vec<Control>,
    /// When it runs.
    pub runs: RunsWhen,
}

impl OpenedLesson<'_> {
    /// The lesson as a page shows it, between two others of the list.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run): a question may show the graph of an instrument.
    pub fn page(
        &self,
        [previous, next]: [Option<&str>; 2],
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<LessonPage, LessonError> {
        let (lesson, language) = (self.lesson, self.language);
        let instruments = lesson.spec.instruments.iter().map(|(name, spec)| {
            let title = spec.title.as_ref().map(|title| title.in_language(language).to_owned());
            let runs = spec.instrument.as_dyn().runs();
            let controls = self.controls[&**name].clone();
            (name.clone(), InstrumentView { title, controls, runs })
        });
        let names = lesson.spec.questions.keys();
        let questions = names.map(|name| Ok((name.clone(), self.question(name, engine, effort)?)));
        Ok(LessonPage {
            name: lesson.name.to_owned(),
            number: lesson.number,
            title: lesson.title(language).to_owned(),
            about: lesson.spec.about.in_language(language).to_owned(),
            steps: lesson.steps(language).to_vec(),
            instruments: instruments.collect(),
            questions: questions.collect::<Result<_, LessonError>>()?,
            answers: self.answers,
            previous: previous.map(str::to_owned),
            next: next.map(str::to_owned),
            state: self.state().to_string(),
        })
    }
}
