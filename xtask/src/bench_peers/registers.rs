//! Whether a process uses registers of AVX-512.
//!
//! The kernel notes for each thread when it last held values in them, at every switch to another thread. Registers 16
//! to 31 stay in use until the thread ends, so that no use of them is missed.
//! Source: "AVX512_elapsed_ms" in Documentation/filesystems/proc.rst of Linux.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What may be late between the start of a process and the clock: a new process inherits the note of its parent.
const LATENCY: Duration = Duration::from_millis(50);

/// Has the C library use none of them, which would otherwise copy and compare memory with them.
pub(super) const OF_C_LIBRARY: (&str, &str) =
    ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ");

/// Whether the kernel takes this note.
pub(super) fn are_recorded() -> bool {
    Path::new("/proc/self/arch_status").exists()
}

/// The threads of a process from the first look on.
#[derive(Default)]
pub(super) struct RegisterWatch {
    start: Option<Instant>,
    /// Whether any thread used such a register.
    pub(super) are_used: bool,
}

impl RegisterWatch {
    /// Looks at all threads of the process, the first time when it starts.
    pub(super) fn look(&mut self, process: u32) {
        let age = self.start.get_or_insert_with(Instant::now).elapsed();
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return };
        for thread in threads.flatten() {
            // A thread may end meanwhile.
            let status = fs::read_to_string(thread.path().join("arch_status")).unwrap_or_default();
            self.are_used |= elapsed(&status).is_some_and(|elapsed| is_since_start(elapsed, age));
        }
    }
}

/// Whether the last use was after the start of a process of this age.
fn is_since_start(elapsed: Duration, age: Duration) -> bool {
    elapsed + LATENCY < age
}

/// The time since the last use; `None` if there was none.
fn elapsed(status: &str) -> Option<Duration> {
    let millis = status.lines().find_map(|line| line.strip_prefix("AVX512_elapsed_ms:"))?;
    millis.trim().parse().ok().map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_the_kernel_is_read() {
        assert_eq!(elapsed("AVX512_elapsed_ms:\t8\n"), Some(Duration::from_millis(8)));
        assert_eq!(elapsed("AVX512_elapsed_ms:\t-1\n"), None);
        assert_eq!(elapsed(""), None);
    }

    #[test]
    fn a_use_before_the_start_is_that_of_the_parent() {
        let cases = [(1, true), (9_900, true), (9_990, false), (20_000, false)];
        for (millis, expected) in cases {
            let (elapsed, age) = (Duration::from_millis(millis), Duration::from_secs(10));
            assert_eq!(is_since_start(elapsed, age), expected, "{millis} ms");
        }
    }
}
