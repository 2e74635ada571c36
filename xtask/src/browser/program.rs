//! The binary `gradus` as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::Context as _;

/// A process that serves pages.
pub(crate) struct ServingProcess {
    child: Child,
    /// Kept open: a process whose messages are not read would block.
    _messages: std::thread::JoinHandle<()>,
    /// The printed link.
    pub(crate) link: String,
    /// The read-only link, if the address is reachable from the network.
    pub(super) viewers: Option<String>,
}

impl ServingProcess {
    /// Starts `gradus` with these arguments in `folder`, and waits for its link.
    pub(crate) fn start(binary: &Path, folder: &Path, words: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(binary)
            .args(words)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut messages = BufReader::new(child.stderr.take().context("no standard error")?);
        let link = link(&mut messages, "page ")?;
        let is_open = words.iter().any(|word| word.starts_with("0.0.0.0"));
        let viewers = is_open.then(|| self::link(&mut messages, "read-only ")).transpose()?;
        let drain = move || messages.lines().map_while(Result::ok).for_each(drop);
        Ok(Self { child, _messages: std::thread::spawn(drain), link, viewers })
    }

    /// Sends the signal of Ctrl-C and returns the exit code.
    pub(super) fn interrupt(mut self) -> anyhow::Result<Option<i32>> {
        let pid = self.child.id().to_string();
        crate::process::run(Command::new("kill").args(["-TERM", &pid]))?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for ServingProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The link after this label.
fn link(messages: &mut BufReader<ChildStderr>, words: &str) -> anyhow::Result<String> {
    let mut said = String::new();
    loop {
        let begin = said.len();
        anyhow::ensure!(messages.read_line(&mut said)? > 0, "gradus printed no link, but {said:?}");
        if let Some(link) = said[begin..].trim().strip_prefix(words) {
            return Ok(link.trim().to_owned());
        }
    }
}
