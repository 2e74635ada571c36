//! A sweep whose trials are trained by several processes, each trial by one.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use diagnostics::chain;
use events::{Command, Event};
use serde::{Deserialize, Serialize};
use train::tune::{HelperNews, TrialHelpers, TrialTask, TrialTrainer};
use train::{Observer, Trainer};

use crate::messages::Mailbox;

/// How long a process without a trial waits before it looks for one again.
const PERIOD: Duration = Duration::from_millis(5);

/// From the first process to the others.
#[derive(Serialize, Deserialize)]
enum TrialOrder {
    Train(TrialTask),
    End,
}

/// The processes of a cluster besides the first, as those that train trials of its sweep.
#[derive(Debug)]
pub struct RemoteHelpers {
    mailbox: Arc<dyn Mailbox>,
    free: Vec<usize>,
    busy: usize,
    /// Those that were not told to stop.
    n_helpers: usize,
}

impl RemoteHelpers {
    /// The processes of ranks 1 to `size` - 1, each of which calls [`help`].
    pub fn new(mailbox: Arc<dyn Mailbox>, size: usize) -> Self {
        Self { mailbox, free: (1..size).rev().collect(), busy: 0, n_helpers: size - 1 }
    }

    fn order(&self, to: usize, order: &TrialOrder) {
        self.mailbox.send(to, &serde_json::to_vec(order).expect("plain values"));
    }
}

impl TrialHelpers for RemoteHelpers {
    fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    fn give(&mut self, task: TrialTask) {
        let rank = self.free.pop().expect("one is free");
        self.order(rank, &TrialOrder::Train(task));
        self.busy += 1;
    }

    fn news(&mut self) -> Option<HelperNews> {
        let (rank, message) = self.mailbox.receive()?;
        self.busy -= 1;
        let news = serde_json::from_slice(&message).expect("written by another process");
        Some(match news {
            HelperNews::Found(_) => {
                self.free.push(rank);
                news
            }
            HelperNews::Failed(message) => HelperNews::Failed(format!("rank {rank}: {message}")),
            HelperNews::Interrupted => news,
        })
    }

    fn busy(&self) -> usize {
        self.busy
    }

    fn stop(&mut self) {
        for rank in 1..=std::mem::take(&mut self.n_helpers) {
            self.order(rank, &TrialOrder::End);
        }
    }
}

impl Drop for RemoteHelpers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Trains the trials that the first process gives, until it says that there are no more.
pub fn help(mailbox: &dyn Mailbox, trials: &mut TrialTrainer<'_>, observer: &mut dyn Observer) {
    loop {
        match order(mailbox) {
            Some(TrialOrder::End) => return,
            None => thread::sleep(PERIOD),
            Some(TrialOrder::Train(task)) => {
                let mut until = UntilEnd { mailbox, is_over: false };
                let news = match trials.train(task, &mut [&mut until, observer]) {
                    Ok(Some(result)) => HelperNews::Found(result),
                    Ok(None) => HelperNews::Interrupted,
                    Err(error) => HelperNews::Failed(chain(&error)),
                };
                mailbox.send(0, &serde_json::to_vec(&news).expect("plain values"));
                if until.is_over {
                    return;
                }
            }
        }
    }
}

fn order(mailbox: &dyn Mailbox) -> Option<TrialOrder> {
    let (_, message) = mailbox.receive()?;
    Some(serde_json::from_slice(&message).expect("written by the first process"))
}

/// Stops a trial when the first process says so.
struct UntilEnd<'m> {
    mailbox: &'m dyn Mailbox,
    is_over: bool,
}

impl Observer for UntilEnd<'_> {
    fn event(&mut self, _event: &Event, _trainer: &Trainer) {}

    fn command(&mut self, _is_paused: bool) -> Option<Command> {
        self.is_over |= order(self.mailbox).is_some();
        self.is_over.then_some(Command::Stop)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use data::{Dataset, Features, Targets};
    use graph::Pool;
    use runs::tune::{SweepRecord, Tuning};
    use runs::{DataSpec, ExperimentError, Parts, Split};
    use train::tune::{Sweep, SweepEnd, SweepInputs, SweepObserver};

    use super::*;

    const TEXT: &str = r#"
        data = { source = "memory", validation = 0.25 }
        model = { input = [2], layers = [{ kind = "linear", units = 4 }, "relu", { kind = "linear", units = 2 }] }
        train = { batch = 20, steps = 40, evaluate_every = 10 }

        [tune]
        trials = 7
        method = { kind = "successive_halving", factor = 2 }
        "train.schedule.learning_rate" = { log = [1e-4, 1e-1] }
    "#;

    fn open(data: &DataSpec) -> Result<Parts, ExperimentError> {
        let features: Vec<f32> = (0..100).map(|i| (i * 37 % 101) as f32 / 100.0).collect();
        let values = features.chunks(2).map(|pair| u32::from(pair[0] > pair[1])).collect();
        let targets = Targets::Labels { values, classes: 2 };
        let train = Dataset::new("pairs", [2], Features::F32(features), targets).unwrap();
        let targets = Targets::Labels { values: vec![0], classes: 2 };
        let test = Dataset::new("one", [2], Features::F32(vec![0.015, 0.5]), targets).unwrap();
        data.prepare(Split { train, test })
    }

    fn inputs() -> SweepInputs<'static> {
        SweepInputs { open_data: &open, pool: Pool::new(1).into(), memory_limit: None }
    }

    #[derive(Debug)]
    struct Channels {
        rank: usize,
        to: Vec<Sender<(usize, Vec<u8>)>>,
        received: Mutex<Receiver<(usize, Vec<u8>)>>,
    }

    impl Mailbox for Channels {
        fn send(&self, to: usize, message: &[u8]) {
            self.to[to].send((self.rank, message.to_vec())).unwrap();
        }

        fn receive(&self) -> Option<(usize, Vec<u8>)> {
            self.received.lock().unwrap().try_recv().ok()
        }
    }

    fn mailboxes(n: usize) -> Vec<Channels> {
        let (to, received): (Vec<_>, Vec<_>) = (0..n).map(|_| channel()).unzip();
        let received = received.into_iter().map(Mutex::new).enumerate();
        received.map(|(rank, received)| Channels { rank, to: to.clone(), received }).collect()
    }

    /// Stops after so many steps.
    struct StopAfter(u64);

    impl Observer for StopAfter {
        fn event(&mut self, event: &Event, _trainer: &Trainer) {
            if matches!(event, Event::StepFinished(_)) {
                self.0 = self.0.saturating_sub(1);
            }
        }

        fn command(&mut self, _is_paused: bool) -> Option<Command> {
            (self.0 == 0).then_some(Command::Stop)
        }
    }

    impl SweepObserver for StopAfter {}

    /// Runs or continues a sweep with `n` processes.
    fn run(path: &Path, n: usize, steps: u64) -> (SweepEnd, SweepRecord) {
        run_stopping(path, n, steps, u64::MAX)
    }

    /// As [`run`], with helpers that stop after so many steps.
    fn run_stopping(path: &Path, n: usize, steps: u64, of_helpers: u64) -> (SweepEnd, SweepRecord) {
        let tuning = Tuning::parse("pairs.toml", TEXT).unwrap();
        let mut sweep = match SweepRecord::is_in(path) {
            true => Sweep::resume(path, inputs()).unwrap(),
            false => Sweep::create(tuning.clone(), inputs(), path).unwrap(),
        };
        let started = sweep.record().started.clone();
        let mut mailboxes = mailboxes(n).into_iter();
        let first = Arc::new(mailboxes.next().unwrap());
        thread::scope(|scope| {
            for mailbox in mailboxes {
                let (tuning, started) = (tuning.clone(), started.clone());
                scope.spawn(move || {
                    let mut trials = TrialTrainer::new(tuning, started, path, inputs());
                    help(&mailbox, &mut trials, &mut StopAfter(of_helpers));
                });
            }
            let mut helpers = RemoteHelpers::new(first, n);
            let end = sweep.run_with(&mut helpers, &mut [&mut StopAfter(steps)]).unwrap();
            drop(helpers);
            let mut record = sweep.record().clone();
            record.results.iter_mut().for_each(|result| result.seconds = 0.0);
            (end, record)
        })
    }

    #[test]
    fn any_number_of_processes_finds_the_same_stopped_or_not() {
        let runs = tempfile::tempdir().unwrap();
        let (end, alone) = run(&runs.path().join("alone"), 1, u64::MAX);
        assert_eq!((end, alone.results.len()), (SweepEnd::Completed, 7 + 3 + 1));
        for n in [2, 3, 9] {
            let (end, record) = run(&runs.path().join(format!("of-{n}")), n, u64::MAX);
            assert_eq!((end, record.ranked()), (SweepEnd::Completed, alone.ranked()));
        }
        let stopped = runs.path().join("stopped");
        let mut n_stops = 0;
        let record = loop {
            let (end, record) = run(&stopped, 1 + n_stops % 3, 25);
            if end == SweepEnd::Completed {
                break record;
            }
            n_stops += 1;
            assert!(n_stops < 100);
        };
        assert_eq!(record.ranked(), alone.ranked());
        assert!(n_stops > 1);
    }

    #[test]
    fn a_helper_that_is_stopped_stops_the_sweep_which_continues_later() {
        let runs = tempfile::tempdir().unwrap();
        let (_, alone) = run(&runs.path().join("alone"), 1, u64::MAX);
        let stopped = runs.path().join("stopped");
        let (end, record) = run_stopping(&stopped, 3, u64::MAX, 25);
        assert_eq!(end, SweepEnd::Interrupted);
        assert!(record.results.len() < alone.results.len());
        let (end, record) = run(&stopped, 2, u64::MAX);
        assert_eq!((end, record.ranked()), (SweepEnd::Completed, alone.ranked()));
    }
}
