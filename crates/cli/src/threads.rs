//! The threads that a command line means.

use std::thread::available_parallelism;

/// How many threads to use.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ThreadsArgs {
    /// Threads; all cores if not given. They change the speed, never the result.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadsArgs {
    /// The number that was given, or one for each core.
    pub(crate) fn count(self) -> usize {
        self.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }
}
