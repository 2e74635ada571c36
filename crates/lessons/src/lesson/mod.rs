//! A lesson: its file and its texts, read and checked; then opened with a state.

mod full;
mod opened;
mod page;
mod spec;
mod verdict;

use std::collections::BTreeSet;

pub use full::{ComparedNumber, FullResult};
pub use opened::OpenedLesson;
pub use page::{InstrumentView, LessonPage};
pub use spec::{
    BoxSpec, ControlSpec, FullExperiment, InstrumentSpec, LessonSpec, OptionSpec, Pick,
    PublishedNumbers, QuestionSpec, StatedNumber, WrongNumber,
};
pub use verdict::{AnswerBox, AnswerInput, QuestionView, Verdict, VerdictPart};

use nn::registry::Validate as _;

use crate::control::{Control, ControlInput};
use crate::state::LessonState;
use crate::text::Block;
use crate::text::markdown::{self, NamedPart, Step};
use crate::{Language, Wording};

/// The files of a lesson.
#[derive(Clone, Copy, Debug)]
pub struct LessonFiles {
    /// The name of its folder: number and name, such as `13-chain-rule`.
    pub folder: &'static str,
    /// `lesson.toml`
    pub spec: &'static str,
    /// `en.md`
    pub en: &'static str,
    /// `zh.md`
    pub zh: &'static str,
}

/// A lesson.
#[derive(Clone, Debug)]
pub struct Lesson {
    /// Its place in the list.
    pub number: u32,
    /// Its name in states and commands.
    pub name: &'static str,
    /// What both languages share.
    pub spec: LessonSpec,
    steps: [Vec<Step>; 2],
}

impl Lesson {
    /// Reads the files of a lesson and checks them: every name that is used exists, every setting is in its range, both
    /// languages have the same parts in the same order.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn read(files: &LessonFiles) -> Result<Self, String> {
        let within = |error: String| format!("{}: {error}", files.folder);
        let (number, name) =
            files.folder.split_once('-').ok_or_else(|| within("no number".into()))?;
        let number = number.parse().map_err(|_| within("no number".into()))?;
        let spec: LessonSpec =
            toml::from_str(files.spec).map_err(|error| within(format!("lesson.toml: {error}")))?;
        let mut lesson = Self { number, name, spec, steps: Default::default() };
        for (language, markdown) in Language::ALL.into_iter().zip([files.en, files.zh]) {
            let steps = lesson.read_steps(markdown);
            let file = language.say("en.md", "zh.md");
            let steps = steps.map_err(|error| within(format!("{file}: {error}")))?;
            lesson.steps[language as usize] = steps;
        }
        lesson.check().map_err(within)?;
        Ok(lesson)
    }

    /// The title in a language.
    pub fn title(&self, language: Language) -> &str {
        self.spec.title.in_language(language)
    }

    /// Its text, step by step.
    pub fn steps(&self, language: Language) -> &[Step] {
        &self.steps[language as usize]
    }

    /// The rows of the table of sources that it shows: by its numbers, its questions and its traps.
    pub fn rows(&self) -> BTreeSet<String> {
        let numbers = self.spec.numbers.values().flat_map(|number| &number.rows);
        let questions = self.spec.questions.values().flat_map(|question| &question.rows);
        let blocks = self.steps(Language::En).iter().flat_map(|step| &step.blocks);
        let traps = blocks.filter_map(|block| match block {
            Block::Trap { row, .. } => Some(row),
            _ => None,
        });
        numbers.chain(questions).chain(traps).cloned().collect()
    }

    /// The state with which a stated number is computed.
    pub fn state_of(&self, number: &StatedNumber) -> LessonState {
        let instrument = number.value.split('.').next().unwrap_or_default();
        let controls = self.controls(instrument, Language::En);
        let values = number.with.iter().map(|(name, value)| {
            let control = controls.iter().find(|control| control.name == *name);
            (control.map_or(name, |control| &control.key).clone(), value.clone())
        });
        LessonState { values: values.collect(), ..LessonState::of(self.name) }
    }

    /// What a name in double braces stands for.
    fn lookup(&self, name: &str) -> Option<NamedPart<'_>> {
        let spec = &self.spec;
        let number = || spec.numbers.get(name).map(|number| NamedPart::Stated(&number.is));
        let instrument = || spec.instruments.contains_key(name).then_some(NamedPart::Instrument);
        let question = || spec.questions.contains_key(name).then_some(NamedPart::Question);
        number().or_else(instrument).or_else(question)
    }

    /// A short text of the lesson.
    fn short_text(&self, wording: &Wording, language: Language) -> Result<Vec<Block>, String> {
        markdown::blocks(wording.in_language(language), &|name| self.lookup(name))
    }

    /// The controls of an instrument with their values at first.
    fn controls(&self, name: &str, language: Language) -> Vec<Control> {
        let spec = &self.spec.instruments[name];
        let mut controls = spec.instrument.as_dyn().controls(language);
        for control in &mut controls {
            if let Some(change) = spec.controls.get(&control.name) {
                changed(control, change, language);
            }
            let others = self.spec.instruments.iter().filter(|(other, _)| *other != name);
            let is_shared = others
                .flat_map(|(_, other)| other.instrument.as_dyn().controls(language))
                .any(|other| other.name == control.name);
            if is_shared {
                control.key = format!("{name}.{}", control.name);
            }
        }
        controls
    }

    /// Reads a text, and puts the gap to each prediction behind the instrument that it predicts.
    fn read_steps(&self, markdown: &str) -> Result<Vec<Step>, String> {
        let mut steps = markdown::steps(markdown, &|name| self.lookup(name))?;
        let mut open: Vec<(String, String)> = Vec::new();
        for step in &mut steps {
            let mut blocks = Vec::new();
            for block in std::mem::take(&mut step.blocks) {
                blocks.push(block);
                match blocks.last() {
                    Some(Block::Question { name }) => {
                        let question = &self.spec.questions[name];
                        let instrument = question.instrument().filter(|_| question.predicts);
                        open.extend(instrument.map(|of| (name.clone(), of.to_owned())));
                    }
                    Some(Block::Instrument { name }) => {
                        let name = name.clone();
                        let (shown, rest) = open.drain(..).partition(|(_, of)| *of == name);
                        open = rest;
                        let gap = |(question, _)| Block::Gap { question };
                        blocks.extend(Vec::into_iter(shown).map(gap));
                    }
                    _ => {}
                }
            }
            step.blocks = blocks;
        }
        match open.first() {
            Some((question, of)) => {
                Err(format!("question {question} predicts {of}, which is not shown after it"))
            }
            None => Ok(steps),
        }
    }

    fn check(&self) -> Result<(), String> {
        for (name, instrument) in &self.spec.instruments {
            let at = |error: String| format!("instruments.{name}: {error}");
            instrument.instrument.validate().map_err(|error| at(error.to_string()))?;
            let controls = instrument.instrument.as_dyn().controls(Language::En);
            let known = |key: &String| controls.iter().any(|control| control.name == *key);
            if let Some(unknown) = instrument.controls.keys().find(|key| !known(key)) {
                return Err(at(format!("no control {unknown}")));
            }
            for control in &controls {
                let value =
                    instrument.controls.get(&control.name).and_then(|change| change.value.as_ref());
                if let Some(value) = value {
                    let set = control.clone().set(value);
                    set.map_err(|expected| at(format!("{}: expected {expected}", control.name)))?;
                }
            }
        }
        for (name, question) in &self.spec.questions {
            let at = |error: String| format!("questions.{name}: {error}");
            question.check(&self.spec).map_err(at)?;
            for wording in question.wordings() {
                for language in Language::ALL {
                    self.short_text(wording, language).map_err(at)?;
                }
            }
        }
        for (name, number) in &self.spec.numbers {
            let instrument = number.value.split('.').next().unwrap_or_default();
            if !self.spec.instruments.contains_key(instrument) {
                return Err(format!("numbers.{name}: no instrument {instrument}"));
            }
        }
        for (name, full) in &self.spec.full {
            let at = |error: String| format!("full.{name}: {error}");
            full.instrument.validate().map_err(|error| at(error.to_string()))?;
            full.check().map_err(at)?;
        }
        let [en, zh] = Language::ALL.map(|language| parts(self.steps(language)));
        let differ = en.iter().zip(&zh).find(|(en, zh)| en != zh);
        match differ {
            Some((en, zh)) => Err(format!("en.md has {en} where zh.md has {zh}")),
            None if en.len() != zh.len() => {
                Err(format!("en.md has {} parts, zh.md has {}", en.len(), zh.len()))
            }
            None => Ok(()),
        }
    }
}

/// The parts that both languages share: steps, and in each the blocks with the names that they refer to.
fn parts(steps: &[Step]) -> Vec<String> {
    let part = |block: &Block| match block {
        Block::Paragraph { .. } => "a paragraph".to_owned(),
        Block::List { items, .. } => format!("a list of {}", items.len()),
        Block::TextTable { rows, .. } => format!("a table of {} rows", rows.len()),
        Block::Code { .. } => "code".to_owned(),
        Block::Formula { .. } => "a formula".to_owned(),
        Block::Trap { row, .. } => format!("the trap {row}"),
        Block::Instrument { name } | Block::Question { name } => name.clone(),
        Block::Gap { question } => format!("the gap of {question}"),
    };
    let step = |step: &Step| {
        std::iter::once("a step".to_owned()).chain(step.blocks.iter().map(part)).collect::<Vec<_>>()
    };
    steps.iter().flat_map(step).collect()
}

/// Changes a control as a lesson says.
fn changed(control: &mut Control, change: &ControlSpec, language: Language) {
    if let Some(label) = &change.label {
        label.in_language(language).clone_into(&mut control.label);
    }
    if let ControlInput::Number { min, max, step, .. } = &mut control.input {
        *min = change.min.unwrap_or(*min);
        *max = change.max.unwrap_or(*max);
        *step = change.step.or(*step);
    }
    if let Some(value) = &change.value {
        let _ = control.set(value);
    }
    control.hidden = change.hidden;
}
