//! `gradus serve` as a process.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use anyhow::Context as _;

use super::TOKEN;
use crate::process;

/// A server that is killed when this is dropped.
pub(super) struct ServedModels {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Drop for ServedModels {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl ServedModels {
    /// Serves models, each by a name and a path.
    pub(super) fn start(
        binary: &Path,
        address: &str,
        models: &[(&str, &Path)],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(binary);
        command.args(["serve", "--addr", address]).env("GRADUS_TOKEN", TOKEN);
        for (name, path) in models {
            let mut model = OsString::from(format!("{name}="));
            model.push(path);
            command.arg(model);
        }
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("stderr")?).lines();
        let mut said = String::new();
        let address = loop {
            let line = lines.next().with_context(|| format!("it ended: {said}"))??;
            let found = line.split_once("http://").and_then(|(_, rest)| rest.split('/').next());
            if let Some(address) = found {
                break address.parse().with_context(|| line.clone())?;
            }
            said += &(line + "\n");
        };
        // What it says later, such as reloads.
        thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| eprintln!("server: {line}"))
        });
        Ok(Self { child, address })
    }

    /// Asks it to stop, and waits for its end.
    pub(super) fn stop(mut self) -> anyhow::Result<ExitStatus> {
        process::run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        Ok(self.child.wait()?)
    }
}
