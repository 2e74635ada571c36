//! Signals that end the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// Exit code of a run that was interrupted: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// One event often sends two signals: a terminal that closes, `timeout`, a key held down. A second Ctrl-C after this
/// time is meant.
const GRACE: Duration = Duration::from_millis(500);

/// A flag that is set by SIGINT, SIGTERM and SIGHUP. A second SIGINT, half a second or more after the first signal, ends
/// the process at once. Signals that the parent process ignores, as under `nohup`, stay ignored.
pub(crate) fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut first = None;
    handle(move |is_interrupt| {
        flag.store(true, Ordering::Relaxed);
        if ends_at_once(&mut first, is_interrupt, Instant::now()) {
            std::process::exit(INTERRUPTED.into());
        }
    })
    .context("handling signals")?;
    Ok(stop)
}

/// Whether a signal is a second Ctrl-C after the grace time. `first` is the time of the first signal.
fn ends_at_once(first: &mut Option<Instant>, is_interrupt: bool, now: Instant) -> bool {
    let first = *first.get_or_insert(now);
    is_interrupt && now.duration_since(first) >= GRACE
}

/// Calls `handler` for each signal, with whether it is SIGINT.
#[cfg(unix)]
fn handle(mut handler: impl FnMut(bool) + Send + 'static) -> anyhow::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let ignored = ignored_signals();
    let is_handled = |signal: &i32| ignored >> (signal - 1) & 1 == 0;
    let handled = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_handled);
    let mut signals = signal_hook::iterator::Signals::new(handled)?;
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(move || signals.forever().for_each(|signal| handler(signal == SIGINT)))?;
    Ok(())
}

/// The signals that this process ignores, signal 1 in the lowest bit; 0 where the system does not tell.
#[cfg(unix)]
fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(not(unix))]
fn handle(mut handler: impl FnMut(bool) + Send + 'static) -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(move || handler(true))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_second_ctrl_c_after_half_a_second_ends_at_once() {
        let begin = Instant::now();
        let mut first = None;
        let mut signal = |is_interrupt, millis| {
            ends_at_once(&mut first, is_interrupt, begin + Duration::from_millis(millis))
        };
        assert!(!signal(false, 0) && !signal(false, 1) && !signal(true, 499));
        assert!(!signal(false, 5000), "SIGTERM and SIGHUP only repeat the first signal");
        assert!(signal(true, 500));
    }
}
