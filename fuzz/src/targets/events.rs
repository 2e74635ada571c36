//! The log of a run.

use gradus::events::{Event, Reader};

pub(crate) fn run(bytes: &[u8]) {
    for event in Reader::new(bytes).flatten() {
        let line = event.to_line();
        let again = Event::parse(&line).expect("what was written can be read");
        assert_eq!(again.to_line(), line);
    }
}
