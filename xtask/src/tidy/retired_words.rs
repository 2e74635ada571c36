//! Words that were replaced by the standard terms of the field do not come back.
//!
//! This file is the only one that may contain them, apart from the pages in [`EXEMPT`].

use super::repository::{Repository, SourceFile};

/// Parts of identifiers and words of prose, in any case and with a plural s.
const WORDS: &[(&str, &str)] = &[
    ("averages", "running statistics, or moments"),
    ("belief", "probability"),
    ("believed", "probability"),
    ("believe", "rely on"),
    ("chances", "probabilities"),
    ("chore", "task"),
    ("glance", "event kind"),
    ("guess", "prediction"),
    ("guesses", "predictions"),
    ("house", "project"),
    ("hunt", "search"),
    ("people", "readers, users"),
    ("recognised", "correct, misclassified"),
    ("room", "crate, module, space"),
    ("silent", "noop, quiet"),
    ("sleeper", "sleeping thread"),
    ("spread", "quantiles, range, broadcast"),
    ("story", "timeline"),
    ("tame", "bounded"),
    ("ticket", "permit"),
    ("truth", "label"),
    ("turned", "transposed"),
    ("walk", "iterate, strided index"),
    ("walked", "iterated"),
    ("walking", "iterating"),
];

/// Whole identifiers, in this case.
const NAMES: &[(&str, &str)] = &[
    ("Checked", "GradCheckReport"),
    ("Course", "TrainingLoop"),
    ("fixed_walk", "fixed_order"),
    ("inner_product", "gemm_nt"),
    ("looking_inside", "activation capture"),
    ("loss_nats", "loss"),
    ("turned_len", "transposed_len"),
];

/// Words in a row, in any case.
const PHRASES: &[(&str, &str)] = &[
    ("against differences", "against finite differences"),
    ("by heart", "overfitting"),
    ("go on", "continue"),
    ("goes on", "continues"),
    ("in the lanes", "batch-innermost layout"),
    ("in turns", "alternating"),
    ("of ours", "of the workspace"),
    ("on its way", "forward pass"),
    ("run away", "diverge"),
    ("running away", "diverging"),
    ("runs away", "diverges"),
    ("share right", "accuracy"),
    ("was taken for", "predicted"),
];

/// Chinese terms, anywhere.
const CHINESE: &[(&str, &str)] = &[
    ("失活", "死亡"),
    ("判断", "预测"),
    ("真值", "标签"),
    ("死记硬背", "过拟合"),
    ("失控", "发散"),
    ("正确比例", "准确率"),
    ("奈特", "纳特"),
    ("旅程", "前向传播"),
    ("溢出", "非有限值"),
];

/// Standard terms that contain a retired word.
const STANDARD: &[&str] = &["initial guess", "moving averages", "truth table"];

/// The pages that say what was renamed, and files that hold data.
const EXEMPT: &[&str] = &[
    "xtask/src/tidy/retired_words.rs",
    "docs/renames.md",
    "Cargo.lock",
    "bench/results.jsonl",
    "docs/results.jsonl",
];

pub(super) fn check(repository: &Repository) -> Vec<String> {
    let files = repository.files.iter().filter(|file| !EXEMPT.contains(&&*file.path));
    files.flat_map(retired_in_file).collect()
}

fn retired_in_file(file: &SourceFile) -> Vec<String> {
    let in_path = retired(&file.path).into_iter().map(|found| format!("{}: {found}", file.path));
    let in_text = file.text.lines().enumerate().flat_map(|(i, line)| {
        retired(line).into_iter().map(move |found| format!("{}:{}: {found}", file.path, i + 1))
    });
    in_path.chain(in_text).collect()
}

/// What is wrong with a line, each finding with the term to use instead.
fn retired(line: &str) -> Vec<String> {
    let identifiers: Vec<&str> = line
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|identifier| !identifier.is_empty())
        .collect();
    let parts: Vec<String> = identifiers.iter().flat_map(|identifier| parts(identifier)).collect();
    let in_row = |phrase: &str| {
        let words: Vec<&str> = phrase.split(' ').collect();
        parts.windows(words.len()).filter(|row| row.iter().eq(&words)).count()
    };
    let is_standard =
        |word: &str| STANDARD.iter().any(|term| term.contains(word) && in_row(term) > 0);
    let word = |word: &str| {
        let plural = format!("{word}s");
        parts.iter().any(|part| part == word || *part == plural) && !is_standard(word)
    };
    let advice = |&(retired, instead): &(&str, &str)| format!("`{retired}`: say {instead}");
    let mut findings: Vec<String> = Vec::new();
    findings.extend(WORDS.iter().filter(|(retired, _)| word(retired)).map(advice));
    let name = |retired: &str| identifiers.contains(&retired);
    findings.extend(NAMES.iter().filter(|(retired, _)| name(retired)).map(advice));
    findings.extend(PHRASES.iter().filter(|(retired, _)| in_row(retired) > 0).map(advice));
    findings.extend(CHINESE.iter().filter(|(retired, _)| line.contains(retired)).map(advice));
    findings.extend(negated_noun(&parts).map(|found| format!("`{found}`: negate the verb")));
    findings
}

/// The words of an identifier in lower case: `TrainArgs` and `train_args` are `train`, `args`.
fn parts(identifier: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut after_lower = false;
    for c in identifier.chars() {
        if c == '_' || (c.is_uppercase() && after_lower) {
            parts.push(String::new());
        }
        if c != '_' {
            parts.last_mut().expect("begins with one").extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A noun that is negated in place of its verb: "is no table" for "is not a table".
fn negated_noun(parts: &[String]) -> Option<String> {
    let row = parts.windows(3).enumerate().find(|(i, row)| {
        let before = i.checked_sub(1).map_or("", |i| &parts[i]);
        ["is", "are", "was", "were", "be"].contains(&&*row[0])
            && row[1] == "no"
            && !["longer", "more", "less", "later"].contains(&&*row[2])
            // "There is no table" is what the language says.
            && before != "there"
    });
    row.map(|(_, row)| row.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retired_word_is_found_in_prose_identifiers_and_paths() {
        let files = [
            ("a.md", "The Rooms of the plan.\nRoomy."),
            ("b.rs", "struct TrainGuess { n_guesses: usize }"),
            ("docs/0010-the-hunt.md", ""),
            ("c.rs", "fn inner_product() {}\nfn inner_product_of() {}"),
        ];
        let expected = [
            "a.md:1: `room`: say crate, module, space",
            "b.rs:1: `guess`: say prediction",
            "b.rs:1: `guesses`: say predictions",
            "docs/0010-the-hunt.md: `hunt`: say search",
            "c.rs:1: `inner_product`: say gemm_nt",
        ];
        assert_eq!(check(&Repository::of(&files)), expected);
    }

    #[test]
    fn phrases_negated_nouns_and_chinese_terms_are_found() {
        let cases = [
            ("the model learns by heart", 1),
            ("`batch` is no table", 1),
            ("there is no table, and it is no longer than that", 0),
            ("网络在死记硬背", 1),
            ("a truth table", 0),
            ("overfitting, 过拟合, house_style", 1),
        ];
        for (line, n_findings) in cases {
            assert_eq!(retired(line).len(), n_findings, "{line}: {:?}", retired(line));
        }
    }

    #[test]
    fn pages_that_say_what_was_renamed_are_exempt() {
        assert!(check(&Repository::of(&[("docs/renames.md", "room, 失活")])).is_empty());
    }
}
