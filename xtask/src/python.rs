//! Virtual environments of Python.

use std::num::NonZeroU64;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::process;

/// Timeout of an installation in seconds.
const PATIENCE: NonZeroU64 = NonZeroU64::new(3600).expect("not 0");

/// The Python of the virtual environment in `folder`, with the packages of a requirements file: made or completed if
/// necessary. Delete the folder to get newer releases.
///
/// # Errors
///
/// If Python or the network is missing, or something does not install.
pub(crate) fn environment(folder: &Path, requirements: &str) -> anyhow::Result<String> {
    let scratch = tempfile::tempdir()?;
    let run = |command: &mut Command| process::read_within(command, PATIENCE, scratch.path());
    let python = folder.join("bin/python");
    if !python.exists() {
        eprintln!("making {}", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--no-cache-dir", "--requirement"];
    run(Command::new(&python).args(install).arg(requirements))?;
    python.into_os_string().into_string().ok().context("a path in UTF-8")
}
