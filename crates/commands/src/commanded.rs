//! Commands to a run from standard input.

use std::io::{self, BufRead, Read as _, Write as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use gradus::events::Command;

use crate::output::stderr;

/// Commands that may wait.
const MAX_WAITING: usize = 64;
/// The longest line.
const MAX_LINE: u64 = 4096;
/// How long a paused run waits for a command before it checks whether it is to end.
const PERIOD: Duration = Duration::from_millis(50);

/// The commands of standard input, a line each.
#[derive(Debug)]
pub(crate) struct InputCommands(Receiver<Command>);

impl InputCommands {
    /// Begins to read.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, received) = sync_channel(MAX_WAITING);
        let reading = thread::Builder::new().name("commands".into());
        reading.spawn(move || {
            if let Err(error) = read(&mut io::stdin().lock(), &sender) {
                say(&error);
            }
        })?;
        Ok(Self(received))
    }

    /// The next command. With `is_paused` waits a moment for one; if none can come any more, that is to continue.
    pub(crate) fn next(&self, is_paused: bool) -> Option<Command> {
        if !is_paused {
            return self.0.try_recv().ok();
        }
        match self.0.recv_timeout(PERIOD) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Unpause),
        }
    }
}

/// Passes on the commands of all lines.
fn read(input: &mut impl BufRead, sender: &SyncSender<Command>) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let n_bytes = input.take(MAX_LINE).read_until(b'\n', &mut line)?;
        if n_bytes == 0 {
            break;
        }
        if n_bytes as u64 == MAX_LINE && !line.ends_with(b"\n") {
            let why =
                format!("line {number}: expected less than {MAX_LINE} bytes; no more is read");
            return Err(io::Error::other(why));
        }
        match Command::parse(&line) {
            Ok(command) if sender.try_send(command).is_ok() => {}
            Ok(_) => say(&format_args!(
                "line {number}: {MAX_WAITING} commands wait already; this one is left out"
            )),
            Err(error) => say(&format_args!("line {number}: {error}")),
        }
    }
    Ok(())
}

fn say(problem: &dyn std::fmt::Display) {
    // Nobody may listen.
    let _ = writeln!(stderr(), "warning: standard input: {problem}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(text: &str) -> (io::Result<()>, Vec<Command>) {
        let (sender, received) = sync_channel(MAX_WAITING);
        let ended = read(&mut text.as_bytes(), &sender);
        (ended, received.try_iter().collect())
    }

    #[test]
    fn every_line_is_a_command_and_what_is_not_one_is_left_out() {
        let text = "{\"command\":\"pause\"}\nhalt\n\n{\"command\":\"set_learning_rate\",\"learning_rate\":-1}\n{\"command\":\"stop\"}";
        let (ended, found) = commands(text);
        assert_eq!((ended.is_ok(), found), (true, vec![Command::Pause, Command::Stop]));
        let (ended, found) = commands(&"{\"command\":\"step\"}\n".repeat(1000));
        assert_eq!((ended.is_ok(), found.len()), (true, MAX_WAITING));
    }

    #[test]
    fn a_line_without_end_ends_reading() {
        let (ended, found) =
            commands(&("{\"command\":\"step\"}\n".to_owned() + &"x".repeat(1 << 20)));
        let message = ended.unwrap_err().to_string();
        assert_eq!(message, "line 2: expected less than 4096 bytes; no more is read");
        assert_eq!(found, [Command::Step]);
    }

    #[test]
    fn a_paused_run_continues_when_no_command_can_come() {
        let (sender, received) = sync_channel(1);
        let input = InputCommands(received);
        assert_eq!(input.next(true), None);
        sender.send(Command::Step).unwrap();
        assert_eq!(input.next(true), Some(Command::Step));
        drop(sender);
        assert_eq!((input.next(false), input.next(true)), (None, Some(Command::Unpause)));
    }
}
