//! What the pages show of sweeps.

use std::path::Path;

use runs::tune::{SweepFolderError, SweepRecord, TrialResult, value_text};
use serde_json::{Value, json};

/// A sweep in the list of sweeps. Whatever is wrong with it is its `problem`.
pub(crate) fn summary(id: &str, folder: &Path) -> Value {
    match SweepRecord::read(folder) {
        Err(error) => json!({ "id": id, "problem": diagnostics::chain(&error) }),
        Ok(record) => {
            let ranked = record.ranked();
            let best = ranked.first();
            json!({
                "id": id,
                "select": record.started.select,
                "settings": record.started.ranges.iter().map(|(path, _)| path).collect::<Vec<_>>(),
                "planned": planned(&record),
                "trained": record.results.len(),
                "best_trial": best.map(|best| best.trial),
                "metric": best.and_then(|best| best.metric),
            })
        }
    }
}

/// A sweep with its trials, the best first.
pub(crate) fn about(id: &str, folder: &Path) -> Result<Value, SweepFolderError> {
    let record = SweepRecord::read(folder)?;
    let trial = |result: &TrialResult| {
        let values = record.started.ranges.iter();
        let values = values.map(|(path, _)| result.values.get(path).map(value_text));
        json!({
            "trial": result.trial,
            "rung": result.rung,
            "run": format!("{id}/{}", result.run),
            "values": values.collect::<Vec<_>>(),
            "metric": result.metric,
            "best_step": result.best_step,
            "epochs": result.epochs,
            "seconds": result.seconds,
        })
    };
    Ok(json!({
        "id": id,
        "select": record.started.select,
        "settings": record.started.ranges.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "rungs": record.started.rungs.len(),
        "planned": planned(&record),
        "trained": record.results.len(),
        "trials": record.ranked().into_iter().map(trial).collect::<Vec<_>>(),
    }))
}

/// The trials of all rungs.
fn planned(record: &SweepRecord) -> usize {
    record.started.rungs.iter().map(|rung| rung.trials).sum()
}
