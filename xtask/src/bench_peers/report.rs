//! The results as a Markdown page.

use diagnostics::table::markdown;

use super::contestant::GRADUS;
use super::networks::BenchNetwork;
use super::run::{self, Figures, Outcome, Run};
use crate::table::{self, NOTHING, median, short};

/// Above this share of the processor, other work spoils the comparison: a thread that waits for its
/// neighbour at each op loses many times what it was robbed of.
const TOO_BUSY: f64 = 0.05;

const WARNING: &str = "\n**The machine was busy: these numbers are not a fair comparison.**\n";

/// The batch sizes of inference.
const BATCHES: [u32; 3] = [1, 100, 1000];

/// The page of all runs; `names` are the contestants, in the order of the tables.
pub(super) fn page(runs: &[Run], networks: &[BenchNetwork], names: &[&str]) -> String {
    let mut page = String::from(HEAD);
    let tables = run::of_one_place(runs);
    for network in networks {
        if tables.values().flatten().any(|run| run.network == network.name) {
            page += &format!("- {}: {}\n", network.name, network.about);
        }
    }
    for (isa, runs) in tables.iter().rev() {
        page += &format!("\n## {}\n", isa.title());
        page += &section(&Sheet::new(runs, networks, names));
    }
    page + "\n## Method\n\n" + METHOD
}

/// The tables of one instruction set.
fn section(sheet: &Sheet<'_>) -> String {
    let mut page = sheet.conditions();
    page += "\n### Training\n\nThousands of samples per second.\n\n";
    let speed = Quantity {
        of: &|figures| Some(figures.samples_per_second / 1e3),
        ratio: ("Gradus / fastest peer", |gradus, peer| gradus / peer),
        best: f64::max,
    };
    let mut rows = sheet.rows(&speed);
    rows.push(sheet.row("Gradus, fraction of peak", |network| {
        let shares = sheet.values(network, GRADUS.name, &|figures| figures.fraction_of_peak);
        median(&shares).map_or(String::new(), |share| format!("{:.0} %", 100.0 * share))
    }));
    page += &sheet.table(rows);
    page += "\nThe slowest and the fastest run:\n\n";
    page += &sheet.table(sheet.ranges(&speed));

    page += "\n### Inference\n";
    for batch in BATCHES {
        let samples = if batch == 1 { "one sample" } else { &format!("{batch} samples") };
        page += &format!("\nMicroseconds per call with {samples}.\n\n");
        let time = Quantity {
            of: &|figures| Some(1e6 * figures.inference_seconds.get(&batch)?),
            ratio: ("fastest peer / Gradus", |gradus, peer| peer / gradus),
            best: f64::min,
        };
        page += &sheet.table(sheet.rows(&time));
    }

    page +=
        "\n### Startup\n\nSeconds from the start of the process to the end of the first step.\n\n";
    page += &sheet.table(sheet.rows(&Quantity {
        of: &|figures| figures.startup_seconds,
        ratio: ("fastest peer / Gradus", |gradus, peer| peer / gradus),
        best: f64::min,
    }));
    page += "\n### Memory\n\nPeak resident memory of the process during training, in MB.\n\n";
    page += &sheet.table(sheet.rows(&Quantity {
        of: &|figures| Some(figures.peak_rss_bytes? as f64 / 1e6),
        ratio: ("smallest peer / Gradus", |gradus, peer| peer / gradus),
        best: f64::min,
    }));
    page + &sheet.limits() + &sheet.gaps_section()
}

/// Something that is measured.
struct Quantity<'a> {
    of: &'a dyn Fn(&Figures) -> Option<f64>,
    /// Name and value of Gradus against the best peer: above 1, Gradus is better.
    ratio: (&'a str, fn(f64, f64) -> f64),
    /// The better of two.
    best: fn(f64, f64) -> f64,
}

/// Contestants that failed in the same way on the same networks.
struct Gap<'a> {
    contestants: Vec<&'a str>,
    networks: Vec<&'a str>,
    reason: &'a str,
}

/// The runs, and what heads their rows and columns.
struct Sheet<'a> {
    runs: &'a [Run],
    networks: Vec<&'a BenchNetwork>,
    contestants: Vec<&'a str>,
    gaps: Vec<Gap<'a>>,
}

impl<'a> Sheet<'a> {
    fn new(runs: &'a [Run], networks: &'a [BenchNetwork], names: &[&'a str]) -> Self {
        let is_measured =
            |network: &&BenchNetwork| runs.iter().any(|run| run.network == network.name);
        let mut contestants = names.to_vec();
        // One that has left the registry keeps its rows.
        for run in runs {
            if !contestants.contains(&&*run.contestant) {
                contestants.push(&run.contestant);
            }
        }
        let networks = networks.iter().filter(is_measured).collect();
        let mut sheet = Self { runs, networks, contestants, gaps: Vec::new() };
        sheet.gaps = sheet.find_gaps();
        sheet
    }

    fn of(&self, network: &str, contestant: &str) -> impl Iterator<Item = &'a Run> {
        let is_of = move |run: &&Run| run.network == network && run.contestant == contestant;
        self.runs.iter().filter(is_of)
    }

    fn values(
        &self,
        network: &str,
        contestant: &str,
        of: &dyn Fn(&Figures) -> Option<f64>,
    ) -> Vec<f64> {
        self.of(network, contestant).filter_map(|run| of(run.figures()?)).collect()
    }

    fn find_gaps(&self) -> Vec<Gap<'a>> {
        let mut gaps: Vec<Gap<'a>> = Vec::new();
        for &contestant in &self.contestants {
            let mut own: Vec<Gap<'a>> = Vec::new();
            for network in &self.networks {
                for run in self.of(&network.name, contestant) {
                    let Outcome::Failure(reason) = &run.outcome else { continue };
                    match own.iter_mut().find(|gap| gap.reason == *reason) {
                        Some(gap) => gap.networks.push(&network.name),
                        None => own.push(Gap {
                            contestants: vec![contestant],
                            networks: vec![&network.name],
                            reason,
                        }),
                    }
                }
            }
            for gap in own {
                let is_same =
                    |old: &&mut Gap<'_>| (old.reason, &old.networks) == (gap.reason, &gap.networks);
                match gaps.iter_mut().find(is_same) {
                    Some(same) => same.contestants.push(contestant),
                    None => gaps.push(gap),
                }
            }
        }
        gaps
    }

    fn row(&self, name: &str, cell: impl Fn(&str) -> String) -> Vec<String> {
        let cells = self.networks.iter().map(|network| cell(&network.name));
        std::iter::once(name.to_owned()).chain(cells).collect()
    }

    fn table(&self, rows: Vec<Vec<String>>) -> String {
        markdown(&self.row("", str::to_owned), &rows)
    }

    /// The contestants that have any value of this quantity.
    fn with(&self, quantity: &Quantity<'_>) -> impl Iterator<Item = &'a str> {
        let has_value = |contestant: &&str| {
            let values = |network: &&BenchNetwork| {
                !self.values(&network.name, contestant, quantity.of).is_empty()
            };
            self.networks.iter().any(values)
        };
        self.contestants.iter().copied().filter(has_value)
    }

    /// A row of medians for each contestant, and one of Gradus against the best of its peers.
    fn rows(&self, quantity: &Quantity<'_>) -> Vec<Vec<String>> {
        let median_of = |network: &str, contestant: &str| {
            median(&self.values(network, contestant, quantity.of))
        };
        let cell = |network: &str, contestant: &str| {
            self.noted(network, contestant, median_of(network, contestant).map(short))
        };
        let medians = self
            .with(quantity)
            .map(|contestant| self.row(contestant, |network| cell(network, contestant)));
        let (name, ratio) = quantity.ratio;
        let against_best = self.row(name, |network| {
            let peers = self.contestants.iter().filter(|&&name| name != GRADUS.name);
            let best = peers.filter_map(|&peer| Some((median_of(network, peer)?, peer))).reduce(
                |best, other| if (quantity.best)(best.0, other.0) == best.0 { best } else { other },
            );
            match (median_of(network, GRADUS.name), best) {
                (Some(gradus), Some((value, peer))) => {
                    format!("**{}** {peer}", short(ratio(gradus, value)))
                }
                _ => String::new(),
            }
        });
        medians.chain([against_best]).collect()
    }

    fn ranges(&self, quantity: &Quantity<'_>) -> Vec<Vec<String>> {
        let cell = |network: &str, contestant: &str| {
            let values = self.values(network, contestant, quantity.of);
            self.noted(network, contestant, table::range(&values))
        };
        let rows = self
            .with(quantity)
            .map(|contestant| self.row(contestant, |network| cell(network, contestant)));
        rows.collect()
    }

    /// A cell with the number of its gap; empty where nothing was tried.
    fn noted(&self, network: &str, contestant: &str, value: Option<String>) -> String {
        let is_here = |gap: &Gap<'_>| {
            gap.contestants.contains(&contestant) && gap.networks.contains(&network)
        };
        let number = self.gaps.iter().position(is_here).map(|i| format!(" ({})", i + 1));
        if self.of(network, contestant).next().is_none() {
            return String::new();
        }
        value.unwrap_or_else(|| NOTHING.to_owned()) + &number.unwrap_or_default()
    }

    fn gaps_section(&self) -> String {
        if self.gaps.is_empty() {
            return String::new();
        }
        let line = |(i, gap): (usize, &Gap<'_>)| {
            let reason = gap.reason.split_whitespace().collect::<Vec<_>>().join(" ");
            let (contestants, networks) = (gap.contestants.join(", "), gap.networks.join(", "));
            format!("{}. {contestants} on {networks}: {reason}\n", i + 1)
        };
        let lines: String = self.gaps.iter().enumerate().map(line).collect();
        format!("\n### Gaps\n\n{lines}")
    }

    /// Machine, date and command of the runs, and other work on the machine.
    fn conditions(&self) -> String {
        let mut text = String::from("\n");
        let mut conditions: Vec<_> =
            self.runs.iter().map(|run| (&run.conditions, &run.started)).collect();
        conditions.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        conditions.dedup();
        for each in conditions {
            let is_under = |network: &&&BenchNetwork| {
                let mut runs = self.runs.iter();
                runs.any(|run| {
                    run.network == network.name && (&run.conditions, &run.started) == each
                })
            };
            let networks: Vec<&str> =
                self.networks.iter().filter(is_under).map(|network| &*network.name).collect();
            let (conditions, started) = each;
            text += &format!(
                "- {}: {}, {}, `cargo xtask bench-peers --isa {} --rounds {} --seconds {} --threads {}`.\n",
                networks.join(", "),
                conditions.machine,
                started.split('T').next().unwrap_or_default(),
                conditions.isa.name(),
                conditions.rounds,
                conditions.seconds,
                conditions.threads
            );
        }
        text += &format!("- Versions: {}.\n", self.versions().join(", "));
        let other_work = self.runs.iter().map(|run| run.other_work).fold(0.0, f64::max);
        text += &format!(
            "- Other work on the machine before the rounds: at most {:.0} % of the processor.\n",
            100.0 * other_work
        );
        if other_work > TOO_BUSY {
            text += WARNING;
        }
        text
    }

    /// What held each contestant to the instruction set, and what the check found.
    fn limits(&self) -> String {
        let line = |contestant: &&str| {
            let mut runs = self.runs.iter().filter(|run| run.contestant == **contestant);
            let held = runs.find_map(|run| run.held.as_ref())?;
            Some(format!("- {contestant}: {}; found: {}.\n", held.limit, held.found))
        };
        let lines: String = self.contestants.iter().filter_map(line).collect();
        format!("\n### Limits\n\nAnd what the check before the measurement found.\n\n{lines}")
    }

    /// Each framework with its versions, once for all ways to use it.
    fn versions(&self) -> Vec<String> {
        let mut versions = Vec::new();
        for &contestant in &self.contestants {
            let framework = contestant.split(' ').next().unwrap_or_default();
            let runs = self.runs.iter().filter(|run| run.contestant == contestant);
            for figures in runs.filter_map(Run::figures) {
                let version = format!("{framework} {}", figures.version);
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
        }
        versions
    }
}

const HEAD: &str = "\
# Gradus compared with other frameworks

Generated by `cargo xtask bench-peers`; the runs are in `results.jsonl`, the networks in `networks`, the programs for the other frameworks in `peers`.
Every number is a median of runs; a ratio above 1 means that Gradus is better.
Each instruction set has tables of its own, all of one machine: the newest on which all contestants ran.

";

const METHOD: &str = "\
- The measurement alternates between the contestants, one process per run; each may use the same number of threads.
- Training time is that of the whole step: shuffling, loading the batch, forward, loss, backward, update.
- The clock starts after a warm-up, which includes compilation, and stops after the last step.
- A call of inference has its samples in memory and ends with the scores.
- The startup of a peer is measured from the start of its process, that of Gradus from its own first line, about a millisecond later.
- The fraction of peak compares the multiply-adds of the network with those on registers, with the same threads and the same instruction set.
- On a machine with AVX-512, the tables of AVX2 are measured with the limits that they name, and one for the C library.
  The kernel notes for each thread whether it has used a register of AVX-512 (`/proc/PID/arch_status`).
  Every process is watched from start to end, and left out if it has.
";

#[cfg(test)]
mod tests {
    use super::super::hold::PeerIsa;
    use super::super::run::tests::{failure, on, run};
    use super::*;

    fn network(name: &str) -> BenchNetwork {
        BenchNetwork { name: name.to_owned(), about: format!("The network {name}.") }
    }

    /// The page of these runs.
    fn page_of(runs: &[Run]) -> String {
        let networks = ["w1", "w2", "w3"].map(network);
        page(runs, &networks, &["Gradus", "A", "A tuned", "B", "C"])
    }

    /// The first line that begins with this name.
    fn row<'a>(page: &'a str, name: &str) -> &'a str {
        let start = format!("| {name} |");
        page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{page}"))
    }

    fn runs() -> Vec<Run> {
        vec![
            run("w1", "Gradus", 3e3),
            run("w1", "Gradus", 1e3),
            run("w1", "Gradus", 2e3),
            run("w1", "A", 4e3),
            run("w1", "A tuned", 8e3),
            run("w2", "Gradus", 6e3),
            run("w2", "A", 2e3),
            failure("w2", "A tuned", "no such layer"),
        ]
    }

    #[test]
    fn a_row_is_a_contestant_and_a_column_a_network_that_was_measured() {
        let page = page_of(&runs());
        assert_eq!(row(&page, ""), "|  | w1 | w2 |");
        assert_eq!(row(&page, "Gradus"), "| Gradus | 2.00 | 6.00 |");
        assert_eq!(row(&page, "A"), "| A | 4.00 | 2.00 |");
        assert!(page.contains("- w2: The network w2.\n") && !page.contains("w3"), "{page}");
    }

    #[test]
    fn gradus_is_set_against_the_fastest_peer_which_is_named() {
        let page = page_of(&runs());
        let expected = "| Gradus / fastest peer | **0.250** A tuned | **3.00** A |";
        assert_eq!(row(&page, "Gradus / fastest peer"), expected);
    }

    #[test]
    fn the_slowest_and_the_fastest_run_are_shown() {
        assert!(page_of(&runs()).contains("\n| Gradus | 1.00..3.00 | 6.00..6.00 |\n"));
    }

    #[test]
    fn times_and_memory_are_better_if_smaller() {
        let with = |contestant: &str, micros: f64| {
            let mut run = run("w1", contestant, 1e3);
            let Outcome::Figures(figures) = &mut run.outcome else { panic!("{run:?}") };
            figures.inference_seconds = [(100, micros * 1e-6)].into();
            figures.startup_seconds = Some(micros);
            figures.peak_rss_bytes = Some(1_000_000 * micros as u64);
            figures.fraction_of_peak = Some(0.416);
            run
        };
        let page = page_of(&[with("Gradus", 5.0), with("A", 20.0), with("B", 10.0)]);
        assert_eq!(page.matches("| fastest peer / Gradus | **2.00** B |").count(), 2, "{page}");
        assert_eq!(page.matches("| smallest peer / Gradus | **2.00** B |").count(), 1, "{page}");
        assert_eq!(row(&page, "Gradus, fraction of peak"), "| Gradus, fraction of peak | 42 % |");
    }

    #[test]
    fn a_failure_is_a_gap_with_a_footnote() {
        let mut runs = runs();
        let reason = "cannot be installed: no network";
        for contestant in ["B", "C"] {
            runs.extend(["w1", "w2"].map(|network| failure(network, contestant, reason)));
        }
        // One that failed in its second round has a number and a footnote.
        runs.push(failure("w1", "A", "killed after 300 s"));
        let page = page_of(&runs);
        assert_eq!(row(&page, "A tuned"), "| A tuned | 8.00 | – (2) |");
        assert_eq!(row(&page, "A"), "| A | 4.00 (1) | 2.00 |");
        assert!(!page.contains("| B |"), "a row without any number is left out:\n{page}");
        let gaps = "### Gaps\n\n1. A on w1: killed after 300 s\n2. A tuned on w2: no such layer\n3. B, C on w1, w2: cannot be installed: no network\n";
        assert!(page.contains(gaps), "{page}");
    }

    #[test]
    fn what_was_not_tried_is_empty() {
        let page = page_of(&[run("w1", "Gradus", 1e3), run("w2", "A", 1e3)]);
        assert_eq!(row(&page, "Gradus"), "| Gradus | 1.00 |  |");
        assert_eq!(row(&page, "Gradus / fastest peer"), "| Gradus / fastest peer |  |  |");
    }

    #[test]
    fn machine_date_versions_and_limits_are_told_once() {
        let mut runs = runs();
        runs[5].conditions.rounds = 7;
        let page = page_of(&runs);
        for line in [
            "- Versions: Gradus 1.0, A 1.0.\n",
            "- w1, w2: Xeon, 2026-05-01, `cargo xtask bench-peers --isa avx512 --rounds 2 --seconds 3 --threads 2`.\n",
            "- w2: Xeon, 2026-05-01, `cargo xtask bench-peers --isa avx512 --rounds 7 --seconds 3 --threads 2`.\n",
            "- A: none; found: says so.\n",
        ] {
            assert_eq!(page.matches(line).count(), 1, "{line} in {page}");
        }
    }

    #[test]
    fn runs_of_different_machines_or_instruction_sets_never_stand_in_one_ratio() {
        let mut narrow = run("w1", "A", 8e3);
        narrow.conditions.isa = PeerIsa::Avx2;
        let runs = [run("w1", "Gradus", 2e3), on(run("w1", "A", 4e3), "Epyc"), narrow];
        let page = page_of(&runs);
        let empty = "| Gradus / fastest peer |  |\n";
        assert_eq!(page.matches(empty).count(), 2, "{page}");
        let [wide, narrow] = ["## AVX-512\n", "## AVX2\n"].map(|title| page.find(title).unwrap());
        assert!(wide < narrow && page[narrow..].contains("| A | 8.00 |"), "{page}");
    }

    #[test]
    fn a_busy_machine_is_told() {
        let mut runs = runs();
        assert!(!page_of(&runs).contains("not a fair comparison"));
        runs[0].other_work = 0.3;
        assert!(page_of(&runs).contains("not a fair comparison"));
    }
}
