//! The binary `gradus`, started as one would type it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};

use anyhow::Context as _;

/// A program that serves pages.
pub(crate) struct Program {
    child: Child,
    /// Kept open: a program whose messages nobody takes would wait for ever.
    _messages: std::thread::JoinHandle<()>,
    /// The link that it printed.
    pub(crate) link: String,
    /// The link for those who may only look, if others in the network can.
    pub(super) viewers: Option<String>,
}

impl Program {
    /// Starts `gradus` with these words, in `folder`, and waits for its link.
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
        let viewers = is_open.then(|| self::link(&mut messages, "for viewers ")).transpose()?;
        let drain = move || messages.lines().map_while(Result::ok).for_each(drop);
        Ok(Self { child, _messages: std::thread::spawn(drain), link, viewers })
    }

    /// Asks it to end, as Ctrl-C does, and returns its exit code.
    pub(super) fn interrupt(mut self) -> anyhow::Result<Option<i32>> {
        let pid = self.child.id().to_string();
        crate::process::run(Command::new("kill").args(["-INT", &pid]))?;
        Ok(self.child.wait()?.code())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The link behind these words.
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
