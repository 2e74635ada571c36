//! The result as a Markdown page.

/// Above this share of the processor, other work spoils the comparison: a thread that waits for its
/// neighbour at each op loses many times what it was robbed of.
const TOO_BUSY: f64 = 0.05;

const WARNING: &str = "\n**The machine was busy: these numbers are not a fair comparison.**\n";

/// All that was measured, and on what.
pub(super) struct Report {
    /// One for each contestant, Gradus first: name and version.
    pub(super) contestants: Vec<(&'static str, String)>,
    pub(super) rows: Vec<Row>,
    /// Name of the processor.
    pub(super) machine: String,
    /// The largest share of the processor seen to be busy while no contestant ran, in 0..=1.
    pub(super) other_work: f64,
    /// How the runs were made.
    pub(super) method: String,
}

/// A network and what each contestant reached on it.
pub(super) struct Row {
    pub(super) network: String,
    /// For each contestant, the samples per second of each of its runs.
    pub(super) speeds: Vec<Vec<f64>>,
}

impl Report {
    /// The page, with the table first.
    pub(super) fn to_markdown(&self) -> String {
        let versions = self.contestants.iter().map(|(name, version)| format!("{name} {version}"));
        let warning = if self.other_work > TOO_BUSY { WARNING } else { "" };
        format!(
            "# Gradus and its peers\n\n\
             Thousands of samples trained per second: median (slowest..fastest run).\n\n\
             {}\n\
             - Versions: {}.\n\
             - Machine: {}.\n\
             - Runs: {}.\n\
             - Other work on the machine between the runs: at most {:.0} % of the processor.\n\
             {warning}",
            self.table(),
            versions.collect::<Vec<_>>().join(", "),
            self.machine,
            self.method,
            100.0 * self.other_work,
        )
    }

    fn table(&self) -> String {
        let names = || self.contestants.iter().map(|(name, _)| *name);
        let ratios = names().skip(1).map(|peer| format!("Gradus / {peer}"));
        let head = names().map(str::to_owned).chain(ratios);
        let mut lines =
            vec![line("network", head.clone()), line("---", head.map(|_| "--:".into()))];
        for row in &self.rows {
            let medians: Vec<_> = row.speeds.iter().map(|runs| median(runs)).collect();
            let speeds = row.speeds.iter().map(|runs| summary(runs));
            let ratios = medians[1..].iter().map(|peer| match (medians[0], peer) {
                (Some(gradus), Some(peer)) => format!("{:.2}", gradus / peer),
                _ => NOTHING.to_owned(),
            });
            lines.push(line(&row.network, speeds.chain(ratios)));
        }
        lines.concat()
    }
}

/// Stands where no run succeeded.
const NOTHING: &str = "–";

fn line(first: &str, others: impl Iterator<Item = String>) -> String {
    let others: Vec<_> = others.collect();
    format!("| {first} | {} |\n", others.join(" | "))
}

/// Median, slowest and fastest run, in thousands of samples per second.
fn summary(runs: &[f64]) -> String {
    let Some(median) = median(runs) else { return NOTHING.to_owned() };
    let slowest = runs.iter().copied().fold(f64::INFINITY, f64::min);
    let fastest = runs.iter().copied().fold(0.0, f64::max);
    format!("{:.2} ({:.2}..{:.2})", median / 1e3, slowest / 1e3, fastest / 1e3)
}

/// The middle value, or the mean of the two in the middle.
fn median(runs: &[f64]) -> Option<f64> {
    let mut sorted = runs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(runs.len() / 2)?;
    let lower = sorted[(runs.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>, other_work: f64) -> Report {
        Report {
            contestants: vec![("Gradus", "0.1.0".to_owned()), ("PyTorch", "2.15.0".to_owned())],
            rows,
            machine: "Xeon, 2 cores".to_owned(),
            other_work,
            method: "2 rounds".to_owned(),
        }
    }

    #[test]
    fn the_median_of_an_even_count_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_row_has_medians_spreads_and_ratio() {
        let speeds = vec![vec![3e3, 1e3, 2e3], vec![4e3, 4e3, 4e3]];
        let table = report(vec![Row { network: "softmax".to_owned(), speeds }], 0.0).table();
        let last = table.lines().last().unwrap();
        assert_eq!(last, "| softmax | 2.00 (1.00..3.00) | 4.00 (4.00..4.00) | 0.50 |");
    }

    #[test]
    fn a_contestant_that_never_succeeded_leaves_a_gap() {
        let speeds = vec![vec![2e3], vec![]];
        let table = report(vec![Row { network: "softmax".to_owned(), speeds }], 0.0).table();
        assert_eq!(table.lines().last().unwrap(), "| softmax | 2.00 (2.00..2.00) | – | – |");
    }

    #[test]
    fn a_busy_machine_is_told() {
        assert!(report(vec![], 0.3).to_markdown().contains("not a fair comparison"));
        assert!(!report(vec![], 0.01).to_markdown().contains("not a fair comparison"));
    }
}
