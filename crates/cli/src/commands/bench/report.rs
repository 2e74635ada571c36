//! What was measured, for people and for programs.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::layers::StepParts;
use diagnostics::table::{self, Align};

use crate::numbers::thousands;

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) network: String,
    pub(super) threads: usize,
    pub(super) isa: &'static str,
    /// Training samples a second.
    pub(super) samples_per_second: f64,
    /// Samples a second through the network for evaluation.
    pub(super) inference_samples_per_second: f64,
    /// Median seconds of a call of a predictor, for each size of batch.
    pub(super) inference_seconds: BTreeMap<usize, f64>,
    /// Needed operations of training, in 10⁹ a second.
    pub(super) gflops: f64,
    /// Multiply-adds on registers, all threads together, in 10⁹ operations a second.
    pub(super) peak_gflops: f64,
    pub(super) share_of_peak: f64,
    /// What all threads together read from memory, in 10⁹ bytes a second.
    pub(super) bandwidth_gbytes_per_second: f64,
    /// The most memory that training has used, if the system tells.
    pub(super) peak_rss_bytes: Option<u64>,
    /// From the start of `main` to the end of the first step, the digits decompressed among it.
    pub(super) startup_seconds: f64,
    #[serde(flatten)]
    pub(super) parts: StepParts,
}

impl Report {
    /// # Errors
    ///
    /// If `out` cannot be written.
    pub(super) fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        writeln!(out, "network    {}, {} threads, {}", self.network, self.threads, self.isa)?;
        writeln!(out, "training   {} samples/s", thousands(self.samples_per_second as u64))?;
        writeln!(
            out,
            "inference  {} samples/s",
            thousands(self.inference_samples_per_second as u64)
        )?;
        for (batch, seconds) in &self.inference_seconds {
            writeln!(out, "answer     {:.1} µs for a batch of {batch}", seconds * 1e6)?;
        }
        let Self { gflops, peak_gflops, share_of_peak, .. } = self;
        writeln!(
            out,
            "compute    {gflops:.1} GFLOP/s of {peak_gflops:.0}, {:.0} % of peak",
            100.0 * share_of_peak
        )?;
        writeln!(out, "bandwidth  {:.1} GB/s read", self.bandwidth_gbytes_per_second)?;
        if let Some(bytes) = self.peak_rss_bytes {
            writeln!(out, "memory     {} MB at most", thousands(bytes / 1_000_000))?;
        }
        if let Some(allocations) = self.parts.allocations_per_step {
            writeln!(out, "           {allocations} allocations a step")?;
        }
        writeln!(out, "start      {:.2} s to the first step", self.startup_seconds)?;
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
            ("µs a step, all threads", Align::Left),
            ("forward", Align::Right),
            ("backward", Align::Right),
        ];
        table::write(out, columns, &layers.chain([update]).collect::<Vec<_>>())
    }
}
