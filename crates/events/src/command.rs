//! Commands to a run in progress.

use serde::{Deserialize, Serialize};

/// A command to a run in progress, obeyed between two steps.
///
/// ```
/// use gradus_events::Command;
///
/// assert_eq!(Command::parse(br#"{"command":"pause"}"#)?, Command::Pause);
/// let slower = Command::parse(br#"{"command":"set_learning_rate","learning_rate":0.0001}"#)?;
/// assert_eq!(slower, Command::SetLearningRate { learning_rate: Some(0.0001) });
/// # Ok::<(), gradus_events::ParseError>(())
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
