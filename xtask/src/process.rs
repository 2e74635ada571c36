//! Runs other programs, and quotes those that fail.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// The time between two looks at a process that has run for so long: a hundredth of it, by which a timing may err, and at
/// least a millisecond.
fn pause(ran: Duration) -> Duration {
    (ran / 100).clamp(Duration::from_millis(1), Duration::from_millis(100))
}

/// Whether a program can be started.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
}

/// A folder of the user's cache: for what is large or of others, and for all copies of the repository.
///
/// # Errors
///
/// If the user has no home.
pub(crate) fn cache(name: &str) -> anyhow::Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("gradus").join(name))
}

/// Runs a command to its end; input and output are the terminal.
///
/// # Errors
///
/// If it cannot start or fails; the message is the command as one would type it.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot start: {}", quote(command)))?;
    ensure!(status.success(), "failed with {status}: {}", quote(command));
    Ok(())
}

/// Runs a command to its end and returns what it wrote to its standard output.
///
/// # Errors
///
/// As [`run`], and if the output is not UTF-8.
pub(crate) fn read(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start: {}", quote(command)))?;
    ensure!(output.status.success(), "failed with {}: {}", output.status, quote(command));
    String::from_utf8(output.stdout)
        .with_context(|| format!("output is not UTF-8: {}", quote(command)))
}

/// Runs a command and returns its standard output, but kills it after `limit_secs` seconds, with its children.
/// `scratch` is a folder for its output. Only program, arguments, variables and folder of the command are used.
///
/// # Errors
///
/// The reason in one line; for exit code 1, the last line of the standard error.
pub(crate) fn read_within(
    command: &Command,
    limit_secs: NonZeroU64,
    scratch: &Path,
) -> anyhow::Result<String> {
    read_watched(command, limit_secs, scratch, &mut |_| {})
}

/// As [`read_within`], and calls `watch` with the id of the process from time to time while it runs.
///
/// # Errors
///
/// As [`read_within`].
pub(crate) fn read_watched(
    command: &Command,
    limit_secs: NonZeroU64,
    scratch: &Path,
    watch: &mut dyn FnMut(u32),
) -> anyhow::Result<String> {
    // Files take any amount of output, and a child that keeps one open delays nothing.
    let [out, err] = ["stdout.txt", "stderr.txt"].map(|name| scratch.join(name));
    let file = |path: &Path| File::create(path).with_context(|| path.display().to_string());
    let begin = Instant::now();
    let mut limited = Command::new("timeout");
    limited
        .args(["--signal=KILL", &limit_secs.to_string()])
        .arg(command.get_program())
        .args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let mut child = limited
        .stdin(Stdio::null())
        .stdout(file(&out)?)
        .stderr(file(&err)?)
        .spawn()
        .context("cannot start: timeout")?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        only_child(child.id()).into_iter().for_each(&mut *watch);
        thread::sleep(pause(begin.elapsed()));
    };
    let is_late = begin.elapsed().as_secs() >= limit_secs.get();
    ensure!(status.success() || !is_late, "killed after {limit_secs} s");
    let text = |path: &Path| -> anyhow::Result<String> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    if !status.success() {
        bail!(reason(status, &text(&err)?));
    }
    text(&out)
}

/// The process that `timeout` runs.
fn only_child(id: u32) -> Option<u32> {
    fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?.trim().parse().ok()
}

/// Why a command failed, from what it wrote to its standard error.
fn reason(status: ExitStatus, err: &str) -> String {
    /// Letters that fit into a line.
    const MOST: usize = 200;
    let last = err.lines().map(str::trim).rfind(|line| !line.is_empty());
    let line: String = last.unwrap_or("without a message").chars().take(MOST).collect();
    if status.code() == Some(1) { line } else { format!("{status}: {line}") }
}

/// The command as one would type it: variables, program, arguments.
pub(crate) fn quote(command: &Command) -> String {
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quote_word(value?))));
    let words = std::iter::once(command.get_program()).chain(command.get_args()).map(quote_word);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quote_word(word: &OsStr) -> String {
    let word = word.display().to_string();
    if word.contains(' ') { format!("\"{word}\"") } else { word }
}

/// The target this machine compiles for, such as `x86_64-unknown-linux-gnu`.
pub(crate) fn host_target() -> anyhow::Result<String> {
    let version = read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV: no line `host:`")?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_quotes_the_command_as_one_would_type_it() {
        let mut command = Command::new("no-such-program");
        let error = run(command.arg("two words").env("FLAGS", "-D warnings")).unwrap_err();
        let expected = r#"cannot start: FLAGS="-D warnings" no-such-program "two words""#;
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_command_is_read_or_killed_or_told_why_it_failed() {
        let scratch = tempfile::tempdir().unwrap();
        let read = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let limit = NonZeroU64::new(1).unwrap();
            read_within(&command, limit, scratch.path()).map_err(|error| error.to_string())
        };
        let long = format!("printf '%0300d' 0 >&2; exit 1; # {}", "x".repeat(10));
        let zeros = "0".repeat(200);
        let cases: [(&str, Result<&str, &str>); 6] = [
            ("echo first; echo last; echo aside >&2", Ok("first\nlast\n")),
            ("sleep 60 & sleep 60", Err("killed after 1 s")),
            ("echo trace >&2; echo 'no such layer' >&2; echo >&2; exit 1", Err("no such layer")),
            ("exit 3", Err("exit status: 3: without a message")),
            ("kill -SEGV $$", Err("signal: 11 (SIGSEGV): without a message")),
            (&long, Err(&zeros)),
        ];
        for (script, expected) in cases {
            assert_eq!(read(script).as_deref().map_err(|error| &**error), expected, "{script}");
        }
    }

    #[test]
    fn a_process_is_watched_with_its_variables() {
        let scratch = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ $WORD; sleep 0.5"]).env("WORD", "told");
        let mut seen = Vec::new();
        let limit = NonZeroU64::new(9).unwrap();
        let output = read_watched(&command, limit, scratch.path(), &mut |id| seen.push(id));
        let id = seen[0];
        assert_eq!(output.unwrap(), format!("{id} told\n"));
        assert!(seen.iter().all(|&other| other == id), "{seen:?}");
    }
}
