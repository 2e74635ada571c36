//! Files of finished runs, a JSON line each.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The lines of a file; none if it does not exist.
///
/// # Errors
///
/// If it cannot be read, or the first line that is not of this type.
pub(crate) fn read<R: DeserializeOwned>(file: impl AsRef<Path>) -> anyhow::Result<Vec<R>> {
    let file = file.as_ref();
    let named = || file.display().to_string();
    let text = match fs::read_to_string(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.with_context(named)?,
    };
    let run =
        |(i, line)| serde_json::from_str(line).with_context(|| format!("{}:{}", named(), i + 1));
    text.lines().enumerate().map(run).collect()
}

/// Adds a line to a file.
///
/// # Errors
///
/// If it cannot be written.
pub(crate) fn append(file: &str, run: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(run)? + "\n";
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut to| to.write_all(line.as_bytes())).with_context(|| file.to_owned())
}
