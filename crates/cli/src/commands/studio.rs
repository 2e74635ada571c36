//! `studio`: the pages of all runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::ensure;

use crate::served::{self, ServeArgs};
use crate::signal::stop_on_signal;

/// Show runs in a browser: finished ones, and those that go on in other programs.
///
/// Serves until Ctrl-C. Exits 0 then, 2 on wrong use.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run folders, and folders that have some in them.
    #[arg(value_name = "RUNS", default_value = "runs")]
    runs: Vec<PathBuf>,

    #[command(flatten)]
    serve: ServeArgs,
}

/// Serves.
///
/// # Errors
///
/// A folder that is not there, an address that is not free.
pub(crate) fn run(args: &Args, _out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    for folder in &args.runs {
        // Before the first run there is no folder of runs yet.
        let is_default = folder == Path::new("runs");
        let shown = folder.display();
        ensure!(is_default || folder.is_dir(), "{shown}: expected a folder with runs, found none");
    }
    let stop = stop_on_signal()?;
    args.serve.serve(args.serve.place()?, args.runs.clone(), None)?;
    served::stay(&stop);
    Ok(ExitCode::SUCCESS)
}
