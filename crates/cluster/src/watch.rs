//! A look at the other processes of the machine: one that has died ends all, which would wait for it without end.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::peers::ProcessPeer;

/// Time between two looks. `mpirun` ends the others a second after one has died.
const PERIOD: Duration = Duration::from_millis(100);

/// Processes that have died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Death {
    /// Which.
    pub died: Vec<ProcessPeer>,
    /// Whether this process has the lowest rank of those of the machine that are left: it is the one to speak.
    pub is_first_left: bool,
}

/// Looks at the other processes of the machine until it is dropped.
#[derive(Debug)]
pub struct Watch {
    end: Option<Sender<()>>,
    watching: Option<JoinHandle<()>>,
}

impl Watch {
    /// Begins to look at those of `peers` that are on the machine of the process `rank`. `on_death` is called once, on a thread
    /// of the watch.
    ///
    /// # Panics
    ///
    /// If the system has no thread left.
    pub fn start(
        peers: &[ProcessPeer],
        rank: usize,
        on_death: impl FnOnce(Death) + Send + 'static,
    ) -> Self {
        let own = &peers[rank];
        // Two containers may have one name, but do not see each other's processes.
        let is_near = |peer: &&ProcessPeer| peer.host == own.host && peer.is_alive() == Some(true);
        let near: Vec<ProcessPeer> = peers.iter().filter(is_near).cloned().collect();
        let (end, ended) = channel();
        let watching = thread::Builder::new().name("watch".into());
        let watch = move || {
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let is_dead = |peer: &ProcessPeer| peer.is_alive() == Some(false);
                let (died, left): (Vec<ProcessPeer>, Vec<ProcessPeer>) =
                    near.iter().cloned().partition(is_dead);
                if !died.is_empty() {
                    let is_first_left = left.first().is_some_and(|first| first.rank == rank);
                    return on_death(Death { died, is_first_left });
                }
            }
        };
        let watching = watching.spawn(watch).expect("a thread can be started");
        Self { end: Some(end), watching: Some(watching) }
    }
}

impl Drop for Watch {
    /// When it is dropped, nobody looks any more.
    fn drop(&mut self) {
        self.end = None;
        // A panic of the thread was told.
        let _ = self.watching.take().map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_first_that_is_left_is_told_who_died() {
        let mut others: Vec<_> =
            (0..2).map(|_| Command::new("sleep").arg("100").spawn().expect("sleep runs")).collect();
        let own = std::process::id();
        let processes = [others[0].id(), own, others[1].id()];
        let peers: Vec<ProcessPeer> = (0..)
            .zip(processes)
            .map(|(rank, process)| ProcessPeer::of_process(rank, process))
            .collect();
        let (send, deaths) = mpsc::channel();
        let watch = Watch::start(&peers, 1, move |death| send.send(death).unwrap());
        others[0].kill().unwrap();
        let death = deaths.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(death, Death { died: vec![peers[0].clone()], is_first_left: true });
        drop(watch);

        let (send, deaths) = mpsc::channel();
        let watch = Watch::start(&peers[1..], 0, move |death| send.send(death).unwrap());
        drop(watch);
        others[1].kill().unwrap();
        assert!(deaths.recv_timeout(Duration::from_secs(1)).is_err(), "nobody watches any more");
        others.iter_mut().for_each(|other| drop(other.wait()));
    }
}
