//! The processes that train together, and whether they are there.

use std::fs;

use graph::ProcessGroup;
use serde::{Deserialize, Serialize};

use crate::messages::gather_texts;

/// One of the processes that train together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessPeer {
    /// Its number, from 0.
    pub rank: usize,
    /// The name of its machine.
    pub host: String,
    /// The number that the machine knows it by.
    pub process: u32,
    /// When it began, in the machine's own count: a number may be given to another process later.
    started: Option<u64>,
    /// The processors that it may use, as the system writes them.
    processors: String,
}

impl ProcessPeer {
    /// All processes, by rank.
    pub(crate) fn gather(group: &dyn ProcessGroup, host: String) -> Vec<Self> {
        let own = Self { host, ..Self::of_process(group.rank(), std::process::id()) };
        let own = serde_json::to_string(&own).expect("plain values");
        let all = gather_texts(group, &own);
        all.iter().map(|peer| serde_json::from_str(peer).expect("written above")).collect()
    }

    /// A process of this machine.
    pub(crate) fn of_process(rank: usize, process: u32) -> Self {
        Self {
            rank,
            host: String::new(),
            process,
            started: stat(process).map(|(_, started)| started),
            processors: processors().unwrap_or_default(),
        }
    }

    /// Whether it runs, as far as this machine can tell: `None` of a process elsewhere.
    pub(crate) fn is_alive(&self) -> Option<bool> {
        let started = self.started?;
        Some(
            stat(self.process)
                .is_some_and(|(state, begun)| begun == started && !"ZX".contains(state)),
        )
    }

    /// Whether both may use the same processors.
    pub(crate) fn shares_processors(&self, other: &Self) -> bool {
        (&self.host, &self.processors) == (&other.host, &other.processors)
    }
}

impl std::fmt::Display for ProcessPeer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rank {} (process {} on {})", self.rank, self.process, self.host)
    }
}

/// The state of a process and when it began.
fn stat(process: u32) -> Option<(char, u64)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may contain anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

fn processors() -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    Some(line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use graph::testing::thread_group::in_threads;

    use super::*;

    #[test]
    fn a_process_is_alive_until_it_ends_even_before_its_parent_notices() {
        let mut child =
            Command::new("sleep").arg("100").stdout(Stdio::null()).spawn().expect("sleep runs");
        let own = &in_threads(1, |group| ProcessPeer::gather(&*group, "here".into()))[0][0];
        assert_eq!((own.rank, &*own.host, own.is_alive()), (0, "here", Some(true)));
        let peer = ProcessPeer::of_process(1, child.id());
        assert_eq!(peer.is_alive(), Some(true));
        assert_eq!(
            ProcessPeer { started: Some(1), ..peer.clone() }.is_alive(),
            Some(false),
            "another"
        );
        child.kill().unwrap();
        while peer.is_alive() == Some(true) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(peer.is_alive(), Some(false));
        assert_eq!(ProcessPeer { started: None, ..peer }.is_alive(), None);
    }
}
