//! The results of a benchmark, as text and as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::layers::StepParts;
use diagnostics::table;

use crate::output::thousands;

/// The results of a benchmark.
#[derive(Debug, Serialize)]
pub(super) struct BenchReport {
    pub(super) network: String,
    pub(super) threads: usize,
    pub(super) isa: &'static str,
    /// Training samples per second.
    pub(super) samples_per_second: f64,
    /// Samples per second in evaluations.
    pub(super) inference_samples_per_second: f64,
    /// Median duration of a call of a predictor for each batch size, in seconds.
    pub(super) inference_seconds: BTreeMap<usize, f64>,
    /// GFLOP/s of training.
    pub(super) gflops: f64,
    /// Peak GFLOP/s of multiply-adds on registers, all threads together.
    pub(super) peak_gflops: f64,
    pub(super) fraction_of_peak: f64,
    /// Memory read bandwidth of all threads together, in GB/s.
    pub(super) bandwidth_gbytes_per_second: f64,
    /// Peak resident memory of training, where the system reports it.
    pub(super) peak_rss_bytes: Option<u64>,
    /// From the start of `main` to the end of the first step, decompression of the digits included.
    pub(super) startup_seconds: f64,
    #[serde(flatten)]
    pub(super) parts: StepParts,
}

impl BenchReport {
    pub(super) fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let samples = |per_second| format!("{} samples/s", thousands(per_second as u64));
        let Self { gflops, peak_gflops, fraction_of_peak, .. } = self;
        let percent = 100.0 * fraction_of_peak;
        let mut fields = vec![
            ("network", format!("{}, {} threads, {}", self.network, self.threads, self.isa)),
            ("training", samples(self.samples_per_second)),
            ("inference", samples(self.inference_samples_per_second)),
        ];
        fields.extend(self.inference_seconds.iter().map(|(batch, seconds)| {
            ("latency", format!("{:.1} µs for a batch of {batch}", seconds * 1e6))
        }));
        fields.extend([
            ("compute", format!("{gflops:.1} GFLOP/s of {peak_gflops:.0}, {percent:.0} % of peak")),
            ("bandwidth", format!("{:.1} GB/s read", self.bandwidth_gbytes_per_second)),
        ]);
        let memory = self.peak_rss_bytes.map(|bytes| thousands(bytes / 1_000_000));
        fields.extend(memory.map(|megabytes| ("memory", format!("{megabytes} MB peak"))));
        let allocations = self.parts.allocations_per_step;
        fields.extend(allocations.map(|number| ("", format!("{number} allocations per step"))));
        fields.push(("startup", format!("{:.2} s to the first step", self.startup_seconds)));
        table::fields(out, &fields)?;

        writeln!(out)?;
        let micros = |time: f64| format!("{time:.1}");
        let layers =
            self.parts.layers.iter().map(|layer| {
                [layer.name.clone(), micros(layer.forward_us), micros(layer.backward_us)]
            });
        let update = ["update".into(), micros(self.parts.update_us), String::new()];
        let headings = ["<µs per step, all threads", ">forward", ">backward"];
        table::write(out, headings, &layers.chain([update]).collect::<Vec<_>>())
    }
}
