//! The machine of a measurement: its name and its load.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

const WATCH: Duration = Duration::from_millis(500);

/// Name and size of the processor, such as `Xeon E5, 2 cores`.
pub(crate) fn name() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    let cores = if n_cores == 1 { "core" } else { "cores" };
    format!("{}, {n_cores} {cores}", name.map_or("unknown processor", |(_, name)| name))
}

/// The load of the processor by other processes, in 0..=1.
///
/// # Errors
///
/// If `/proc/stat` does not exist.
pub(crate) fn busy_share() -> anyhow::Result<f64> {
    let before = Ticks::now()?;
    thread::sleep(WATCH);
    Ok(Ticks::now()?.busy_share_since(before))
}

/// Processor time since the machine started, over all cores.
#[derive(Clone, Copy)]
struct Ticks {
    total: u64,
    idle: u64,
}

impl Ticks {
    fn now() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("/proc/stat")?;
        Self::parse(&stat).context("/proc/stat: no first line `cpu …`")
    }

    /// Reads the first line of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
    fn parse(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let ticks: Vec<u64> = fields.map(|field| field.parse().ok()).collect::<Option<_>>()?;
        Some(Self { total: ticks.iter().sum(), idle: ticks.get(3)? + ticks.get(4)? })
    }

    fn busy_share_since(self, before: Self) -> f64 {
        let total = (self.total - before.total).max(1);
        let idle = self.idle - before.idle;
        1.0 - idle as f64 / total as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting_for_the_disk() {
        let before = Ticks::parse("cpu  10 0 10 100 0 0 0 0 0 0\ncpu0 …").unwrap();
        let after = Ticks::parse("cpu  20 5 15 135 25 0 0 0 0 0\ncpu0 …").unwrap();
        assert_eq!(after.busy_share_since(before), 0.25);
    }
}
