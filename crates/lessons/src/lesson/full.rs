//! Published experiments in full, beside the numbers that were published.

use serde::Serialize;

use super::Lesson;
use super::spec::{FullExperiment, parse_stated};
use crate::Language;
use crate::figure::Figure;
use crate::instrument::{Effort, Engine, InstrumentCall, InstrumentOutput, LessonError};
use crate::text::number;

/// What a published experiment gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FullResult {
    /// Where it was published, and what is measured.
    pub title: String,
    /// How the published numbers were measured.
    pub source: String,
    /// What the instrument found.
    pub output: InstrumentOutput,
    /// Its numbers beside the published ones.
    pub numbers: Vec<ComparedNumber>,
}

/// A number beside the published one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedNumber {
    /// What it is.
    pub name: String,
    /// The published number.
    pub published: f64,
    /// The number found here.
    pub found: f64,
}

impl FullExperiment {
    pub(super) fn check(&self) -> Result<(), String> {
        let mut numbers = self.published.iter().flat_map(|published| &published.is);
        match numbers.find(|text| parse_stated(text).is_none()) {
            Some(wrong) => Err(format!("expected a number, found {wrong:?}")),
            None => Ok(()),
        }
    }
}

impl Lesson {
    /// Runs a published experiment of the lesson in full.
    ///
    /// # Errors
    ///
    /// If the lesson does not have it, or it does not have a number that was published, or time is over.
    pub fn run_in_full(
        &self,
        name: &str,
        language: Language,
        engine: &Engine,
        effort: Effort<'_>,
    ) -> Result<FullResult, LessonError> {
        let unknown = |what: &str| LessonError::Request(format!("{}: no {what}", self.name));
        let spec = self.spec.full.get(name).ok_or_else(|| unknown(name))?;
        let instrument = spec.instrument.as_dyn();
        let controls = instrument.controls(language);
        let output =
            instrument.run(&InstrumentCall { controls: &controls, language, engine, effort })?;
        let mut numbers = Vec::new();
        for published in &spec.published {
            let name = published.name.in_language(language);
            for (i, is) in published.is.iter().enumerate() {
                let (name, value) = match published.is.len() {
                    1 => (name.to_owned(), published.value.clone()),
                    _ => (format!("{name} {}", i + 1), format!("{}_{}", published.value, i + 1)),
                };
                let found = output.values.get(&value).ok_or_else(|| unknown(&value))?;
                let published = parse_stated(is).unwrap_or(f64::NAN);
                numbers.push(ComparedNumber { name, published, found: *found });
            }
        }
        let [title, source] =
            [&spec.title, &spec.source].map(|text| text.in_language(language).to_owned());
        Ok(FullResult { title, source, output, numbers })
    }
}

impl FullResult {
    /// The numbers as a table.
    pub fn table(&self, language: Language) -> Figure {
        let heads = ["<", language.say(">published", ">已发表"), language.say(">here", ">这里")];
        let rows = self.numbers.iter().map(|compared| {
            let numbers = [compared.published, compared.found].map(|value| number(value, 3));
            [vec![compared.name.clone()], numbers.to_vec()].concat()
        });
        Figure::table(&heads, rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LessonFiles;

    fn lesson(published: &str) -> Result<Lesson, String> {
        let texts = "{ en = 'probabilities', zh = '概率' }";
        let spec = format!(
            "title = {texts}
            about = {texts}
            [full.two]
            title = {texts}
            source = {texts}
            instrument = {{ kind = 'softmax', scores = [0, 0] }}
            published = [{{ name = {texts}, {published} }}]"
        );
        Lesson::read(&LessonFiles { folder: "99-full", spec: spec.leak(), en: "", zh: "" })
    }

    fn run(lesson: &Lesson, name: &str) -> Result<FullResult, LessonError> {
        let engine = Engine::new(|| Err("no digits".into()));
        lesson.run_in_full(name, Language::En, &engine, Effort::unlimited(1))
    }

    #[test]
    fn published_numbers_stand_beside_those_that_are_found() {
        let two = lesson("value = 'p_1', is = ['0.4']").unwrap();
        let result = run(&two, "two").unwrap();
        let compared = ComparedNumber { name: "probabilities".into(), published: 0.4, found: 0.5 };
        assert_eq!(result.numbers, [compared]);
        assert_eq!(run(&two, "three"), Err(LessonError::Request("full: no three".into())));
    }

    #[test]
    fn published_numbers_that_cannot_be_compared_are_found_out() {
        let error = lesson("value = 'p_1', is = ['much']").unwrap_err();
        assert_eq!(error, "99-full: full.two: expected a number, found \"much\"");
        let several = lesson("value = 'p', is = ['0.5', '0.5']").unwrap();
        assert_eq!(run(&several, "two"), Err(LessonError::Request("full: no p_2".into())));
    }
}
