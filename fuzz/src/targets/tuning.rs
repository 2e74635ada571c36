//! An experiment with ranges of settings.

use gradus::runs::tune::Tuning;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Tuning::parse("x.toml", text);
    }
}
