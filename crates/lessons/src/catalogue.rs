//! Every lesson, one folder each. The list below is the whole registry.

use std::sync::OnceLock;

use crate::lesson::{Lesson, LessonFiles};

macro_rules! lessons {
    ($($folder:literal),+ $(,)?) => {
        /// The files of every lesson, in the order of their numbers.
        const FILES: &[LessonFiles] = &[$(LessonFiles {
            folder: $folder,
            spec: include_str!(concat!("../lessons/", $folder, "/lesson.toml")),
            en: include_str!(concat!("../lessons/", $folder, "/en.md")),
            zh: include_str!(concat!("../lessons/", $folder, "/zh.md")),
        }),+];
    };
}

lessons! {
    "00-neurons",
    "01-learning",
    "02-generalisation",
    "03-perceptron",
    "04-activations",
    "05-linear-scores",
    "06-losses",
    "07-softmax",
    "08-batches",
    "09-loss-and-accuracy",
    "10-numerical-gradient",
    "11-gradient-descent",
    "12-mini-batches",
    "13-chain-rule",
    "14-layers",
    "15-learning-steps",
    "16-l2",
    "17-overfitting",
    "18-initialization",
    "19-optimizers",
    "20-batch-normalization",
    "21-learning-rate-decay",
    "22-convolution-filters",
    "23-six-panels",
    "24-noise",
}

/// Every lesson.
///
/// # Panics
///
/// If a lesson inside the program is malformed, which the tests exclude.
pub fn all() -> &'static [Lesson] {
    static LESSONS: OnceLock<Vec<Lesson>> = OnceLock::new();
    LESSONS.get_or_init(|| {
        let read = |files| Lesson::read(files).unwrap_or_else(|error| panic!("{error}"));
        FILES.iter().map(read).collect()
    })
}

/// The lesson with a name or a number.
pub fn find(name: &str) -> Option<&'static Lesson> {
    all().iter().find(|lesson| lesson.name == name || lesson.number.to_string() == name)
}

/// The names of the lessons before and after one.
pub fn neighbours(lesson: &Lesson) -> [Option<&'static str>; 2] {
    let index = all().iter().position(|other| other.number == lesson.number);
    let name = |index: usize| all().get(index).map(|lesson| lesson.name);
    index.map_or([None; 2], |index| [index.checked_sub(1).and_then(name), name(index + 1)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lesson_is_well_formed() {
        let errors: Vec<String> =
            FILES.iter().filter_map(|files| Lesson::read(files).err()).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        let numbers: Vec<u32> = all().iter().map(|lesson| lesson.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    #[test]
    fn links_lead_to_lessons() {
        for files in FILES {
            for text in [files.en, files.zh, files.spec] {
                let targets =
                    text.split("(lesson:").skip(1).filter_map(|rest| rest.split(')').next());
                let missing: Vec<&str> = targets.filter(|name| find(name).is_none()).collect();
                assert!(missing.is_empty(), "{}: {missing:?}", files.folder);
            }
        }
    }

    #[test]
    fn every_lesson_predicts_runs_and_ends_with_a_question() {
        use crate::text::Block;
        for lesson in all() {
            let steps = lesson.steps(crate::Language::En);
            let blocks: Vec<&Block> = steps.iter().flat_map(|step| &step.blocks).collect();
            let first = |found: fn(&Block) -> bool| blocks.iter().position(|block| found(block));
            let question = first(|block| matches!(block, Block::Question { .. }));
            let instrument = first(|block| matches!(block, Block::Instrument { .. }));
            assert!(question < instrument && question.is_some(), "{}: predict first", lesson.name);
            let last = blocks.iter().rposition(|block| matches!(block, Block::Question { .. }));
            assert!(last > instrument, "{}: ends with a question", lesson.name);
            assert!(
                first(|block| matches!(block, Block::Gap { .. })).is_some(),
                "{}: no gap",
                lesson.name
            );
        }
    }
}
