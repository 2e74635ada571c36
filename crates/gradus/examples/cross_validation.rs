//! Cross-validate two networks on a table, and test whether they differ.
//!
//! `cargo run --release -p gradus --example cross_validation`

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use gradus::prelude::*;
use gradus::train::cross_validation::{CrossValidation, PairedComparison, ScoreSummary};

/// An experiment on two half moons; the source may as well be a file: `{ kind = "files", train = "table.csv" }`.
fn experiment(layers: &str) -> Result<Experiment, Box<dyn Error>> {
    let text = format!(
        "data.source = {{ kind = 'made', table = 'moons', samples = 300, noise = 0.15 }}\n\
         [model]\ninput = [2]\nlayers = [{layers}]\n\
         [train]\nepochs = 40\nbatch = 30\noptimizer = 'adam'\n\
         schedule = {{ kind = 'constant', learning_rate = 0.02 }}\n"
    );
    Ok(Experiment::parse("moons.toml", &text)?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let pool = Arc::new(Pool::new(1));
    let plan = CrossValidation { folds: 5, repeats: 2 };
    let scores = |layers: &str| -> Result<_, Box<dyn Error>> {
        let open = |data: &gradus::runs::DataSpec| data.open(gradus::mnist);
        Ok(plan.run(&experiment(layers)?, &open, &pool, &mut |_| true)?)
    };
    let line = scores("{ kind = 'linear', units = 2 }")?;
    let hidden = scores("{ kind = 'linear', units = 16 }, 'tanh', { kind = 'linear', units = 2 }")?;

    let mut out = io::stdout();
    for (name, scores) in [("a line", &line), ("16 hidden units", &hidden)] {
        let ScoreSummary { mean, deviation } =
            ScoreSummary::of(scores.iter().map(|fold| fold.score));
        writeln!(out, "{name}: test accuracy {mean:.3}, deviation {deviation:.3}")?;
    }
    let PairedComparison { difference, p, .. } = PairedComparison::new(&hidden, &line)?;
    writeln!(out, "difference {:.3}, p = {p:.4}", difference.mean)?;
    if difference.mean < 0.03 || p > 0.05 {
        return Err("hidden units should help".into());
    }
    Ok(())
}
