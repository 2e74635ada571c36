//! The log of a run as it is written.

use std::fs::File;
use std::io;

use events::Event;

/// Bytes of steps that wait to be written together.
const BUFFER: usize = 8 << 10;
/// Bytes that are kept at most while nothing can be written. Then steps are left out, which are the most by far, and at twice
/// as many all events.
const MAX_PENDING: usize = 64 << 20;

/// A log to which events are appended. What cannot be written stays and is written before what comes next, so that no line is
/// half of one for longer than that.
#[derive(Debug)]
pub(crate) struct EventLog {
    file: File,
    pending: Vec<u8>,
    /// Whether what waits begins within a line.
    is_within_line: bool,
    /// Whether events were left out.
    has_gap: bool,
    /// The line of the last start of the run.
    start: String,
}

impl EventLog {
    /// The log in a file that is open to append.
    pub(crate) fn new(file: File) -> Self {
        let (pending, start) = (Vec::new(), String::new());
        Self { file, pending, is_within_line: false, has_gap: false, start }
    }

    /// Continues in another file, which begins as the log did: somebody has removed the first one.
    pub(crate) fn begin_again(&mut self, file: File) {
        self.file = file;
        // What waits may begin within a line.
        let line_end = self.pending.iter().position(|&byte| byte == b'\n' && self.is_within_line);
        self.pending.drain(..line_end.map_or(0, |end| end + 1));
        self.pending.splice(..0, self.start.clone().into_bytes());
        self.is_within_line = false;
    }

    /// Appends an event. Lines reach the file with every event but single steps.
    pub(crate) fn record(&mut self, event: &Event) -> io::Result<()> {
        let is_step = matches!(event, Event::StepFinished(_));
        let most = if is_step { MAX_PENDING } else { 2 * MAX_PENDING };
        self.has_gap |= self.pending.len() >= most;
        if self.pending.len() < most {
            let line = event.to_line() + "\n";
            self.pending.extend_from_slice(line.as_bytes());
            if matches!(event, Event::RunStarted(_)) {
                self.start = line;
            }
        }
        if is_step && self.pending.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Writes what waits.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let (written, result) = files::write_some(&mut self.file, &self.pending);
        if let Some(last) = written.checked_sub(1) {
            self.is_within_line = self.pending[last] != b'\n';
        }
        self.pending.drain(..written);
        result
    }

    /// Whether every event was written.
    pub(crate) fn is_written(&self) -> bool {
        self.pending.is_empty() && !self.has_gap
    }

    /// Makes what is written last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        // Whoever wants to know whether it succeeds flushes before.
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use events::{Metrics, Paused, Reader, StepFinished};

    use super::*;

    fn step(step: u64) -> Event {
        Event::StepFinished(StepFinished {
            step,
            epoch: 0.1,
            metrics: Metrics::new(0.5),
            penalty: 0.0,
            learning_rate: 0.1,
            grad_norm: 1.0,
        })
    }

    #[test]
    fn steps_wait_for_each_other_and_all_else_is_written_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = EventLog::new(File::create(&path).unwrap());
        let len = || path.metadata().unwrap().len();
        log.record(&step(1)).unwrap();
        assert!(len() == 0 && !log.is_written());
        log.record(&Event::Paused(Paused { step: 1 })).unwrap();
        assert!(len() > 0 && log.is_written());
        let before = len();
        (2..200).for_each(|number| log.record(&step(number)).unwrap());
        assert!(len() > before, "the buffer was full");
        drop(log);
        let text = std::fs::read(&path).unwrap();
        assert_eq!(Reader::new(&text[..]).map(Result::unwrap).count(), 200);
    }

    /// A device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_could_not_be_written_is_written_later_within_limits() {
        let full = || OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut log = EventLog::new(full());
        for number in 0..1000 {
            let _ = log.record(&step(number));
        }
        let error = log.record(&Event::Paused(Paused { step: 1000 })).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        // There is place again.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        log.file = File::create(&path).unwrap();
        log.record(&step(1001)).unwrap();
        assert!(log.is_written());
        let text = std::fs::read(&path).unwrap();
        let steps: Vec<u64> = Reader::new(&text[..]).map(|event| event.unwrap().step()).collect();
        assert_eq!(steps, (0..=1001).collect::<Vec<_>>());

        log.file = full();
        log.pending = vec![b' '; MAX_PENDING];
        for number in 0..1000 {
            log.record(&step(number)).unwrap_err();
        }
        assert_eq!((log.pending.len(), log.has_gap), (MAX_PENDING, true));
        log.record(&Event::Paused(Paused { step: 1 })).unwrap_err();
        assert!(log.pending.len() > MAX_PENDING);
    }
}
