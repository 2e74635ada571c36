//! What was measured of several processes, a line each, and the page that is made of it.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};
use gradus::kernels::Isa;
use serde::{Deserialize, Serialize};

use super::cost::ExchangeCost;
use super::measured::{
    Compared, ExchangeTime, HostStep, Place, RankStep, ScalingMeasurement, SpeedPair,
};
use crate::table::{NOTHING, median, median_interval, replaced, short};
use crate::{json_lines, machine, process};

const RUNS: &str = "bench/processes.jsonl";
const PAGE: &str = "docs/scaling.md";
/// Bits a second of the networks of the curve.
const NETWORK_SPEEDS: [f64; 2] = [1e9, 1e10];

/// A line of the file.
#[derive(Clone, Serialize, Deserialize)]
struct ScalingRun {
    #[serde(flatten)]
    conditions: ScalingConditions,
    commit: String,
    #[serde(flatten)]
    measured: ScalingMeasurement,
}

/// Only what was measured under the same conditions is compared, and continues what was begun.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct ScalingConditions {
    machine: String,
    isa: String,
    /// What Git calls the sources of the crates.
    crates: String,
}

/// What was measured under the same conditions.
pub(super) struct ScalingRuns {
    conditions: ScalingConditions,
    commit: String,
    runs: Vec<ScalingMeasurement>,
}

/// A table; none if nothing of it was measured.
type MakeTable = fn(&ScalingRuns) -> Option<String>;

impl ScalingRuns {
    /// Reads what was measured of these crates on this machine.
    ///
    /// # Errors
    ///
    /// If the sources are not committed, or the file cannot be read.
    pub(super) fn open() -> anyhow::Result<Self> {
        let git = |args: &[&str]| process::read(Command::new("git").args(args));
        let changed = git(&["status", "--porcelain", "crates"])?;
        ensure!(changed.is_empty(), "expected committed sources, found changed ones:\n{changed}");
        let conditions = ScalingConditions {
            machine: machine::name(),
            isa: Isa::current().name().to_owned(),
            crates: git(&["rev-parse", "--short=12", "HEAD:crates"])?.trim().to_owned(),
        };
        let commit = git(&["rev-parse", "--short", "HEAD"])?.trim().to_owned();
        let mut all = Self::of_crates(&conditions.crates)?.into_iter();
        let runs = all.find(|runs| runs.conditions == conditions).map(|runs| runs.runs);
        Ok(Self { runs: runs.unwrap_or_default(), conditions, commit })
    }

    /// What was measured of some crates, on each machine with each instruction set; `commit` is that of the first.
    fn of_crates(crates: &str) -> anyhow::Result<Vec<Self>> {
        let mut all: Vec<Self> = Vec::new();
        for ScalingRun { conditions, commit, measured } in json_lines::read(RUNS)? {
            if conditions.crates != crates {
                continue;
            }
            match all.iter_mut().find(|runs| runs.conditions == conditions) {
                Some(runs) => runs.runs.push(measured),
                None => all.push(Self { conditions, commit, runs: vec![measured] }),
            }
        }
        Ok(all)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, measured: ScalingMeasurement) -> anyhow::Result<()> {
        let (conditions, commit) = (self.conditions.clone(), self.commit.clone());
        json_lines::append(RUNS, &ScalingRun { conditions, commit, measured: measured.clone() })?;
        self.runs.push(measured);
        Ok(())
    }

    pub(super) fn exchanges(&self, place: Place) -> Vec<ExchangeTime> {
        let of = |run: &ScalingMeasurement| match run {
            ScalingMeasurement::Exchange(time) if time.place == place => Some(*time),
            _ => None,
        };
        self.runs.iter().filter_map(of).collect()
    }

    pub(super) fn pairs(&self, compared: Compared, network: &str, batch: usize) -> Vec<SpeedPair> {
        let all = self.all_pairs(compared);
        all.filter(|pair| (&*pair.network, pair.batch) == (network, batch)).cloned().collect()
    }

    fn all_pairs(&self, compared: Compared) -> impl Iterator<Item = &SpeedPair> {
        self.runs.iter().filter_map(move |run| match run {
            ScalingMeasurement::Pair(pair) if pair.compared == compared => Some(pair),
            _ => None,
        })
    }

    pub(super) fn host_steps(&self) -> impl Iterator<Item = &HostStep> {
        self.runs.iter().filter_map(|run| match run {
            ScalingMeasurement::HostStep(step) => Some(step),
            _ => None,
        })
    }

    pub(super) fn rank_steps(&self) -> impl Iterator<Item = &RankStep> {
        self.runs.iter().filter_map(|run| match run {
            ScalingMeasurement::RankStep(step) => Some(step),
            _ => None,
        })
    }

    /// Writes the tables of the page of which something was measured of these crates, for each machine and instruction set.
    ///
    /// # Errors
    ///
    /// If the page cannot be read or written, or what was measured cannot be read.
    pub(super) fn write_page(&self) -> anyhow::Result<()> {
        let mut page = fs::read_to_string(PAGE).context(PAGE)?;
        let all = Self::of_crates(&self.conditions.crates)?;
        let tables: [(_, MakeTable); 5] = [
            ("exchanges", Self::exchange_table),
            ("processes", Self::process_table),
            ("shards", Self::shard_table),
            ("hosts", Self::host_table),
            ("curve", Self::curve_table),
        ];
        for (name, table) in tables {
            let titled = |runs: &Self| {
                let ScalingConditions { machine, isa, .. } = &runs.conditions;
                Some(format!("{machine}, {isa}, commit {}\n\n{}", runs.commit, table(runs)?))
            };
            let shown: Vec<_> = all.iter().filter_map(titled).collect();
            if !shown.is_empty() {
                page = replaced(&page, &format!("<!-- {name} -->\n"), &shown.join("\n"))?;
            }
        }
        fs::write(PAGE, page).context(PAGE)
    }

    fn exchange_table(&self) -> Option<String> {
        let places = [Place::OneMachine, Place::Hosts(2), Place::Hosts(3), Place::Hosts(4)];
        let times = places.map(|place| self.exchanges(place));
        let costs = times.each_ref().map(|times| ExchangeCost::fitted(times));
        let longest = times.iter().max_by_key(|times| times.len())?;
        let mut table = "| bytes | 2 processes of one machine, µs | 2 hosts, µs | 3 hosts | 4 hosts |\n|---|---|---|---|---|\n".to_owned();
        for (row, ExchangeTime { bytes, .. }) in longest.iter().enumerate() {
            let _ = write!(table, "| {bytes:.0} |");
            for (times, cost) in times.iter().zip(&costs) {
                let cell = times.get(row).zip(cost.as_ref()).map(|(time, cost)| {
                    let [measured, model] = [time.seconds, cost.seconds(*bytes)];
                    format!("{} ({})", short(1e6 * measured), short(1e6 * model))
                });
                let _ = write!(table, " {} |", cell.as_deref().unwrap_or(NOTHING));
            }
            table.push('\n');
        }
        let mut row = |name: &str, value: &dyn Fn(&ExchangeCost) -> f64| {
            let cell = |cost: &Option<ExchangeCost>| {
                cost.as_ref().map_or(NOTHING.to_owned(), |cost| short(value(cost)))
            };
            let _ = writeln!(table, "| {name} | {} |", costs.each_ref().map(cell).join(" | "));
        };
        row("fitted: µs for each", &|cost| 1e6 * cost.latency);
        row("fitted: ns a byte", &|cost| 1e9 * cost.seconds_per_byte);
        (!longest.is_empty()).then_some(table)
    }

    fn process_table(&self) -> Option<String> {
        let times = self.exchanges(Place::OneMachine);
        let mut table = "| network | batch | one process, samples/s | two processes | ratio | step, ms | gradient, kB | exchange, ms | bound of the ratio | ratio to the bound |\n|---|---|---|---|---|---|---|---|---|---|\n".to_owned();
        let rows = self.ratios(Compared::Processes, |ratio, table| {
            let bytes = 4.0 * ratio.pair.parameters;
            let (step, exchange) =
                (ratio.pair.batch as f64 / ratio.one, interpolated(&times, bytes));
            let bound = step / (step + exchange);
            let _ = writeln!(
                table,
                "| {} | {} | {} | {:.3} | {:.3} |",
                short(1e3 * step),
                short(bytes / 1e3),
                short(1e3 * exchange),
                bound,
                ratio.median / bound
            );
        })?;
        table.push_str(&rows);
        Some(table)
    }

    fn shard_table(&self) -> Option<String> {
        let mut table = "| network | batch | one shard, samples/s | 8 shards | ratio |\n|---|---|---|---|---|\n".to_owned();
        table.push_str(&self.ratios(Compared::Shards, |_, table| table.push_str("|\n"))?);
        Some(table)
    }

    /// A row for each network and batch that were compared, whose last cells `end` writes.
    fn ratios(&self, compared: Compared, end: impl Fn(&Ratio<'_>, &mut String)) -> Option<String> {
        let mut table = String::new();
        let mut shown = Vec::new();
        for pair in self.all_pairs(compared) {
            let key = (&*pair.network, pair.batch);
            if shown.contains(&key) {
                continue;
            }
            shown.push(key);
            let ratio = Ratio::new(pair, &self.pairs(compared, key.0, key.1))?;
            let Ratio { one, more, median, interval: [low, high], .. } = ratio;
            let _ = write!(
                table,
                "| {} | {} | {} | {} | {median:.3} ({low:.3} to {high:.3}) ",
                key.0.to_uppercase(),
                key.1,
                short(one),
                short(more)
            );
            end(&ratio, &mut table);
        }
        (!shown.is_empty()).then_some(table)
    }

    fn host_table(&self) -> Option<String> {
        let mut table = "| network | batch | one host, ms | 4 hosts, ms | model, ms | exchanges of a step |\n|---|---|---|---|---|---|\n".to_owned();
        let mut steps = self.host_steps().peekable();
        steps.peek()?;
        for step in steps {
            let HostStep { preset, batch, alone, together, messages, hosts, .. } = step;
            let cost = ExchangeCost::fitted(&self.exchanges(Place::Hosts(*hosts)))?;
            let _ = writeln!(
                table,
                "| {preset} | {batch} | {} | {} | {} | {} |",
                short(1e3 * alone),
                short(1e3 * together),
                short(1e3 * step.model(&cost)),
                short(*messages)
            );
        }
        Some(table)
    }

    fn curve_table(&self) -> Option<String> {
        let cost = ExchangeCost::fitted(&self.exchanges(Place::Hosts(2)))?;
        let mut table = "| network | ranks | samples of each | its step, ms | exchange at 1 Gbit/s, ms | at 10 Gbit/s | speed at 1 Gbit/s | at 10 Gbit/s |\n|---|---|---|---|---|---|---|---|\n".to_owned();
        let mut rows = self.rank_steps().peekable();
        rows.peek()?;
        for RankStep { preset, ranks, samples, seconds } in rows {
            let step = self.host_steps().find(|step| step.preset == *preset)?;
            let first = |run: &&RankStep| run.preset == *preset && run.ranks == 1;
            let alone = self.rank_steps().find(first)?.seconds;
            let exchanges = NETWORK_SPEEDS
                .map(|speed| cost.of_step(*ranks, 4.0 * step.parameters, step.messages, speed));
            let [slow, fast] = exchanges.map(|exchange| short(1e3 * exchange));
            let [slow_speed, fast_speed] =
                exchanges.map(|exchange| format!("{:.1}", alone / (seconds + exchange)));
            let _ = writeln!(
                table,
                "| {preset} | {ranks} | {samples} | {} | {slow} | {fast} | {slow_speed} | {fast_speed} |",
                short(1e3 * seconds)
            );
        }
        Some(table)
    }
}

/// What pairs of runs say.
struct Ratio<'p> {
    pair: &'p SpeedPair,
    one: f64,
    more: f64,
    median: f64,
    /// With a confidence of 95 %.
    interval: [f64; 2],
}

impl<'p> Ratio<'p> {
    fn new(pair: &'p SpeedPair, all: &[SpeedPair]) -> Option<Self> {
        let of = |value: fn(&SpeedPair) -> f64| all.iter().map(value).collect::<Vec<_>>();
        let ratios = of(|pair| pair.more / pair.one);
        Some(Self {
            pair,
            one: median(&of(|pair| pair.one))?,
            more: median(&of(|pair| pair.more))?,
            median: median(&ratios)?,
            interval: median_interval(&ratios)?,
        })
    }
}

/// The time of an exchange of `bytes`, between those that were measured; not a number if there are none.
fn interpolated(times: &[ExchangeTime], bytes: f64) -> f64 {
    let after = times.iter().position(|time| time.bytes >= bytes).unwrap_or(times.len()).max(1);
    let (Some(low), Some(high)) = (times.get(after - 1), times.get(after)) else { return f64::NAN };
    let share = (bytes - low.bytes) / (high.bytes - low.bytes);
    low.seconds + share * (high.seconds - low.seconds)
}
