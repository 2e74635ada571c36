//! Peak FLOP/s and bandwidth of the machine, and memory of the process.

use std::thread::available_parallelism;
use std::time::Duration;

use gradus::kernels::gemm::peak_flops;
use gradus::kernels::read_bandwidth;

/// Peak GFLOP/s of multiply-adds on registers, all threads at once: together they may be slower than alone.
pub(super) fn peak_gflops(threads: usize) -> f64 {
    const DURATION: Duration = Duration::from_millis(100);
    let mut peaks = vec![0.0; threads];
    std::thread::scope(|scope| {
        for peak in &mut peaks {
            scope.spawn(|| *peak = peak_flops::<f32>(DURATION) * 1e-9);
        }
    });
    peaks.iter().sum()
}

/// Memory read bandwidth of all threads together, in GB/s. More threads than cores only take more memory.
pub(super) fn bandwidth_gbytes_per_second(threads: usize) -> f64 {
    let cores = available_parallelism().map_or(1, usize::from);
    read_bandwidth(threads.min(cores)) * 1e-9
}

/// The high-water mark of resident memory (Linux only).
pub(super) fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}
