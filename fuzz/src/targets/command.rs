//! A command to a run.

use gradus::events::Command;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(command) = Command::parse(bytes) {
        let again = serde_json::to_vec(&command).expect("plain structs");
        assert_eq!(Command::parse(&again), Ok(command));
    }
}
