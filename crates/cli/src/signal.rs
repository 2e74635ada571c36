//! Requests to end from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;

/// Exit code of a run that was stopped from outside: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// A flag that is set by Ctrl-C or a polite request to end. A second one ends the process at once.
///
/// # Errors
///
/// If the system does not let us listen.
pub(crate) fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let on_signal = move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    };
    ctrlc::set_handler(on_signal).context("listening for Ctrl-C")?;
    Ok(stop)
}
