//! The page of `cargo xtask bench-data`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use gradus::train::cross_validation::{FoldScore, PairedComparison, ScoreSummary};

use super::contestants::{GRADUS, GRADUS_NETWORK, MLP_NETWORK, SCORED};
use super::{AboutTable, TableRun};
use crate::table;

/// The page: a table of mean scores, one of differences with the means over all tables, and one of seconds.
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
    let _ =
        writeln!(page, "| table | rows | features | classes | splits | {} |", SCORED.join(" | "));
    let _ = writeln!(page, "|---|--:|--:|--:|--:|{}", "--:|".repeat(SCORED.len()));
    for about in &tables {
        let AboutTable { name, rows, features, classes, .. } = about;
        let classes = classes.map_or(table::NOTHING.to_owned(), |n| n.to_string());
        let splits = scores(runs, name, GRADUS).len();
        let _ = write!(page, "| {name} | {rows} | {features} | {classes} | {splits} |");
        for contestant in SCORED {
            let found = scores(runs, name, contestant);
            let ScoreSummary { mean, deviation } =
                ScoreSummary::of(found.iter().map(|fold| fold.score));
            let _ = match found.is_empty() {
                true => write!(page, " {} |", table::NOTHING),
                false => write!(page, " {mean:.2} ± {deviation:.2} |"),
            };
        }
        page.push('\n');
    }
    let _ = writeln!(
        page,
        "\n## Differences\n\nGradus minus the contestant, on the same splits, and the plain standard error of the mean \
        difference; p of the corrected resampled t-test, which counts that splits share rows.\n"
    );
    let _ = writeln!(page, "| table | {} |", SCORED[1..].join(" | "));
    let _ = writeln!(page, "|---|{}", "--:|".repeat(SCORED.len() - 1));
    for about in &tables {
        let _ = write!(page, "| {} |", about.name);
        for contestant in &SCORED[1..] {
            let text = difference(runs, &about.name, contestant).map_or(
                table::NOTHING.to_owned(),
                |found| {
                    let ScoreSummary { mean, deviation } = found.difference;
                    let error = deviation / ((found.degrees_of_freedom + 1) as f64).sqrt();
                    match found.p {
                        p if p < 0.001 => format!("{mean:+.2} ± {error:.2}, p < 0.001"),
                        p => format!("{mean:+.2} ± {error:.2}, p {p:.3}"),
                    }
                },
            );
            let _ = write!(page, " {text} |");
        }
        page.push('\n');
    }
    let means = SCORED[1..].iter().map(|contestant| {
        let all = tables.iter().filter_map(|about| difference(runs, &about.name, contestant));
        let all: Vec<f64> = all.map(|found| found.difference.mean).collect();
        match all.is_empty() {
            true => format!(" {} |", table::NOTHING),
            false => format!(" {:+.2} |", ScoreSummary::of(all).mean),
        }
    });
    let _ = writeln!(page, "| mean |{}", means.collect::<String>());
    let _ = writeln!(
        page,
        "\n## Seconds\n\nThe network of `mlp`, 100 ReLU units with Adam and batches of 200, for 20 epochs, below 5,000 rows 200; \
        medians of the splits, alternating between the two. Gradus is timed as a whole program, reading the file included; \
        scikit-learn from the file in memory on.\n"
    );
    let _ = writeln!(page, "| table | {GRADUS_NETWORK} | {MLP_NETWORK} | times faster |");
    let _ = writeln!(page, "|---|{}", "--:|".repeat(3));
    for about in &tables {
        let [ours, theirs] = [GRADUS_NETWORK, MLP_NETWORK].map(|of| seconds(runs, &about.name, of));
        let ratio = |(split, ours): (&usize, &f64)| Some(theirs.get(split)? / ours);
        let columns = [
            ours.values().copied().collect(),
            theirs.values().copied().collect(),
            ours.iter().filter_map(ratio).collect::<Vec<f64>>(),
        ];
        let [ours, theirs, ratio] = columns
            .map(|values| table::median(&values).map_or(table::NOTHING.to_owned(), table::short));
        let _ = writeln!(page, "| {} | {ours} | {theirs} | {ratio} |", about.name);
    }
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

/// The runs of a contestant.
fn runs_of<'a>(
    runs: &'a [TableRun],
    table: &str,
    contestant: &str,
) -> impl Iterator<Item = &'a TableRun> {
    runs.iter().filter(move |run| run.about.name == table && run.contestant == contestant)
}

/// The seconds of a contestant, by split.
fn seconds(runs: &[TableRun], table: &str, contestant: &str) -> BTreeMap<usize, f64> {
    runs_of(runs, table, contestant).map(|run| (run.split, run.seconds)).collect()
}

/// The scores of a contestant, by split.
fn scores(runs: &[TableRun], table: &str, contestant: &str) -> Vec<FoldScore> {
    let score = |run: &TableRun| -> Option<FoldScore> {
        let test_rows = run.about.test_rows();
        let known_rows = run.about.rows - test_rows;
        let metric = if run.about.classes.is_some() { "accuracy" } else { "r2" };
        Some(FoldScore {
            repeat: 1,
            fold: run.split + 1,
            known_rows,
            test_rows,
            metric,
            score: run.score?,
        })
    };
    let mut found: Vec<FoldScore> = runs_of(runs, table, contestant).filter_map(score).collect();
    found.sort_by_key(|score| score.fold);
    found
}
