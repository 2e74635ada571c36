//! `studio`: browse all runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;

use crate::served::{self, ServeArgs};
use crate::signal::stop_on_signal;

/// Browse finished runs, and runs in progress in other processes, on web pages.
///
/// Serves until Ctrl-C. Exits 0 on Ctrl-C, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct StudioArgs {
    /// Run directories, and directories that contain run directories.
    #[arg(value_name = "RUNS", default_value = "runs")]
    runs: Vec<PathBuf>,

    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) fn run(args: &StudioArgs, _out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    for folder in &args.runs {
        // The default directory does not exist before the first run.
        let is_default = folder == Path::new("runs");
        let shown = folder.display();
        ensure!(
            is_default || folder.is_dir(),
            "{shown}: expected a directory with runs, found none"
        );
    }
    let stop = stop_on_signal()?;
    args.serve.serve(args.serve.bind()?, args.runs.clone(), None)?;
    served::stay(&stop);
    Ok(ExitCode::SUCCESS)
}
