//! A lesson in a terminal: it asks, waits for the answer, and shows.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use super::{TerminalStyle, line};
use crate::Language;
use crate::control::Control;
use crate::instrument::{Effort, Engine, LessonError};
use crate::lesson::{AnswerInput, OpenedLesson, QuestionView, Verdict};
use crate::text::{Block, number as number_text};

/// A lesson with what it needs to run.
pub struct LessonRunner<'a> {
    /// The lesson with its values.
    pub lesson: OpenedLesson<'static>,
    /// Width and language.
    pub style: TerminalStyle,
    /// The digits.
    pub engine: &'a Engine,
    /// Threads.
    pub effort: Effort<'a>,
    /// Where answers come from; without it everything is shown.
    pub input: Option<&'a mut dyn BufRead>,
    /// Where everything is written.
    pub out: &'a mut dyn Write,
}

/// Why a lesson in a terminal ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// A value cannot be used, or the program is damaged.
    #[error(transparent)]
    Lesson(#[from] LessonError),
    /// The terminal is gone.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What was said at a prompt.
enum Reply {
    Text(String),
    /// The input has ended.
    End,
}

impl LessonRunner<'_> {
    /// Runs the lesson to its end, or to the end of the input.
    ///
    /// # Errors
    ///
    /// If a value cannot be used, or nothing can be written.
    pub fn run(&mut self) -> Result<(), RunnerError> {
        let lesson = self.lesson.lesson();
        let language = self.style.language;
        let steps = lesson.steps(language);
        writeln!(self.out, "{}  {}", lesson.number, lesson.title(language))?;
        let about = lesson.spec.about.in_language(language);
        write!(self.out, "{}", self.style.paragraph(about, "", ""))?;
        if !self.lesson.shows_answers() {
            let text = language.say("This state has the answers off.", "此状态已关闭答案。");
            writeln!(self.out, "{text}")?;
        }
        let mut predictions = BTreeMap::new();
        for (i, step) in steps.iter().enumerate() {
            writeln!(self.out, "\n── {}/{}  {} ──\n", i + 1, steps.len(), step.title)?;
            let mut blocks = step.blocks.iter().peekable();
            while let Some(block) = blocks.next() {
                // The gap is shown before the reader changes a value.
                let is_gap = |block: &&Block| matches!(block, Block::Gap { .. });
                let gaps: Vec<&Block> = std::iter::from_fn(|| blocks.next_if(is_gap)).collect();
                if !self.block(block, &gaps, &mut predictions)? {
                    return Ok(());
                }
            }
            let text = language.say("Enter: next step ", "按回车进入下一步 ");
            if i + 1 < steps.len() && matches!(self.prompt(text)?, Some(Reply::End)) {
                return Ok(());
            }
        }
        writeln!(self.out, "\n#{}", self.lesson.state())?;
        Ok(())
    }

    /// Shows a block; false at the end of the input.
    fn block(
        &mut self,
        block: &Block,
        gaps: &[&Block],
        predictions: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<bool, RunnerError> {
        match block {
            Block::Question { name } => self.question(name, predictions),
            Block::Instrument { name } => self.instrument(name, gaps, predictions),
            block => {
                let value_of = |instrument: &str, value: &str, digits: usize| {
                    let number = || {
                        let reference = format!("{instrument}.{value}");
                        self.lesson.number(&reference, self.engine, self.effort).ok()
                    };
                    let given = self.lesson.control_text(instrument, value);
                    given.or_else(|| number().map(|value| number_text(value, digits)))
                };
                let text = self.style.block(block, &value_of);
                writeln!(self.out, "{text}")?;
                Ok(true)
            }
        }
    }

    fn question(
        &mut self,
        name: &str,
        predictions: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<bool, RunnerError> {
        let view = self.lesson.question(name, self.engine, self.effort)?;
        // Only what the reader set: results are not shown before the answer.
        let unknown =
            |instrument: &str, value: &str, _| self.lesson.control_text(instrument, value);
        for (i, block) in view.ask.iter().enumerate() {
            let mark = if i == 0 { "? " } else { "  " };
            let text = self.style.block(block, &unknown);
            write!(self.out, "{mark}{}", text.replace('\n', "\n  ").trim_end())?;
            writeln!(self.out)?;
        }
        if let Some(figure) = &view.figure {
            write!(self.out, "{}", self.style.figure(figure))?;
        }
        if let AnswerInput::Choice { options } = &view.input {
            for (i, option) in options.iter().enumerate() {
                let mark = format!("  {}. ", i + 1);
                write!(
                    self.out,
                    "{}",
                    self.style.paragraph(&line(option, &unknown), &mark, "     ")
                )?;
            }
        }
        let Some(answer) = self.answers(&view)? else { return Ok(false) };
        if !view.predicts {
            let verdict = match answer.is_empty() {
                true => self.solution(name)?,
                false => Some(self.lesson.answer(name, &answer, self.engine, self.effort)?),
            };
            self.verdict(name, verdict)?;
        } else if !answer.is_empty() {
            predictions.insert(name.to_owned(), answer);
        }
        Ok(true)
    }

    /// The answers to a question: none without an input, nothing at its end.
    fn answers(&mut self, view: &QuestionView) -> Result<Option<Vec<String>>, RunnerError> {
        let prompts: Vec<String> = match &view.input {
            AnswerInput::Number { unit } => {
                vec![unit.as_ref().map_or("> ".to_owned(), |unit| format!("({unit}) > "))]
            }
            AnswerInput::Choice { options } => vec![format!("1–{} > ", options.len())],
            AnswerInput::Boxes { boxes } => boxes
                .iter()
                .map(|each| format!("{} > ", line(&each.label, &|_, _, _| None)))
                .collect(),
        };
        let mut answers = Vec::new();
        for prompt in prompts {
            let answer = loop {
                match (self.prompt(&prompt)?, &view.input) {
                    (None, _) => return Ok(Some(Vec::new())),
                    (Some(Reply::End), _) => return Ok(None),
                    (Some(Reply::Text(text)), AnswerInput::Choice { options }) => {
                        let chosen = text.parse::<usize>().ok();
                        if let Some(index) =
                            chosen.filter(|index| (1..=options.len()).contains(index))
                        {
                            break (index - 1).to_string();
                        }
                    }
                    (Some(Reply::Text(text)), _) => {
                        if crate::control::parse_number(&text).is_some() {
                            break text;
                        }
                        let expected = self.style.language.say("expected a number", "请输入一个数");
                        writeln!(self.out, "{expected}")?;
                    }
                }
            };
            answers.push(answer);
        }
        Ok(Some(answers))
    }

    /// What is said to the right answer.
    fn solution(&self, name: &str) -> Result<Option<Verdict>, RunnerError> {
        let view = self.lesson.question(name, self.engine, self.effort)?;
        let (n, parts) = match &view.input {
            AnswerInput::Number { .. } => (1, 1),
            AnswerInput::Choice { options } => (options.len(), 1),
            AnswerInput::Boxes { boxes } => (1, boxes.len()),
        };
        let mut last = None;
        for i in 0..n {
            let given = vec![i.to_string(); parts];
            let verdict = self.lesson.answer(name, &given, self.engine, self.effort)?;
            let is_right = verdict.right == Some(true);
            last = Some(verdict);
            if is_right {
                break;
            }
        }
        // No answer was given, so nothing is said to one.
        Ok(last.map(|mut verdict| {
            let is_choice = matches!(view.input, AnswerInput::Choice { .. });
            for part in &mut verdict.parts {
                part.given.clear();
                if !is_choice {
                    part.feedback.clear();
                }
            }
            verdict
        }))
    }

    fn verdict(&mut self, name: &str, verdict: Option<Verdict>) -> Result<(), RunnerError> {
        let say = |en, zh| self.style.language.say(en, zh);
        let Some(Verdict { right: Some(_), parts, feedback }) = verdict else { return Ok(()) };
        let labels: Vec<String> = match self.lesson.question(name, self.engine, self.effort)?.input
        {
            AnswerInput::Boxes { boxes } => boxes
                .iter()
                .map(|each| format!("{}{}", line(&each.label, &|_, _, _| None), say(": ", "：")))
                .collect(),
            _ => vec![String::new()],
        };
        let unknown = |_: &str, _: &str, _| None;
        for (part, label) in parts.iter().zip(labels) {
            let said = match (part.given.is_empty(), part.right) {
                (true, _) => format!("{}{}", say("answer: ", "答案："), part.expected),
                (false, true) => format!("✓ {}", part.expected),
                (false, false) => {
                    let [open, close] = [say(" (", "（"), say(")", "）")];
                    let gap = part.gap.as_ref();
                    let gap = gap.map_or(String::new(), |gap| format!("{open}{gap}{close}"));
                    let it_is = say("; it is ", "；应为 ");
                    format!("✗ {}{gap}{it_is}{}", part.given, part.expected)
                }
            };
            let feedback = line(&part.feedback, &unknown);
            let stop = if feedback.is_empty() { "" } else { say(". ", "。") };
            let text = format!("{label}{said}{stop}{feedback}");
            write!(self.out, "{}", self.style.paragraph(&text, "  ", "  "))?;
        }
        for block in &feedback {
            write!(self.out, "{}", self.style.block(block, &unknown))?;
        }
        writeln!(self.out)?;
        Ok(())
    }

    /// Runs an instrument, and again with every change of its values.
    fn instrument(
        &mut self,
        name: &str,
        gaps: &[&Block],
        predictions: &BTreeMap<String, Vec<String>>,
    ) -> Result<bool, RunnerError> {
        let title = self.lesson.lesson().spec.instruments[name].title.as_ref();
        if let Some(title) = title {
            writeln!(self.out, "{}", title.in_language(self.style.language))?;
        }
        let mut gaps = gaps.iter();
        loop {
            let controls = self.lesson.controls(name).unwrap_or_default().iter();
            let shown = controls.filter(|control| !control.hidden);
            let shown = shown.map(|control| value_line(control, self.style.language));
            let shown: Vec<String> = shown.collect();
            write!(self.out, "{}", self.style.paragraph(&shown.join("   "), "  ", "  "))?;
            let output = self.lesson.run(name, self.engine, self.effort)?;
            for figure in &output.figures {
                writeln!(self.out, "{}", self.style.figure(figure))?;
            }
            for note in &output.notes {
                writeln!(self.out, "{}", self.style.paragraph(note, "", ""))?;
            }
            for gap in gaps.by_ref() {
                let Block::Gap { question } = gap else { continue };
                let verdict = match predictions.get(question) {
                    Some(given) => {
                        Some(self.lesson.answer(question, given, self.engine, self.effort)?)
                    }
                    None => self.solution(question)?,
                };
                self.verdict(question, verdict)?;
            }
            let prompt = self.style.language.say(
                "Change a value (name=number), or Enter to continue ",
                "修改一个值（名称=数值），或按回车继续 ",
            );
            loop {
                match self.prompt(prompt)? {
                    Some(Reply::End) => return Ok(false),
                    None => return Ok(true),
                    Some(Reply::Text(text)) if text.is_empty() => return Ok(true),
                    Some(Reply::Text(text)) => {
                        let (key, value) = text.split_once('=').unwrap_or((&text, ""));
                        match self.lesson.set(key.trim(), value.trim()) {
                            Ok(()) => break,
                            Err(mistake) => writeln!(self.out, "{mistake}")?,
                        }
                    }
                }
            }
        }
    }

    /// Asks; nothing without an input.
    fn prompt(&mut self, text: &str) -> Result<Option<Reply>, RunnerError> {
        /// Bytes of a line at most.
        const LONGEST: u64 = 10_000;
        let Some(input) = &mut self.input else { return Ok(None) };
        write!(self.out, "{text}")?;
        self.out.flush()?;
        let mut line = String::new();
        let read = io::Read::take(&mut **input, LONGEST).read_line(&mut line)?;
        Ok(Some(if read == 0 { Reply::End } else { Reply::Text(line.trim().to_owned()) }))
    }
}

/// `apple = 10`, with the label where it says more than the key.
fn value_line(control: &Control, language: Language) -> String {
    let value =
        control.as_number().map_or_else(|| control.value_text(), |value| number_text(value, 10));
    match control.label == control.key {
        true => format!("{} = {value}", control.key),
        false => {
            let [open, close] = [language.say(" (", "（"), language.say(")", "）")];
            format!("{} = {value}{open}{}{close}", control.key, control.label)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open_state;

    fn run(state: &str, input: Option<&str>) -> String {
        run_in(Language::En, state, input)
    }

    fn run_in(language: Language, state: &str, input: Option<&str>) -> String {
        let engine = Engine::new(|| Err("no digits".into()));
        let mut out = Vec::new();
        let mut bytes = input.map(str::as_bytes);
        LessonRunner {
            lesson: open_state(state, language).unwrap(),
            style: TerminalStyle { width: 80, language },
            engine: &engine,
            effort: Effort::unlimited(1),
            input: bytes.as_mut().map(|bytes| bytes as &mut dyn BufRead),
            out: &mut out,
        }
        .run()
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_is_shown_before_the_prediction() {
        let asked = run("lesson=softmax", Some(""));
        assert!(!asked.contains("164.0"), "{asked}");
        let all = run("lesson=softmax", None);
        assert!(all.contains("164.0") && all.contains("answer: "), "{all}");
    }

    #[test]
    fn answers_that_are_off_are_not_shown() {
        let text = run("lesson=softmax&answers=off", None);
        assert!(!text.contains("answer: ") && text.contains("has the answers off"), "{text}");
    }
    #[test]
    fn a_chinese_lesson_has_chinese_names_and_stops() {
        let all = run_in(Language::Zh, "lesson=losses", None);
        for english in ["cat", "car", "frog", "answer", "loss "] {
            assert!(!all.contains(english), "{english}: {all}");
        }
        // Wrong answers to all questions.
        let asked = run_in(Language::Zh, "lesson=softmax", Some(&"1\n".repeat(40)));
        assert!(asked.contains("；应为 ") && asked.contains("。"), "{asked}");
        assert!(!asked.contains(". ") && !asked.contains("; "), "{asked}");
    }
}
