//! Commands to a run in progress.

use serde::{Deserialize, Serialize};

use crate::json::in_line;

/// The largest learning rate that is not a typing error.
const MAX_RATE: f64 = 1e6;

/// A command to a run in progress, obeyed between two steps.
///
/// ```
/// use gradus_events::Command;
///
/// assert_eq!(Command::parse(br#"{"command":"pause"}"#)?, Command::Pause);
/// let slower = Command::parse(br#"{"command":"set_learning_rate","learning_rate":0.0001}"#)?;
/// assert_eq!(slower, Command::SetLearningRate { learning_rate: Some(0.0001) });
///
/// let error = Command::parse(br#"{"command":"set_learning_rate","learning_rate":0}"#).unwrap_err();
/// assert_eq!(error.to_string(), "learning_rate: expected above 0 and at most 1000000, found 0");
/// # Ok::<(), gradus_events::CommandError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Command {
    /// Wait after the current step.
    Pause,
    /// Continue after a pause.
    Unpause,
    /// Do one step and wait.
    Step,
    /// Continue to the end of the epoch and pause.
    Epoch,
    /// End the run.
    Stop,
    /// Use this learning rate from the next step on.
    SetLearningRate {
        /// The learning rate, above 0; `None` to follow the schedule again.
        learning_rate: Option<f64>,
    },
}

/// Why a text is not a command.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CommandError(String);

impl Command {
    /// Reads a command from its text form.
    ///
    /// # Errors
    ///
    /// For everything that is not a command, and for a learning rate of 0, below, or far above all that are used.
    pub fn parse(text: &[u8]) -> Result<Self, CommandError> {
        let command = serde_json::from_slice(text.trim_ascii());
        let command =
            command.map_err(|error| CommandError(format!("not a command: {}", in_line(&error))))?;
        match command {
            Self::SetLearningRate { learning_rate: Some(rate) }
                if !(rate > 0.0 && rate <= MAX_RATE) =>
            {
                let expected = format!("expected above 0 and at most {MAX_RATE}");
                Err(CommandError(format!("learning_rate: {expected}, found {rate}")))
            }
            command => Ok(command),
        }
    }
}
