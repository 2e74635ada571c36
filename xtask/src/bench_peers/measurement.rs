//! A measurement: rounds of runs, one contestant after the other, which can be stopped and resumed.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use super::contestant::Contestant;
use super::hold::{Held, Hold};
use super::run::{self, Conditions, Outcome, Run};
use super::{BenchPeersArgs, Programs, RUNS};
use crate::{machine, process};

/// A measurement in progress.
pub(super) struct PeerMeasurement<'a> {
    /// All runs, finished ones of other measurements included.
    pub(super) runs: Vec<Run>,
    hold: Hold,
    contestants: &'a [Contestant],
    programs: &'a Programs,
    args: &'a BenchPeersArgs,
    conditions: Conditions,
    started: String,
    /// How each contestant is held, by name, or why it is left out.
    held: BTreeMap<&'static str, Result<Held, String>>,
    begin: Instant,
    /// After this time no run begins.
    limit: Duration,
}

impl<'a> PeerMeasurement<'a> {
    /// Checks that every contestant obeys the instruction set.
    ///
    /// # Errors
    ///
    /// If there is none to resume, or the time cannot be read.
    pub(super) fn start(
        runs: Vec<Run>,
        hold: Hold,
        contestants: &'a [Contestant],
        programs: &'a Programs,
        args: &'a BenchPeersArgs,
    ) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let limit = Duration::try_from_secs_f64(60.0 * args.minutes).context("--minutes")?;
        let conditions = Conditions {
            machine: machine::name(),
            isa: hold.isa,
            rounds: args.rounds.get(),
            seconds: args.seconds,
            threads: args.threads.get(),
        };
        let earlier = run::newest(&runs, &conditions).filter(|_| args.resume).map(str::to_owned);
        ensure!(
            !args.resume || earlier.is_some(),
            "--resume: no measurement of {} with --isa {} --rounds {} --seconds {} --threads {} in {RUNS}",
            conditions.machine,
            hold.isa.name(),
            conditions.rounds,
            conditions.seconds,
            conditions.threads
        );
        let started = match earlier {
            Some(started) => started,
            None => now()?,
        };
        let mut held = BTreeMap::new();
        for contestant in contestants {
            let found = match &programs[&contestant.folder] {
                Ok(program) => {
                    contestant.check(program, hold, args).map_err(|error| format!("{error:#}"))
                }
                Err(reason) => Err(reason.clone()),
            };
            let told = match &found {
                Ok(held) => &held.found,
                Err(reason) => &format!("left out, {reason}"),
            };
            eprintln!("{}, {}: {told}", hold.isa.title(), contestant.name);
            held.insert(contestant.name, found);
        }
        Ok(Self {
            runs,
            hold,
            contestants,
            programs,
            args,
            conditions,
            started,
            held,
            begin,
            limit,
        })
    }

    /// Alternates between the contestants on one network. One that fails is skipped in the other rounds.
    ///
    /// # Errors
    ///
    /// If the time is over, or the runs cannot be written.
    pub(super) fn measure(&mut self, network: &str) -> anyhow::Result<()> {
        for round in 1..=self.args.rounds.get() {
            let missing = self.contestants.iter();
            let missing = missing.filter(|contestant| !self.is_done(network, contestant, round));
            let missing: Vec<&Contestant> = missing.collect();
            if missing.is_empty() {
                continue;
            }
            let other_work = machine::busy_share()?;
            for contestant in missing {
                ensure!(
                    self.begin.elapsed() < self.limit,
                    "the {} minutes are over before {network}, round {round}, {}: continue with --resume",
                    self.args.minutes,
                    contestant.name
                );
                let run = self.run(network, contestant, round, other_work);
                let told = match &run.outcome {
                    Outcome::Figures(figures) => {
                        format!("{:.0} samples/s", figures.samples_per_second)
                    }
                    Outcome::Failure(reason) => format!("left out, {reason}"),
                };
                eprintln!("{network}, round {round}, {}: {told}", contestant.name);
                run::add(&mut self.runs, run);
                run::write(RUNS, &self.runs)?;
            }
        }
        Ok(())
    }

    /// Whether this measurement has the run, or an earlier round has failed.
    fn is_done(&self, network: &str, contestant: &Contestant, round: usize) -> bool {
        run::is_done(&self.runs, (&self.conditions, &self.started), network, contestant.name, round)
    }

    fn run(&self, network: &str, contestant: &Contestant, round: usize, other_work: f64) -> Run {
        let outcome = match (&self.held[contestant.name], &self.programs[&contestant.folder]) {
            (Ok(_), Ok(program)) => match contestant.run(program, network, self.hold, self.args) {
                Ok(figures) => Outcome::Figures(figures),
                Err(error) => Outcome::Failure(format!("{error:#}")),
            },
            (Err(reason), _) | (_, Err(reason)) => Outcome::Failure(reason.clone()),
        };
        Run {
            network: network.to_owned(),
            contestant: contestant.name.to_owned(),
            conditions: self.conditions.clone(),
            started: self.started.clone(),
            round,
            held: self.held[contestant.name].clone().ok(),
            other_work,
            outcome,
        }
    }
}

/// The time in UTC.
fn now() -> anyhow::Result<String> {
    let time = process::read(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]))?;
    Ok(time.trim().to_owned())
}
