//! What pages ask for: a request and its answer each, pure functions.

use serde::{Deserialize, Serialize};

use crate::instrument::{Effort, Engine, InstrumentOutput, LessonError};
use crate::lesson::{LessonPage, OpenedLesson, Verdict};
use crate::state::{LessonState, StateMistake};
use crate::{Language, catalogue};

/// Asks for the list of lessons.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListRequest {
    /// The reader's language.
    pub language: Language,
}

/// Asks for a lesson.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The state of the lesson.
    pub state: String,
    /// The reader's language.
    pub language: Language,
}

/// Asks for the output of an instrument.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstrumentRequest {
    /// The state of the lesson.
    pub state: String,
    /// The reader's language.
    pub language: Language,
    /// The name of the instrument.
    pub instrument: String,
}

/// Asks what is said to an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRequest {
    /// The state of the lesson.
    pub state: String,
    /// The reader's language.
    pub language: Language,
    /// The name of the question.
    pub question: String,
    /// One text for a number or the index of an option, one for each box.
    pub answer: Vec<String>,
}

/// A row of the list of lessons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LessonEntry {
    /// Its name in states and commands.
    pub name: &'static str,
    /// Its place.
    pub number: u32,
    /// Its title.
    pub title: String,
    /// What it is about.
    pub about: String,
    /// Its steps.
    pub steps: usize,
}

/// What was asked for, or what is wrong in the state; then nothing was computed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LessonAnswer<T> {
    /// What was asked for.
    Found(T),
    /// `{"mistakes":[{"key":"apple","found":"x","expected":"a number from 0 to 1000"}]}`
    Mistaken {
        /// Every mistake.
        mistakes: Vec<StateMistake>,
    },
}

/// Opens the lesson of a state.
///
/// # Errors
///
/// Every mistake of the state.
///
/// # Examples
///
/// ```
/// use gradus_lessons::{Language, open_state};
///
/// let lesson = open_state("lesson=chain-rule&apple=100", Language::En).unwrap();
/// assert_eq!(lesson.state().to_string(), "lesson=chain-rule&apple=100");
/// let mistakes = open_state("lesson=chain-rule&apple=cheap", Language::En).unwrap_err();
/// assert_eq!(mistakes[0].to_string(), "apple: expected a number from 0 to 1000, found `cheap`");
/// ```
pub fn open_state(
    state: &str,
    language: Language,
) -> Result<OpenedLesson<'static>, Vec<StateMistake>> {
    let state: LessonState = state.parse().map_err(|mistake| vec![mistake])?;
    let lesson = catalogue::find(&state.lesson).ok_or_else(|| {
        let names = catalogue::all().iter().map(|lesson| lesson.name);
        let near = diagnostics::did_you_mean(&state.lesson, names);
        let expected = format!("a lesson of `gradus lesson`{near}");
        vec![StateMistake::new("lesson", &state.lesson, expected)]
    })?;
    lesson.open(&state, language)
}

/// The list of lessons.
pub fn list(request: &ListRequest) -> Vec<LessonEntry> {
    let entry = |lesson: &'static crate::Lesson| LessonEntry {
        name: lesson.name,
        number: lesson.number,
        title: lesson.title(request.language).to_owned(),
        about: lesson.spec.about.in_language(request.language).to_owned(),
        steps: lesson.steps(request.language).len(),
    };
    catalogue::all().iter().map(entry).collect()
}

/// A lesson as a page shows it.
///
/// # Errors
///
/// If time is over.
pub fn open(
    request: &OpenRequest,
    engine: &Engine,
    effort: Effort<'_>,
) -> Result<LessonAnswer<LessonPage>, LessonError> {
    with_lesson(&request.state, request.language, |lesson| {
        lesson.page(catalogue::neighbours(lesson.lesson()), engine, effort)
    })
}

/// The output of an instrument.
///
/// # Errors
///
/// If the lesson does not have it, or time is over.
pub fn run(
    request: &InstrumentRequest,
    engine: &Engine,
    effort: Effort<'_>,
) -> Result<LessonAnswer<InstrumentOutput>, LessonError> {
    with_lesson(&request.state, request.language, |lesson| {
        Ok((*lesson.run(&request.instrument, engine, effort)?).clone())
    })
}

/// What is said to an answer.
///
/// # Errors
///
/// If the lesson does not have the question, the answer has another form, or time is over.
pub fn answer(
    request: &AnswerRequest,
    engine: &Engine,
    effort: Effort<'_>,
) -> Result<LessonAnswer<Verdict>, LessonError> {
    with_lesson(&request.state, request.language, |lesson| {
        lesson.answer(&request.question, &request.answer, engine, effort)
    })
}

fn with_lesson<T>(
    state: &str,
    language: Language,
    found: impl FnOnce(&OpenedLesson<'static>) -> Result<T, LessonError>,
) -> Result<LessonAnswer<T>, LessonError> {
    let lesson = match open_state(state, language) {
        Ok(lesson) => lesson,
        Err(mistakes) => return Ok(LessonAnswer::Mistaken { mistakes }),
    };
    match found(&lesson) {
        Ok(found) => Ok(LessonAnswer::Found(found)),
        Err(LessonError::Mistakes(mistakes)) => Ok(LessonAnswer::Mistaken { mistakes }),
        Err(error) => Err(error),
    }
}
