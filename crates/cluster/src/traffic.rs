//! What the processes of a group exchange, and how long each waits for it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use graph::ProcessGroup;
use serde::{Deserialize, Serialize};

/// What a process has exchanged so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Exchanges in which all processes took part.
    pub messages: u64,
    /// Bytes that this process has sent, to each process that they went to.
    pub bytes: u64,
    /// Seconds in exchanges, most of them waiting for the other processes.
    pub seconds: f64,
}

/// A group whose exchanges are counted.
#[derive(Debug)]
pub struct MeasuredGroup {
    group: Arc<dyn ProcessGroup>,
    messages: AtomicU64,
    bytes: AtomicU64,
    nanoseconds: AtomicU64,
}

impl MeasuredGroup {
    /// Counts the exchanges of `group` from now on.
    pub fn new(group: Arc<dyn ProcessGroup>) -> Self {
        let zero = AtomicU64::default;
        Self { group, messages: zero(), bytes: zero(), nanoseconds: zero() }
    }

    /// What was exchanged so far.
    pub fn traffic(&self) -> Traffic {
        let [messages, bytes, nanoseconds] = [&self.messages, &self.bytes, &self.nanoseconds]
            .map(|count| count.load(Ordering::Relaxed));
        let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
        Traffic { messages, bytes, seconds }
    }

    fn count(&self, sent: usize, exchange: impl FnOnce()) {
        let begin = Instant::now();
        exchange();
        let took = begin.elapsed().as_nanos() as u64;
        for (count, more) in
            [(&self.messages, 1), (&self.bytes, sent as u64), (&self.nanoseconds, took)]
        {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }
}

impl ProcessGroup for MeasuredGroup {
    fn rank(&self) -> usize {
        self.group.rank()
    }

    fn size(&self) -> usize {
        self.group.size()
    }

    fn all_gather_bytes(&self, all: &mut [u8], parts: &[Range<usize>]) {
        let own = parts[self.rank()].len();
        self.count(own * (self.size() - 1), || self.group.all_gather_bytes(all, parts));
    }

    fn all_to_all_bytes(
        &self,
        send: &[u8],
        to: &[Range<usize>],
        received: &mut [u8],
        from: &[Range<usize>],
    ) {
        let own = to[self.rank()].len();
        let sent = to.iter().map(ExactSizeIterator::len).sum::<usize>() - own;
        self.count(sent, || self.group.all_to_all_bytes(send, to, received, from));
    }
}

#[cfg(test)]
mod tests {
    use graph::testing::thread_group::in_threads;

    use super::*;

    #[test]
    fn what_is_sent_to_others_is_counted() {
        let traffic = in_threads(3, |group| {
            let group = MeasuredGroup::new(group);
            group.all_gather_bytes(&mut [0; 6], &[0..1, 1..3, 3..6]);
            let parts = [0..2, 2..4, 4..6];
            group.all_to_all_bytes(&[7; 6], &parts, &mut [0; 6], &parts);
            group.traffic()
        });
        let sent: Vec<_> =
            traffic.iter().map(|traffic| (traffic.messages, traffic.bytes)).collect();
        assert_eq!(sent, [(2, 2 + 4), (2, 4 + 4), (2, 6 + 4)]);
    }
}
