//! `export --tensorboard`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use gradus::studio::open_data;
use gradus::tensorboard::{self, ExportedRun};

use crate::experiment::warn;
use crate::output::thousands;

/// An event file to write.
#[derive(Debug, clap::Args)]
pub(super) struct EventFileArgs {
    /// Write the log of a run directory to an event file of TensorBoard, in the subdirectory that has the name of the run.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

impl EventFileArgs {
    pub(super) fn write(&self, run: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
        let Some(directory) = &self.tensorboard else { return Ok(()) };
        ensure!(
            run.is_dir(),
            "--tensorboard: expected a run directory, whose log is exported, found {}",
            run.display()
        );
        let ExportedRun { file, lines, samples } = tensorboard::export(run, directory, open_data)?;
        let samples = samples
            .iter()
            .map(|error| format!("no pictures of samples: {}", gradus::error_chain(error)));
        let lines = lines.iter().map(|line| format!("left out of the log: {line}"));
        warn(&lines.chain(samples).collect::<Vec<_>>());
        Ok(writeln!(out, "{}: {} bytes", file.display(), thousands(file.metadata()?.len()))?)
    }
}
