//! The number of threads given on the command line.

use std::thread::available_parallelism;

use cluster::Cluster;

/// The number of threads.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct ThreadsArgs {
    /// Number of threads; does not affect the result [default: all cores; of several processes, each its part of them].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl ThreadsArgs {
    /// The given number, or one per core.
    pub(crate) fn count(self) -> usize {
        self.threads.map_or_else(|| available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// The given number, or one per core that this process has to itself.
    pub(crate) fn count_in(self, cluster: Option<&Cluster>) -> usize {
        let sharing = cluster.filter(|_| self.threads.is_none());
        (self.count() / sharing.map_or(1, Cluster::processes_of_processors)).max(1)
    }
}
