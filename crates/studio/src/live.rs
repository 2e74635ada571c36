//! The link between a run and the studio that shows it, within one process.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::Command;
use runs::SavedModel;

/// Commands that may wait to be heard. More come only from someone who does not look at what happens.
const MOST_WAITING: usize = 64;

/// How long a paused run waits for a command before it looks whether something else wants it to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// A run in progress in this process, as the server sees it.
#[derive(Debug)]
pub struct LiveRun {
    folder: PathBuf,
    commands: SyncSender<Command>,
    shared: Arc<LiveState>,
}

/// The same run, as whoever trains sees it.
#[derive(Debug)]
pub struct LiveLink {
    commands: Receiver<Command>,
    shared: Arc<LiveState>,
}

/// A network that was handed out longer ago is not the one that learns.
const FRESH: Duration = Duration::from_millis(500);

/// The network of a run at one of its steps.
#[derive(Clone, Debug)]
pub(crate) struct ModelAtStep {
    pub(crate) step: u64,
    pub(crate) model: Arc<SavedModel>,
}

#[derive(Debug)]
struct LiveState {
    /// At first, so that there is a network to look at.
    is_wanted: AtomicBool,
    snapshot: Mutex<Option<(Instant, ModelAtStep)>>,
    changed: Condvar,
}

/// Links a run that is kept in `folder` to the studio.
pub fn live(folder: &Path) -> (LiveRun, LiveLink) {
    let (sender, commands) = sync_channel(MOST_WAITING);
    let shared = Arc::new(LiveState {
        is_wanted: AtomicBool::new(true),
        snapshot: Mutex::default(),
        changed: Condvar::new(),
    });
    let run = LiveRun { folder: folder.to_owned(), commands: sender, shared: Arc::clone(&shared) };
    (run, LiveLink { commands, shared })
}

impl LiveLink {
    /// What someone asks of the run. With `may_wait`, it is waited for a little.
    pub fn command(&self, may_wait: bool) -> Option<Command> {
        if !may_wait {
            return self.commands.try_recv().ok();
        }
        match self.commands.recv_timeout(PATIENCE) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // The studio is gone, but whoever paused the run may still end it from outside.
                std::thread::sleep(PATIENCE);
                None
            }
        }
    }

    /// Hands out the network as it is after `step`, if someone has looked at it since the last time.
    pub fn offer(&self, step: u64, model: impl FnOnce() -> SavedModel) {
        if self.shared.is_wanted.swap(false, Ordering::Relaxed) {
            self.hand_out(step, model());
        }
    }

    /// Hands out the network as it is after `step`, before nothing changes for a while.
    pub fn hand_out(&self, step: u64, model: SavedModel) {
        let snapshot = ModelAtStep { step, model: Arc::new(model) };
        let mut last = self.shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Instant::now(), snapshot));
        self.shared.changed.notify_all();
    }
}

impl LiveRun {
    /// The folder of the run.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Asks something of the run. Returns whether it will be heard: not after its end.
    pub(crate) fn send(&self, command: Command) -> bool {
        match self.commands.try_send(command) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// The network as it was a moment ago. If it is older, the trainer is asked for the next one, and it is waited
    /// for a little, but only once: a run that is paused or over has no newer one.
    pub(crate) fn snapshot(&self) -> Option<ModelAtStep> {
        let shared = &*self.shared;
        let lock = shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        let was_wanted = shared.is_wanted.swap(true, Ordering::Relaxed);
        let is_old = |last: &mut Option<(Instant, ModelAtStep)>| {
            !was_wanted && last.as_ref().is_none_or(|(at, _)| at.elapsed() > FRESH)
        };
        let waited = shared.changed.wait_timeout_while(lock, FRESH, is_old);
        let (last, _) = waited.unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(_, snapshot)| snapshot.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_heard_in_order_and_a_flood_is_refused() {
        let (run, link) = live("here".as_ref());
        assert_eq!(link.command(false), None);
        let accepted = (0..1000).filter(|_| run.send(Command::Step)).count();
        assert_eq!(accepted, MOST_WAITING);
        assert_eq!(link.command(true), Some(Command::Step));
        assert!(run.send(Command::Stop), "the channel has capacity again");
        let heard: Vec<_> = std::iter::from_fn(|| link.command(false)).collect();
        assert_eq!((heard.len(), heard.last()), (MOST_WAITING, Some(&Command::Stop)));
        drop(link);
        assert!(!run.send(Command::Pause), "nobody listens any more");
    }

    #[test]
    fn a_network_is_copied_only_when_someone_looks() {
        let text = "data = { source = 'memory' }\ntrain = { steps = 1 }\n\
            model = { input = [2], layers = [{ linear = { units = 1 } }] }";
        let experiment = runs::Experiment::parse("small.toml", text).unwrap();
        let model = || SavedModel {
            experiment: experiment.clone(),
            outputs: 1,
            parameters: vec![0.0; 3],
            running_statistics: Vec::new(),
        };
        let (run, link) = live("here".as_ref());
        let step = || run.snapshot().map(|snapshot| snapshot.step);
        link.offer(1, model);
        link.offer(2, || panic!("nobody has looked"));
        assert_eq!(step(), Some(1));
        link.offer(3, model);
        link.offer(4, || panic!("nobody has looked again"));
        assert_eq!(step(), Some(3));
        link.hand_out(5, model());
        assert_eq!(step(), Some(5));
    }
}
