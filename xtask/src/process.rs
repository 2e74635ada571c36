//! Other programs: started, waited for, and quoted when they fail.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Runs a command to its end, with our own terminal as its input and output.
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
        .with_context(|| format!("printed no UTF-8: {}", quote(command)))
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
}
