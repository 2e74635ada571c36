//! Lessons: texts in two languages, instruments that run with the reader's numbers, predictions and questions.
//!
//! A lesson is a folder of `lessons/`: `lesson.toml` holds what both languages share, `en.md` and `zh.md` the prose. Every
//! number that the prose states is computed by an instrument and compared in `cargo test`.
//!
//! ```
//! use gradus_lessons::{Effort, Engine, Language, open_state};
//!
//! let engine = Engine::new(|| Err("this lesson needs no digits".into()));
//! let lesson = open_state("lesson=chain-rule&apple=100", Language::En).unwrap();
//! let output = lesson.run("apple", &engine, Effort::unlimited(1))?;
//! assert!((output.values["result"] - 220.0).abs() < 1e-9);
//! # Ok::<(), gradus_lessons::LessonError>(())
//! ```

pub mod catalogue;
mod control;
pub mod figure;
mod instrument;
pub mod instruments;
mod language;
mod lesson;
mod networks;
mod request;
pub mod rows;
mod state;
pub mod terminal;
pub mod text;

pub use control::{ChoiceOption, Control, ControlInput};
pub use instrument::{
    DigitsSource, Effort, Engine, Instrument, InstrumentCall, InstrumentOutput, LessonError,
    RunsWhen,
};
pub use language::{Language, Wording};
pub use lesson::{
    AnswerBox, AnswerInput, BoxSpec, ComparedNumber, ControlSpec, FullExperiment, FullResult,
    InstrumentSpec, InstrumentView, Lesson, LessonFiles, LessonPage, LessonSpec, OpenedLesson,
    OptionSpec, Pick, PublishedNumbers, QuestionSpec, QuestionView, StatedNumber, Verdict,
    VerdictPart, WrongNumber,
};
pub use request::{
    AnswerRequest, InstrumentRequest, LessonAnswer, LessonEntry, ListRequest, OpenRequest, answer,
    list, open, open_state, run,
};
pub use state::{LessonState, StateMistake};
