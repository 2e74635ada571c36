//! Who takes part, and how one run of it is measured.

use std::process::Command;

use anyhow::Context as _;
use serde_json::Value;

use super::Args;
use crate::process;

/// A program that trains one of the networks and prints its speed.
pub(super) struct Contestant {
    /// As the table calls it.
    pub(super) name: &'static str,
    /// As the program itself gives it, once it has run.
    pub(super) version: String,
    /// The command up to the name of the network.
    pub(super) command: Vec<String>,
    /// What follows the name, besides `--threads` and `--seconds`.
    pub(super) options: &'static [&'static str],
}

impl Contestant {
    /// Gradus itself, built for release.
    pub(super) fn gradus() -> Self {
        Self {
            name: "Gradus",
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: vec!["target/release/gradus".to_owned(), "bench".to_owned()],
            options: &["--json"],
        }
    }

    /// Trains the network once and returns the samples per second.
    ///
    /// # Errors
    ///
    /// If the program fails, or its last line has no speed.
    pub(super) fn samples_per_second(&mut self, network: &str, args: &Args) -> anyhow::Result<f64> {
        let output = process::read(
            Command::new(&self.command[0])
                .args(&self.command[1..])
                .arg(network)
                .args(["--threads", &args.threads.to_string()])
                .args(["--seconds", &args.seconds.to_string()])
                .args(self.options),
        )?;
        let report = last_line(&output)?;
        if let Some(version) = report["version"].as_str() {
            self.version = version.to_owned();
        }
        report["samples_per_second"].as_f64().context("its last line has no samples_per_second")
    }
}

/// The JSON object a contestant prints last.
fn last_line(output: &str) -> anyhow::Result<Value> {
    let line = output.lines().next_back().context("it printed nothing")?;
    serde_json::from_str(line).with_context(|| format!("its last line is not JSON: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_is_read() {
        let report = last_line("warming up\n{\"samples_per_second\": 2.5}\n").unwrap();
        assert_eq!(report["samples_per_second"], 2.5);
        assert!(last_line("").is_err());
        assert!(last_line("{}\ndone").unwrap_err().to_string().ends_with("not JSON: done"));
    }
}
