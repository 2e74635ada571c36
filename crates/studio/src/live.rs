//! The link between a training run and the studio in the same process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::Command;
use runs::SavedModel;

use crate::lock;

/// Commands that may wait. A person does not send more.
const MAX_WAITING: usize = 64;

/// How long a paused run waits for a command before it checks whether it is to end.
const COMMAND_TIMEOUT: Duration = Duration::from_millis(50);

/// A run that this process trains: the side of the studio.
#[derive(Debug)]
pub struct LiveRun {
    pub(crate) folder: PathBuf,
    commands: SyncSender<Command>,
    shared: Arc<LiveState>,
}

/// A run that this process trains: the side of the trainer.
#[derive(Debug)]
pub struct LiveLink {
    commands: Receiver<Command>,
    shared: Arc<LiveState>,
}

/// A copy of the model older than this is not current.
const FRESH: Duration = Duration::from_millis(500);

/// The model of a run at one of its steps.
#[derive(Clone, Debug)]
pub(crate) struct ModelAtStep {
    pub(crate) step: u64,
    pub(crate) model: Arc<SavedModel>,
}

#[derive(Debug, Default)]
struct LiveState {
    /// Whether the studio has the copy of the model that it wanted. False at first, so that there is one.
    is_served: AtomicBool,
    model: Mutex<Option<(Instant, ModelAtStep)>>,
    changed: Condvar,
}

/// Links the run in `folder` to the studio.
pub fn live(folder: &Path) -> (LiveRun, LiveLink) {
    let (sender, commands) = sync_channel(MAX_WAITING);
    let shared = Arc::<LiveState>::default();
    let run = LiveRun { folder: folder.to_owned(), commands: sender, shared: Arc::clone(&shared) };
    (run, LiveLink { commands, shared })
}

impl LiveLink {
    /// The next command to the run. With `may_wait`, waits a moment for one.
    pub fn command(&self, may_wait: bool) -> Option<Command> {
        if !may_wait {
            return self.commands.try_recv().ok();
        }
        let command = self.commands.recv_timeout(COMMAND_TIMEOUT);
        if command == Err(RecvTimeoutError::Disconnected) {
            // Without a studio, a paused run may still be ended by a signal.
            std::thread::sleep(COMMAND_TIMEOUT);
        }
        command.ok()
    }

    /// Provides a copy of the model after `step`, if the studio wants a new one.
    pub fn offer(&self, step: u64, model: impl FnOnce() -> SavedModel) {
        if !self.shared.is_served.swap(true, Ordering::Relaxed) {
            self.hand_out(step, model());
        }
    }

    /// Provides a copy of the model after `step`, before a pause.
    pub fn hand_out(&self, step: u64, model: SavedModel) {
        let model = ModelAtStep { step, model: Arc::new(model) };
        *lock(&self.shared.model) = Some((Instant::now(), model));
        self.shared.changed.notify_all();
    }
}

impl LiveRun {
    /// Sends a command to the run. Returns false if the run has ended or too many commands wait.
    pub(crate) fn send(&self, command: Command) -> bool {
        self.commands.try_send(command).is_ok()
    }

    /// The model as it was a moment ago. If the last copy is older, waits once: a run that is paused or over provides none.
    pub(crate) fn model(&self) -> Option<ModelAtStep> {
        let shared = &*self.shared;
        let last = lock(&shared.model);
        let was_served = shared.is_served.swap(false, Ordering::Relaxed);
        let is_old = |last: &mut Option<(Instant, ModelAtStep)>| {
            was_served && last.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH)
        };
        let waited = shared.changed.wait_timeout_while(last, FRESH, is_old);
        let (last, _) = waited.unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(_, model)| model.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_arrive_in_order_and_too_many_are_refused() {
        let (run, link) = live("here".as_ref());
        assert_eq!(link.command(false), None);
        let accepted = (0..1000).filter(|_| run.send(Command::Step)).count();
        assert_eq!(accepted, MAX_WAITING);
        assert_eq!(link.command(true), Some(Command::Step));
        assert!(run.send(Command::Stop), "there is space again");
        let received: Vec<_> = std::iter::from_fn(|| link.command(false)).collect();
        assert_eq!((received.len(), received.last()), (MAX_WAITING, Some(&Command::Stop)));
        drop(link);
        assert!(!run.send(Command::Pause), "the run has ended");
    }

    #[test]
    fn a_model_is_copied_only_if_the_studio_wants_it() {
        let text = "data = { source = 'memory' }\ntrain = { steps = 1 }\n\
            model = { input = [2], layers = [{ kind = 'linear', units = 1 }] }";
        let experiment = runs::Experiment::parse("small.toml", text).unwrap();
        let transforms = crate::testing::of_numbers(2, 1);
        let model = || SavedModel {
            experiment: experiment.clone(),
            transforms: Arc::clone(&transforms),
            parameters: vec![0.0; 3],
            running_statistics: Vec::new(),
        };
        let (run, link) = live("here".as_ref());
        let step = || run.model().map(|model| model.step);
        link.offer(1, model);
        link.offer(2, || panic!("no copy is wanted"));
        assert_eq!(step(), Some(1));
        link.offer(3, model);
        link.offer(4, || panic!("no copy is wanted again"));
        assert_eq!(step(), Some(3));
        link.hand_out(5, model());
        assert_eq!(step(), Some(5));
    }
}
