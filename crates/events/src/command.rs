//! What can be asked of a run while it goes on.

use serde::{Deserialize, Serialize};

/// What someone who watches a run asks of it. Heard between two steps.
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
    /// Wait after the step that is being done.
    Pause,
    /// Go on.
    Resume,
    /// Do one step and wait.
    Step,
    /// Go on to the end of the epoch and wait.
    Epoch,
    /// End the run.
    Stop,
    /// Use this learning rate from the next step on.
    SetLearningRate {
        /// The learning rate, above 0; none to follow the schedule again.
        learning_rate: Option<f64>,
    },
}
