//! The results of a benchmark, as text and as JSON.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::layers::StepParts;
use diagnostics::table::{self, Align};

use crate::numbers::thousands;

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
        writeln!(out, "network    {}, {} threads, {}", self.network, self.threads, self.isa)?;
        writeln!(out, "training   {} samples/s", thousands(self.samples_per_second as u64))?;
        writeln!(
            out,
            "inference  {} samples/s",
            thousands(self.inference_samples_per_second as u64)
        )?;
        for (batch, seconds) in &self.inference_seconds {
            writeln!(out, "latency    {:.1} µs for a batch of {batch}", seconds * 1e6)?;
        }
        let Self { gflops, peak_gflops, fraction_of_peak, .. } = self;
        writeln!(
            out,
            "compute    {gflops:.1} GFLOP/s of {peak_gflops:.0}, {:.0} % of peak",
            100.0 * fraction_of_peak
        )?;
        writeln!(out, "bandwidth  {:.1} GB/s read", self.bandwidth_gbytes_per_second)?;
        if let Some(bytes) = self.peak_rss_bytes {
            writeln!(out, "memory     {} MB peak", thousands(bytes / 1_000_000))?;
        }
        if let Some(allocations) = self.parts.allocations_per_step {
            writeln!(out, "           {allocations} allocations per step")?;
        }
        writeln!(out, "startup    {:.2} s to the first step", self.startup_seconds)?;
        writeln!(out)?;
        self.write_layers(out)
    }

    fn write_layers(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let layers = self.parts.layers.iter().map(|layer| {
            [
                layer.name.clone(),
                format!("{:.1}", layer.forward_us),
                format!("{:.1}", layer.backward_us),
            ]
        });
        let update = ["update".into(), format!("{:.1}", self.parts.update_us), String::new()];
        let columns = [
            ("µs per step, all threads", Align::Left),
            ("forward", Align::Right),
            ("backward", Align::Right),
        ];
        table::write(out, columns, &layers.chain([update]).collect::<Vec<_>>())
    }
}
