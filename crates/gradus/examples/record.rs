//! Record a run: the log and the models of a run directory by one call, beside an observer of your own.
//!
//! `cargo run --release -p gradus --example record`

use std::error::Error;
use std::io::{self, Write};

use gradus::prelude::*;
use gradus::runs::RunFolder;

/// Prints each evaluation.
struct Evaluations;

impl Observer for Evaluations {
    fn event(&mut self, event: &Event, _trainer: &Trainer) {
        if let Event::EvaluationFinished(evaluation) = event {
            let metrics =
                evaluation.metrics.iter().map(|(name, value)| format!("{name} {value:.3}"));
            let metrics = metrics.collect::<Vec<_>>().join(", ");
            // A closed output does not stop the training.
            let _ = writeln!(io::stdout(), "step {}: {metrics}", evaluation.step);
        }
    }
}

fn trainer() -> Result<Trainer, Box<dyn Error>> {
    let preset = gradus::runs::presets::find("softmax").ok_or("a preset")?.experiment();
    let experiment = ExperimentBuilder::from(preset).steps(200).evaluate_every(50).build()?;
    Ok(Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let runs = std::env::temp_dir().join(format!("gradus-record-{}", std::process::id()));

    // One call: train to the end, with log, checkpoints and final model. `gradus studio` shows the run.
    let finished = gradus::train::record(&mut trainer()?, runs.join("first"))?;

    // The same with an observer of your own beside the recorder.
    let mut trainer = trainer()?;
    let folder = RunFolder::create(&runs.join("second"), &trainer.saved().experiment)?;
    let mut recorder = Recorder::new(folder);
    trainer.run(None, &mut [&mut recorder, &mut Evaluations]);
    for warning in recorder.finish()? {
        writeln!(io::stderr(), "{}", gradus::error_chain(&warning))?;
    }

    let model = SavedModel::read(runs.join("second/checkpoints/last.safetensors"))?;
    std::fs::remove_dir_all(&runs)?;
    if model.weights_digest() != finished.summary.weights_digest {
        return Err("the same seed should give the same weights".into());
    }
    Ok(())
}
