//! Stop a run and resume it: the same weights as without a stop. Then branch off with another learning rate.
//!
//! `cargo run --release -p gradus --example resume`

use std::error::Error;

use gradus::events::Command;
use gradus::prelude::*;
use gradus::runs::{RunFolder, StoppedRun};

/// Stops a run after so many steps.
struct StopAt {
    step: u64,
    is_reached: bool,
}

impl Observer for StopAt {
    fn event(&mut self, _: &Event, trainer: &Trainer) {
        self.is_reached = trainer.steps_done() >= self.step;
    }

    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        self.is_reached.then_some(Command::Stop)
    }
}

fn experiment() -> Result<Experiment, Box<dyn Error>> {
    let preset = gradus::runs::presets::find("softmax").ok_or("a preset")?.experiment();
    Ok(ExperimentBuilder::from(preset).steps(200).build()?)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let path = std::env::temp_dir().join(format!("gradus-resume-{}", std::process::id()));
    let data = gradus::mnist()?;
    let whole = Trainer::new(experiment()?, data.clone(), Pool::new(2))?.run(None, &mut []);

    // Stopped after 120 steps; a killed run has its newest checkpoint instead.
    let mut trainer = Trainer::new(experiment()?, data.clone(), Pool::new(2))?;
    let mut recorder = Recorder::new(RunFolder::create(&path, &trainer.current().experiment)?);
    trainer.run(None, &mut [&mut recorder, &mut StopAt { step: 120, is_reached: false }]);
    recorder.finish()?;

    // Later, perhaps in another process: from the newest checkpoint to the end.
    let stopped = StoppedRun::open(&path)?;
    let state = stopped.state(None)?;
    let mut trainer = Trainer::new(state.experiment(), data.clone(), Pool::new(1))?;
    trainer.resume(state)?;
    let mut recorder = Recorder::resume(stopped, &trainer)?;
    let finished = trainer.run(None, &mut [&mut recorder]);
    recorder.finish()?;

    // Another run, from one of its steps.
    let state = RunFolder::state(&path, Some(120))?;
    let slower = ExperimentBuilder::from(state.experiment()).learning_rate(0.01).build()?;
    let mut trainer = Trainer::new(slower, data, Pool::new(2))?;
    trainer.fork(state, path.display().to_string())?;
    let fork = trainer.run(None, &mut []);

    std::fs::remove_dir_all(&path)?;
    let digests = [whole, finished, fork].map(|finished| finished.summary.weights_digest);
    match digests[0] == digests[1] && digests[1] != digests[2] {
        true => Ok(()),
        false => {
            Err("a run that continues should have the weights of one that was not stopped".into())
        }
    }
}
