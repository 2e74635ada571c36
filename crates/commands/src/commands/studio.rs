//! `studio`: browse all runs.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{anyhow, ensure};
use gradus::lessons::{Language, LessonError, open_state};

use crate::dropped;
use crate::served::{self, ServeArgs};
use crate::signal::stop_on_signal;

/// Browse finished runs, and runs in progress in other processes, on web pages; a table or a folder of pictures as a ZIP that is
/// dropped on the page of all runs is trained on, as by `gradus train --data`.
///
/// Serves until Ctrl-C. Exits 0 on Ctrl-C, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct StudioArgs {
    /// Run directories, and directories that contain run directories [default: runs]; or the state of a lesson to
    /// open, such as '#lesson=chain-rule&apple=100'.
    #[arg(value_name = "RUNS")]
    runs: Vec<PathBuf>,

    #[command(flatten)]
    serve: ServeArgs,
}

pub(crate) fn run(args: &StudioArgs, _out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let is_state = |argument: &&PathBuf| argument.to_string_lossy().starts_with('#');
    let (states, folders): (Vec<&PathBuf>, Vec<&PathBuf>) = args.runs.iter().partition(is_state);
    ensure!(states.len() < 2, "expected the state of one lesson, found {}", states.len());
    let state = states.first().map(|state| state.to_string_lossy());
    if let Some(state) = &state {
        // A damaged state is said here, not on a page.
        let opened = open_state(state, Language::default());
        opened.map_err(|mistakes| anyhow!(LessonError::Mistakes(mistakes)))?;
    }
    for folder in &folders {
        let shown = folder.display();
        ensure!(folder.is_dir(), "{shown}: expected a directory with runs, found none");
    }
    let folders = match folders.is_empty() {
        // The default directory does not exist before the first run.
        true => vec![PathBuf::from("runs")],
        false => folders.into_iter().cloned().collect(),
    };
    let stop = stop_on_signal()?;
    let uploads = Some(dropped::uploads(&folders[0]));
    let fragment = state.as_deref().unwrap_or_default();
    args.serve.serve(args.serve.bind()?, folders, None, uploads, fragment)?;
    served::stay(&stop);
    Ok(ExitCode::SUCCESS)
}
