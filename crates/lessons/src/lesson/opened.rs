//! A lesson with the values of a state.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Lesson;
use crate::Language;
use crate::control::Control;
use crate::instrument::{Effort, Engine, InstrumentCall, InstrumentOutput, LessonError};
use crate::state::{LessonState, StateMistake};

/// A lesson in a language, with the values of a state.
#[derive(Clone, Debug)]
pub struct OpenedLesson<'a> {
    pub(super) lesson: &'a Lesson,
    pub(super) language: Language,
    /// The controls of each instrument.
    pub(super) controls: BTreeMap<&'a str, Vec<Control>>,
    /// Whether answers are judged and shown.
    pub(super) answers: bool,
}

impl Lesson {
    /// Opens the lesson with the values of a state.
    ///
    /// # Errors
    ///
    /// Every mistake of the state: keys that the lesson does not have, values outside of their ranges.
    pub fn open(
        &self,
        state: &LessonState,
        language: Language,
    ) -> Result<OpenedLesson<'_>, Vec<StateMistake>> {
        let names = self.spec.instruments.keys();
        let controls = names.map(|name| (&**name, self.controls(name, language))).collect();
        let mut opened = OpenedLesson { lesson: self, language, controls, answers: state.answers };
        let mut mistakes = Vec::new();
        for (key, value) in &state.values {
            mistakes.extend(opened.set(key, value).err());
        }
        for key in &state.hidden {
            let hide = |control: &mut Control| {
                control.hidden = true;
                Ok(())
            };
            mistakes.extend(opened.change(key, hide).err());
        }
        if mistakes.is_empty() { Ok(opened) } else { Err(mistakes) }
    }
}

impl<'a> OpenedLesson<'a> {
    /// The lesson.
    pub fn lesson(&self) -> &'a Lesson {
        self.lesson
    }

    /// The language in which it was opened.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Whether answers are judged and shown.
    pub fn shows_answers(&self) -> bool {
        self.answers
    }

    /// The controls of an instrument, if the lesson has it.
    pub fn controls(&self, instrument: &str) -> Option<&[Control]> {
        self.controls.get(instrument).map(Vec::as_slice)
    }

    /// Changes the value of a control.
    ///
    /// # Errors
    ///
    /// If the lesson has no such key, or the value is outside of its range.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), StateMistake> {
        self.change(key, |control| {
            control.set(value).map_err(|expected| StateMistake::new(key, value, expected))
        })
    }

    fn change(
        &mut self,
        key: &str,
        change: impl FnOnce(&mut Control) -> Result<(), StateMistake>,
    ) -> Result<(), StateMistake> {
        let mut controls = self.controls.values_mut().flatten();
        if let Some(control) = controls.find(|control| control.key == key) {
            return change(control);
        }
        let keys = self.controls.values().flatten().map(|control| &*control.key);
        let keys: Vec<&str> = keys.collect();
        let near = diagnostics::did_you_mean(key, keys.iter().copied());
        Err(StateMistake::new(key, key, format!("one of {}{near}", keys.join(", "))))
    }

    /// The value of a control as a text shows it, if the instrument has a control of that name.
    pub fn control_text(&self, instrument: &str, name: &str) -> Option<String> {
        let controls = self.controls.get(instrument)?;
        let control = controls.iter().find(|control| control.name == name)?;
        Some(control.value_text().replace(',', ", ").replace('-', "−"))
    }

    /// The state in its shortest form: the values that are not those at first.
    pub fn state(&self) -> LessonState {
        let mut state = LessonState::of(self.lesson.name);
        for (&name, controls) in &self.controls {
            for (control, first) in controls.iter().zip(self.lesson.controls(name, self.language)) {
                if control.input != first.input {
                    state.values.push((control.key.clone(), control.value_text()));
                }
                if control.hidden && !first.hidden {
                    state.hidden.push(control.key.clone());
                }
            }
        }
        state.answers = self.answers;
        state
    }

    /// Runs an instrument with its present values.
    ///
    /// # Errors
    ///
    /// If the lesson has no such instrument, a value cannot be used, or time is over.
    pub fn run(
        &self,
        name: &str,
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<Arc<InstrumentOutput>, LessonError> {
        let (Some(controls), Some(spec)) =
            (self.controls.get(name), self.lesson.spec.instruments.get(name))
        else {
            return Err(LessonError::Request(format!(
                "{}: no instrument {name}",
                self.lesson.name
            )));
        };
        let values: Vec<String> = controls.iter().map(Control::value_text).collect();
        let (lesson, language) = (self.lesson.name, self.language);
        let key = format!("{lesson} {name} {language:?} {}", values.join("\n"));
        engine.output(key, || {
            let call = InstrumentCall { controls, language, engine, effort };
            spec.instrument.as_dyn().run(&call)
        })
    }

    /// A number of an instrument with its present values: `instrument.value`, or the value of a control.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), or if the instrument has no such number.
    pub fn number(
        &self,
        reference: &str,
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<f64, LessonError> {
        let (instrument, value) = reference.split_once('.').unwrap_or((reference, ""));
        let mut controls = self.controls.get(instrument).into_iter().flatten();
        if let Some(control) = controls.find(|control| control.name == value)
            && let Some(number) = control.as_number()
        {
            return Ok(number);
        }
        let output = self.run(instrument, engine, effort)?;
        let unknown =
            || LessonError::Request(format!("{}: no number {reference}", self.lesson.name));
        output.values.get(value).copied().ok_or_else(unknown)
    }
}
