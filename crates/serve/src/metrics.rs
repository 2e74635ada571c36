//! What the server has done, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use web::lock;

/// Upper bounds of the rows of batches.
const ROWS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];
/// Upper bounds of latencies, in seconds.
const SECONDS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// What the server has done so far.
#[derive(Debug, Default)]
pub(crate) struct ServeMetrics(Mutex<ServeCounts>);

#[derive(Debug, Default)]
struct ServeCounts {
    /// Requests by model and status. The model of one that names none is empty.
    requests: BTreeMap<String, BTreeMap<u16, u64>>,
    models: BTreeMap<String, ModelCounts>,
}

#[derive(Debug)]
struct ModelCounts {
    batches: Histogram,
    seconds: Histogram,
    /// Reloads that succeeded, and that failed.
    reloads: [u64; 2],
}

/// How many values are at most each of some bounds.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// Values at most a bound and above the one before; in the end those above all.
    counts: Vec<u64>,
    sum: f64,
}

impl Default for ModelCounts {
    fn default() -> Self {
        Self { batches: Histogram::new(ROWS), seconds: Histogram::new(SECONDS), reloads: [0; 2] }
    }
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    fn add(&mut self, value: f64) {
        self.counts[self.bounds.partition_point(|&bound| bound < value)] += 1;
        self.sum += value;
    }

    fn write(&self, out: &mut String, name: &str, model: &str) -> fmt::Result {
        let mut below = 0;
        let bounds = self.bounds.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (count, bound) in self.counts.iter().zip(bounds) {
            below += count;
            writeln!(out, "{name}_bucket{{model=\"{model}\",le=\"{bound}\"}} {below}")?;
        }
        writeln!(out, "{name}_sum{{model=\"{model}\"}} {}", self.sum)?;
        writeln!(out, "{name}_count{{model=\"{model}\"}} {below}")
    }
}

impl ServeMetrics {
    /// Counts the answer to a request for predictions. Names of models that do not exist are not kept: anybody could make
    /// them up.
    pub(crate) fn count_request(&self, model: Option<&str>, status: u16, took: Duration) {
        let mut counts = lock(&self.0);
        let name = model.unwrap_or_default();
        *entry(&mut counts.requests, name).entry(status).or_default() += 1;
        if model.is_some() {
            entry(&mut counts.models, name).seconds.add(took.as_secs_f64());
        }
    }

    /// Counts rows that went through a model together.
    pub(crate) fn count_batch(&self, model: &str, rows: usize) {
        entry(&mut lock(&self.0).models, model).batches.add(rows as f64);
    }

    pub(crate) fn count_reload(&self, model: &str, is_good: bool) {
        entry(&mut lock(&self.0).models, model).reloads[usize::from(!is_good)] += 1;
    }

    /// All of them, and the rows that wait now.
    pub(crate) fn text(&self, waiting: usize) -> String {
        let (counts, mut out) = (lock(&self.0), String::new());
        counts.write(waiting, &mut out).expect("a text can be written");
        out
    }
}

/// The value of a name, which is copied the first time alone.
fn entry<'a, V: Default>(map: &'a mut BTreeMap<String, V>, name: &str) -> &'a mut V {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), V::default());
    }
    map.get_mut(name).expect("it is there")
}

impl ServeCounts {
    fn write(&self, waiting: usize, out: &mut String) -> fmt::Result {
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        };
        head(out, "gradus_requests_total", "counter", "Requests for predictions.")?;
        for (model, by_status) in &self.requests {
            for (status, count) in by_status {
                writeln!(
                    out,
                    "gradus_requests_total{{model=\"{model}\",status=\"{status}\"}} {count}"
                )?;
            }
        }
        head(out, "gradus_rows_total", "counter", "Rows that were predicted.")?;
        for (model, counts) in &self.models {
            writeln!(out, "gradus_rows_total{{model=\"{model}\"}} {}", counts.batches.sum)?;
        }
        let help = "Rows that went through a model together.";
        head(out, "gradus_batch_rows", "histogram", help)?;
        for (model, counts) in &self.models {
            counts.batches.write(out, "gradus_batch_rows", model)?;
        }
        let help = "Time from the head of a request to its answer.";
        head(out, "gradus_request_seconds", "histogram", help)?;
        for (model, counts) in &self.models {
            counts.seconds.write(out, "gradus_request_seconds", model)?;
        }
        head(out, "gradus_reloads_total", "counter", "Model files that were read anew.")?;
        for (model, counts) in &self.models {
            for (result, count) in ["ok", "failed"].iter().zip(counts.reloads) {
                writeln!(
                    out,
                    "gradus_reloads_total{{model=\"{model}\",result=\"{result}\"}} {count}"
                )?;
            }
        }
        head(out, "gradus_queue_rows", "gauge", "Rows that wait for a model.")?;
        writeln!(out, "gradus_queue_rows {waiting}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_up_to_each_bound() {
        let metrics = ServeMetrics::default();
        for rows in [1, 1, 3, 2000] {
            metrics.count_batch("iris", rows);
        }
        metrics.count_request(Some("iris"), 200, Duration::from_micros(100));
        metrics.count_request(Some("iris"), 400, Duration::from_secs(60));
        metrics.count_request(None, 404, Duration::ZERO);
        metrics.count_reload("iris", false);
        let text = metrics.text(7);
        for line in [
            "# TYPE gradus_batch_rows histogram",
            "gradus_batch_rows_bucket{model=\"iris\",le=\"1\"} 2",
            "gradus_batch_rows_bucket{model=\"iris\",le=\"4\"} 3",
            "gradus_batch_rows_bucket{model=\"iris\",le=\"1024\"} 3",
            "gradus_batch_rows_bucket{model=\"iris\",le=\"+Inf\"} 4",
            "gradus_batch_rows_sum{model=\"iris\"} 2005",
            "gradus_batch_rows_count{model=\"iris\"} 4",
            "gradus_rows_total{model=\"iris\"} 2005",
            "gradus_request_seconds_bucket{model=\"iris\",le=\"0.0001\"} 1",
            "gradus_request_seconds_bucket{model=\"iris\",le=\"10\"} 1",
            "gradus_request_seconds_sum{model=\"iris\"} 60.0001",
            "gradus_requests_total{model=\"\",status=\"404\"} 1",
            "gradus_requests_total{model=\"iris\",status=\"400\"} 1",
            "gradus_reloads_total{model=\"iris\",result=\"ok\"} 0",
            "gradus_reloads_total{model=\"iris\",result=\"failed\"} 1",
            "gradus_queue_rows 7",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
