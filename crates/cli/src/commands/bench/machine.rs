//! What the machine can do, and what it says of the process.

use std::thread::available_parallelism;
use std::time::Duration;

use gradus::kernels::gemm::peak_flops;
use gradus::kernels::read_bandwidth;

/// Multiply-adds on registers, in 10⁹ operations a second. All threads at once, since together they may run
/// slower than alone.
pub(super) fn peak_gflops(threads: usize) -> f64 {
    const PATIENCE: Duration = Duration::from_millis(100);
    let mut peaks = vec![0.0; threads];
    std::thread::scope(|scope| {
        for peak in &mut peaks {
            scope.spawn(|| *peak = peak_flops::<f32>(PATIENCE) * 1e-9);
        }
    });
    peaks.iter().sum()
}

/// What all threads together read from memory, in 10⁹ bytes a second. More threads than cores would read no
/// faster, only take memory.
pub(super) fn bandwidth_gbytes_per_second(threads: usize) -> f64 {
    let cores = available_parallelism().map_or(1, usize::from);
    read_bandwidth(threads.min(cores)) * 1e-9
}

/// The high-water mark of resident memory, as Linux tells it.
pub(super) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
