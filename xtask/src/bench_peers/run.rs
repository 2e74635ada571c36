//! A run of a contestant on a network, and the file with all runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::hold::{Held, PeerIsa};

/// One run: a line of `bench/results.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) network: String,
    /// Its name in the tables.
    pub(super) contestant: String,
    pub(super) conditions: Conditions,
    /// The start of the measurement that it belongs to, such as `2026-05-01T12:00:00Z`.
    pub(super) started: String,
    pub(super) round: usize,
    /// `None` if it could not be held.
    pub(super) held: Option<Held>,
    /// The load of the processor by other processes before the round, in 0..=1.
    pub(super) other_work: f64,
    pub(super) outcome: Outcome,
}

/// Conditions of a run besides network and contestant.
#[derive(Clone, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(super) struct Conditions {
    /// Name of the processor.
    pub(super) machine: String,
    pub(super) isa: PeerIsa,
    pub(super) rounds: usize,
    pub(super) seconds: f64,
    pub(super) threads: usize,
}

/// The outcome of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Figures(Figures),
    /// The reason of a failure, in one line.
    Failure(String),
}

/// The output of a contestant. Unknown fields are ignored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Version of the framework.
    #[serde(default)]
    pub(super) version: String,
    /// The instruction set that the framework says it uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) isa: Option<String>,
    /// Training samples per second.
    pub(super) samples_per_second: f64,
    /// From the start of the process to the end of the first step.
    pub(super) startup_seconds: Option<f64>,
    /// Peak resident memory during training.
    pub(super) peak_rss_bytes: Option<u64>,
    /// Duration of a call for each batch size; empty for a contestant without inference.
    #[serde(default)]
    pub(super) inference_seconds: BTreeMap<u32, f64>,
    /// Training FLOP/s as a fraction of the processor's peak; Gradus only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fraction_of_peak: Option<f64>,
}

impl Run {
    /// The figures of a run that succeeded.
    pub(super) fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Figures(figures) => Some(figures),
            Outcome::Failure(_) => None,
        }
    }

    /// Machine, instruction set and number of threads: only figures with the same ones are compared.
    pub(super) fn place(&self) -> (&str, PeerIsa, usize) {
        self.conditions.place()
    }

    /// Whether it is of the same contestant on the same network.
    fn is_of_same(&self, other: &Self) -> bool {
        (&self.network, &self.contestant) == (&other.network, &other.contestant)
    }
}

impl Conditions {
    fn place(&self) -> (&str, PeerIsa, usize) {
        (&self.machine, self.isa, self.threads)
    }
}

/// The start of the newest measurement under these conditions.
pub(super) fn newest<'a>(runs: &'a [Run], conditions: &Conditions) -> Option<&'a str> {
    let same = runs.iter().filter(|run| run.conditions == *conditions);
    same.map(|run| &*run.started).max()
}

/// Whether a measurement, with its conditions and start, has this run, or an earlier round of it has failed.
pub(super) fn is_done(
    runs: &[Run],
    measurement: (&Conditions, &str),
    network: &str,
    contestant: &str,
    round: usize,
) -> bool {
    let mut of_same = runs.iter().filter(|run| {
        (&run.conditions, &*run.started) == measurement
            && (&*run.network, &*run.contestant) == (network, contestant)
    });
    of_same.any(|run| run.round == round || run.figures().is_none())
}

/// Adds a run in place of those of earlier measurements at the same place of the same contestant and network.
pub(super) fn add(runs: &mut Vec<Run>, new: Run) {
    let is_replaced = |old: &Run| {
        old.is_of_same(&new) && old.place() == new.place() && old.started != new.started
    };
    runs.retain(|old| !is_replaced(old));
    runs.push(new);
    let key = |run: &Run| {
        let machine = (run.conditions.isa, run.conditions.machine.clone(), run.conditions.threads);
        let network = (run.network.len(), run.network.clone());
        (machine, network, run.contestant.clone(), run.round)
    };
    runs.sort_by_cached_key(key);
}

/// The runs of each instruction set that one table may show: those of the newest place at which every contestant ran
/// that ran anywhere, on every network; if there is none, of the place with most of them.
pub(super) fn of_one_place(runs: &[Run]) -> BTreeMap<PeerIsa, Vec<Run>> {
    let mut places: BTreeMap<_, Vec<&Run>> = BTreeMap::new();
    for run in runs {
        places.entry(run.place()).or_default().push(run);
    }
    let rank = |runs: &[&Run]| {
        let pairs: BTreeSet<_> = runs.iter().map(|run| (&run.network, &run.contestant)).collect();
        (pairs.len(), runs.iter().map(|run| run.started.clone()).max())
    };
    let mut best: BTreeMap<PeerIsa, Vec<&Run>> = BTreeMap::new();
    for ((_, isa, _), runs) in places {
        if best.get(&isa).is_none_or(|old| rank(old) < rank(&runs)) {
            best.insert(isa, runs);
        }
    }
    best.into_iter().map(|(isa, runs)| (isa, runs.into_iter().cloned().collect())).collect()
}

/// Writes all runs atomically.
///
/// # Errors
///
/// If the file cannot be written.
pub(super) fn write(file: &str, runs: &[Run]) -> anyhow::Result<()> {
    let lines: Vec<String> = runs.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    let neighbour = format!("{file}.tmp");
    fs::write(&neighbour, lines.join("\n") + "\n").context(neighbour.clone())?;
    fs::rename(&neighbour, file).context(file.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A run with this speed.
    pub(crate) fn run(network: &str, contestant: &str, samples_per_second: f64) -> Run {
        let figures = Figures { version: "1.0".into(), samples_per_second, ..Figures::default() };
        with(network, contestant, Outcome::Figures(figures))
    }

    /// A run that failed.
    pub(crate) fn failure(network: &str, contestant: &str, reason: &str) -> Run {
        with(network, contestant, Outcome::Failure(reason.into()))
    }

    fn with(network: &str, contestant: &str, outcome: Outcome) -> Run {
        Run {
            network: network.into(),
            contestant: contestant.into(),
            conditions: Conditions {
                machine: "Xeon".into(),
                isa: PeerIsa::Avx512,
                rounds: 2,
                seconds: 3.0,
                threads: 2,
            },
            started: "2026-05-01T12:00:00Z".into(),
            round: 1,
            held: Some(Held { limit: "none".into(), found: "says so".into() }),
            other_work: 0.01,
            outcome,
        }
    }

    #[test]
    fn what_a_contestant_prints_is_read_and_kept() {
        let line = r#"{"version": "2.1", "samples_per_second": 5.5, "startup_seconds": 0.1,
            "peak_rss_bytes": 1000, "inference_seconds": {"1": 0.5, "1000": 2.0}, "threads": 2}"#;
        let figures: Figures = serde_json::from_str(line).unwrap();
        assert_eq!(figures.inference_seconds, BTreeMap::from([(1, 0.5), (1000, 2.0)]));
        let bare: Figures = serde_json::from_str(r#"{"samples_per_second": 5.5}"#).unwrap();
        assert_eq!((bare.samples_per_second, bare.startup_seconds), (5.5, None));

        let all = [with("w1", "A", Outcome::Figures(figures)), failure("w2", "A", "too slow")];
        for run in all {
            let kept = serde_json::to_string(&run).unwrap();
            assert_eq!(serde_json::from_str::<Run>(&kept).unwrap(), run, "{kept}");
        }
    }

    /// The run of another measurement.
    fn later(mut run: Run, started: &str) -> Run {
        run.started = started.into();
        run
    }

    /// The run on another machine.
    pub(crate) fn on(mut run: Run, machine: &str) -> Run {
        run.conditions.machine = machine.into();
        run
    }

    #[test]
    fn a_new_run_replaces_those_of_its_contestant_network_and_place_only() {
        let other_isa = |mut run: Run| {
            run.conditions.isa = PeerIsa::Avx2;
            run
        };
        let kept = [
            other_isa(run("w1", "A", 6.0)),
            on(run("w1", "A", 5.0), "Epyc"),
            run("w1", "B", 3.0),
            run("w2", "A", 4.0),
        ];
        let mut runs = vec![run("w1", "A", 1.0), run("w1", "A", 2.0)];
        runs.extend(kept.clone());
        let mut new = later(failure("w1", "A", "gone"), "2026-06-01");
        add(&mut runs, new.clone());
        let expected = |new: &[Run]| {
            let [isa, machine, contestant, network] = kept.clone();
            [&[isa, machine], new, &[contestant, network]].concat()
        };
        assert_eq!(runs, expected(&[new.clone()]));
        // The next round of the same measurement stands beside it.
        let first = new.clone();
        new.round = 2;
        add(&mut runs, new.clone());
        assert_eq!(runs, expected(&[first, new]));
    }

    #[test]
    fn a_measurement_is_resumed_under_its_own_conditions_only() {
        let mut threads = later(run("w1", "A", 1.0), "2026-08-01");
        threads.conditions.threads = 1;
        let others = [threads, later(on(run("w1", "A", 1.0), "Epyc"), "2026-07-01")];
        let conditions = run("w1", "A", 1.0).conditions;
        assert_eq!(newest(&others, &conditions), None);
        let mine = ["2026-05-01", "2026-06-01"].map(|date| later(run("w1", "A", 1.0), date));
        assert_eq!(newest(&[others, mine].concat(), &conditions), Some("2026-06-01"));
    }

    #[test]
    fn what_a_stopped_measurement_has_done_is_not_done_again() {
        let runs = [run("w1", "A", 1.0), failure("w1", "B", "gone"), run("w2", "A", 1.0)];
        let conditions = &runs[0].conditions;
        let is_done = |started: &str, network: &str, contestant: &str, round| {
            is_done(&runs, (conditions, started), network, contestant, round)
        };
        let started = &*runs[0].started;
        assert!(is_done(started, "w1", "A", 1) && !is_done(started, "w1", "A", 2));
        assert!(is_done(started, "w1", "B", 2), "what failed is skipped");
        assert!(!is_done(started, "w2", "B", 1) && !is_done("2026-06-01", "w1", "A", 1));
    }

    #[test]
    fn a_table_is_of_the_newest_machine_on_which_all_ran() {
        let shown = |runs: &[Run]| {
            let shown = of_one_place(runs);
            shown[&PeerIsa::Avx512].iter().map(|run| run.conditions.machine.clone()).collect()
        };
        let old = [run("w1", "Gradus", 1.0), run("w1", "A", 2.0)];
        let part = later(on(run("w1", "Gradus", 3.0), "Epyc"), "2026-06-01");
        let machines: Vec<String> = shown(&[&old[..], std::slice::from_ref(&part)].concat());
        assert_eq!(machines, ["Xeon", "Xeon"]);
        // As soon as the other one is measured there too, it is that machine.
        let rest = later(on(failure("w1", "A", "gone"), "Epyc"), "2026-06-01");
        let machines: Vec<String> = shown(&[&old[..], &[part, rest]].concat());
        assert_eq!(machines, ["Epyc", "Epyc"]);
    }

    #[test]
    fn instruction_sets_have_tables_of_their_own() {
        let mut narrow = run("w1", "A", 1.0);
        narrow.conditions.isa = PeerIsa::Avx2;
        let shown = of_one_place(&[narrow.clone(), run("w1", "A", 2.0)]);
        assert_eq!(shown[&PeerIsa::Avx2], [narrow]);
        assert_eq!(shown[&PeerIsa::Avx512], [run("w1", "A", 2.0)]);
    }
}
