//! A run of several processes: all obey the same commands at the same steps, and what they exchange is measured.

use std::sync::Arc;
use std::time::Instant;

use events::{Command, Event, Part, ProcessMeasured, ProcessesMeasured};
use graph::ProcessGroup;
use train::{Observer, Trainer};

use crate::messages::gather_texts;
use crate::traffic::{MeasuredGroup, Traffic};

/// Bytes of a command with its length.
const SLOT: usize = 128;

/// Passes the events of a run on to the observers of this process, and shares the commands that they give with all
/// processes of the group: each has one of these.
///
/// Between two steps the processes exchange what their observers ask for, and all obey the first of it, by rank. With each
/// evaluation the observers are told what all processes have exchanged: [`Event::ProcessesMeasured`].
pub struct SharedRun<'o> {
    group: Arc<MeasuredGroup>,
    host: String,
    observers: Vec<&'o mut dyn Observer>,
    begin: (Instant, Traffic),
}

impl<'o> SharedRun<'o> {
    /// The run of a process on the machine `host`.
    pub fn new(
        group: Arc<MeasuredGroup>,
        host: impl Into<String>,
        observers: Vec<&'o mut dyn Observer>,
    ) -> Self {
        let begin = (Instant::now(), group.traffic());
        Self { group, host: host.into(), observers, begin }
    }

    fn tell(&mut self, event: &Event, trainer: &Trainer) {
        self.observers.iter_mut().for_each(|observer| observer.event(event, trainer));
    }

    /// What all processes have exchanged, the same in each.
    fn measured(&self, trainer: &Trainer) -> ProcessesMeasured {
        let ((begin, before), now) = (self.begin, self.group.traffic());
        let shards = trainer.current().experiment.train.shards;
        let group: &dyn ProcessGroup = &*self.group;
        let own = ProcessMeasured {
            host: self.host.clone(),
            threads: trainer.threads(),
            shards: group.shares(shards)[group.rank()].len(),
            seconds: begin.elapsed().as_secs_f64(),
            exchange_seconds: now.seconds - before.seconds,
            messages: now.messages - before.messages,
            bytes: now.bytes - before.bytes,
        };
        let own = serde_json::to_string(&own).expect("plain values");
        let all = gather_texts(group, &own);
        let read = |text: &String| serde_json::from_str(text).expect("written above");
        ProcessesMeasured { step: trainer.steps_done(), processes: all.iter().map(read).collect() }
    }
}

impl Observer for SharedRun<'_> {
    fn event(&mut self, event: &Event, trainer: &Trainer) {
        self.tell(event, trainer);
        // Of the parts that are evaluated, the test set is the last.
        if matches!(event, Event::EvaluationFinished(evaluation) if evaluation.part == Part::Test) {
            let measured = Event::ProcessesMeasured(self.measured(trainer));
            self.tell(&measured, trainer);
        }
    }

    fn between_steps(&mut self, trainer: &Trainer) {
        self.observers.iter_mut().for_each(|observer| observer.between_steps(trainer));
    }

    fn interrupted(&mut self, trainer: &Trainer) {
        self.observers.iter_mut().for_each(|observer| observer.interrupted(trainer));
    }

    fn command(&mut self, is_paused: bool) -> Option<Command> {
        let size = self.group.size();
        let mut slots = vec![0; SLOT * size];
        let mut observers = self.observers.iter_mut();
        if let Some(command) = observers.find_map(|observer| observer.command(is_paused)) {
            let text = serde_json::to_vec(&command).expect("plain values");
            let slot = &mut slots[SLOT * self.group.rank()..][..SLOT];
            slot[0] = u8::try_from(text.len()).expect("commands are short");
            slot[1..=text.len()].copy_from_slice(&text);
        }
        let parts: Vec<_> = (0..size).map(|rank| SLOT * rank..SLOT * (rank + 1)).collect();
        self.group.all_gather_bytes(&mut slots, &parts);
        let given = slots.chunks_exact(SLOT).find(|slot| slot[0] > 0)?;
        Command::parse(&given[1..=usize::from(given[0])]).ok()
    }
}

#[cfg(test)]
mod tests {
    use data::{Dataset, Features, Targets};
    use events::Reason;
    use graph::Pool;
    use graph::testing::thread_group::in_threads;
    use runs::{Experiment, Split};

    use super::*;

    /// Gives one command at a step, and keeps the events.
    #[derive(Default)]
    struct Commander {
        at: Option<(u64, Command)>,
        step: u64,
        events: Vec<Event>,
    }

    impl Observer for Commander {
        fn event(&mut self, event: &Event, trainer: &Trainer) {
            self.step = trainer.steps_done();
            self.events.push(event.clone());
        }

        fn command(&mut self, _is_paused: bool) -> Option<Command> {
            let (_, command) = self.at.take_if(|(at, _)| *at == self.step)?;
            Some(command)
        }
    }

    fn trainer(group: Arc<MeasuredGroup>) -> Trainer {
        let targets = Targets::Labels { values: vec![0, 1, 1, 0], classes: 2 };
        let features = Features::F32(vec![0., 0., 0., 1., 1., 0., 1., 1.]);
        let set = Dataset::new("xor", [2], features, targets).unwrap();
        let text = "data = { source = \"memory\" }\n[model]\ninput = [2]\nlayers = [{ kind = \"linear\", units = 2 }]\n[train]\nbatch = 4\nsteps = 50\nshards = 4";
        let experiment = Experiment::parse("xor.toml", text).unwrap();
        let split = Split { train: set.clone(), test: set };
        Trainer::in_group(experiment, split, Pool::new(1), 1 << 30, group).unwrap()
    }

    #[test]
    fn a_command_to_any_process_is_obeyed_by_all_at_the_same_step() {
        for commanded in 0..3 {
            let finished = in_threads(3, |group| {
                let rank = group.rank();
                let group = Arc::new(MeasuredGroup::new(group));
                let at = (rank == commanded).then_some((7, Command::Stop));
                let mut commander = Commander { at, ..Commander::default() };
                let observers: Vec<&mut dyn Observer> = vec![&mut commander];
                let mut run = SharedRun::new(Arc::clone(&group), "here", observers);
                trainer(group).run(None, &mut [&mut run])
            });
            for each in &finished {
                assert_eq!((&each.reason, each.summary.steps), (&Reason::Interrupted, 7));
                assert_eq!(each.summary.weights_digest, finished[0].summary.weights_digest);
            }
        }
    }

    #[test]
    fn every_evaluation_tells_what_all_have_exchanged() {
        let told = in_threads(3, |group| {
            let group = Arc::new(MeasuredGroup::new(group));
            let mut commander = Commander::default();
            let host = format!("host{}", group.rank());
            let mut run = SharedRun::new(Arc::clone(&group), host, vec![&mut commander]);
            trainer(group).run(None, &mut [&mut run]);
            let measured = |event| match event {
                Event::ProcessesMeasured(measured) => Some(measured),
                _ => None,
            };
            commander.events.into_iter().filter_map(measured).collect::<Vec<_>>()
        });
        assert_eq!((&told[0], &told[0]), (&told[1], &told[2]), "the same everywhere");
        let last = told[0].last().unwrap();
        assert_eq!((told[0][0].step, last.step), (0, 50));
        let of_processes =
            last.processes.iter().map(|each| (&*each.host, each.threads, each.shards));
        let expected = [("host0", 1, 1), ("host1", 1, 1), ("host2", 1, 2)];
        assert_eq!(of_processes.collect::<Vec<_>>(), expected);
        assert!(last.processes.iter().all(|each| each.messages > 100 && each.bytes > 0));
    }
}
