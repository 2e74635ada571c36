//! The state of a training.

use gradus::runs::TrainerState;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(state) = TrainerState::from_bytes(bytes) {
        let again = state.to_bytes().expect("what was read can be written");
        assert_eq!(TrainerState::from_bytes(&again).expect("what was written can be read"), state);
    }
}
