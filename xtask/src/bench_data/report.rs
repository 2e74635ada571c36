//! The page of `cargo xtask bench-data`.

use std::fmt::Write as _;

use gradus::train::cross_validation::{FoldScore, PairedComparison, ScoreSummary};

use super::{AboutTable, CONTESTANTS, GRADUS, TableRun};

/// The page: a table of mean scores, one of differences, and the means over all tables.
pub(super) fn page(runs: &[TableRun]) -> String {
    let mut tables: Vec<&AboutTable> = Vec::new();
    for run in runs {
        if !tables.iter().any(|about| about.name == run.about.name) {
            tables.push(&run.about);
        }
    }
    tables.sort_by_key(|about| about.rows);
    let mut page = "# Tables\n\n\
        Written by `cargo xtask bench-data`, which continues where it was stopped.\n\
        `gradus train --data` without settings, scikit-learn's `MLPClassifier` and `MLPRegressor` (`mlp`, inputs standardised), \
        its `HistGradientBoosting` (`trees`), and the Python RealMLP-TD-S of PyTabKit (`realmlp`).\n\
        Test score: accuracy, or R² for a regression, times 100; mean and standard deviation over the splits, a fifth of the \
        rows each.\n\n"
        .to_owned();
    let _ = writeln!(
        page,
        "| table | rows | features | classes | splits | {} |",
        CONTESTANTS.join(" | ")
    );
    let _ = writeln!(page, "|---|--:|--:|--:|--:|{}", "--:|".repeat(CONTESTANTS.len()));
    for about in &tables {
        let AboutTable { name, rows, features, classes, .. } = about;
        let classes = classes.map_or("–".to_owned(), |n| n.to_string());
        let splits = scores(runs, name, GRADUS).len();
        let _ = write!(page, "| {name} | {rows} | {features} | {classes} | {splits} |");
        for contestant in CONTESTANTS {
            let found = scores(runs, name, contestant);
            let ScoreSummary { mean, deviation } =
                ScoreSummary::of(found.iter().map(|fold| fold.score));
            let _ = match found.is_empty() {
                true => write!(page, " – |"),
                false => write!(page, " {mean:.2} ± {deviation:.2} |"),
            };
        }
        page.push('\n');
    }
    let _ = writeln!(
        page,
        "\n## Differences\n\nGradus minus the contestant, on the same splits; p of the corrected resampled t-test.\n"
    );
    let _ = writeln!(page, "| table | {} |", CONTESTANTS[1..].join(" | "));
    let _ = writeln!(page, "|---|{}", "--:|".repeat(CONTESTANTS.len() - 1));
    for about in &tables {
        let _ = write!(page, "| {} |", about.name);
        for contestant in &CONTESTANTS[1..] {
            let text = difference(runs, &about.name, contestant).map_or("–".to_owned(), |found| {
                format!("{:+.2}, p {:.3}", found.difference.mean, found.p)
            });
            let _ = write!(page, " {text} |");
        }
        page.push('\n');
    }
    let means = CONTESTANTS[1..].iter().map(|contestant| {
        let all = tables.iter().filter_map(|about| difference(runs, &about.name, contestant));
        let all: Vec<f64> = all.map(|found| found.difference.mean).collect();
        match all.is_empty() {
            true => " – |".to_owned(),
            false => format!(" {:+.2} |", ScoreSummary::of(all).mean),
        }
    });
    let _ = writeln!(page, "| mean |{}", means.collect::<String>());
    let mut made: Vec<String> =
        runs.iter().map(|run| format!("{}, {}", run.commit, run.machine)).collect();
    made.sort();
    made.dedup();
    let _ = writeln!(page, "\nRuns of {}.", made.join("; "));
    page
}

fn difference(runs: &[TableRun], table: &str, contestant: &str) -> Option<PairedComparison> {
    let (ours, theirs) = (scores(runs, table, GRADUS), scores(runs, table, contestant));
    PairedComparison::new(&ours, &theirs).ok()
}

/// The scores of a contestant, by split.
fn scores(runs: &[TableRun], table: &str, contestant: &str) -> Vec<FoldScore> {
    let of = runs.iter().filter(|run| run.about.name == table && run.contestant == contestant);
    let score = |run: &TableRun| {
        let test_rows = run.about.rows / 5;
        let known_rows = run.about.rows - test_rows;
        let metric = if run.about.classes.is_some() { "accuracy" } else { "r2" };
        FoldScore {
            repeat: 1,
            fold: run.split + 1,
            known_rows,
            test_rows,
            metric,
            score: run.score,
        }
    };
    let mut found: Vec<FoldScore> = of.map(score).collect();
    found.sort_by_key(|score| score.fold);
    found
}
