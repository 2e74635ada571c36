//! An experiment file, and the network that it describes.

use gradus::nn::Mode;
use gradus::runs::Experiment;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = Experiment::decode("x.toml", bytes.to_vec()) else { return };
    let _ = Experiment::settings_of(&text);
    let Ok(experiment) = Experiment::parse("x.toml", &text) else { return };
    let again = Experiment::parse("x.toml", &experiment.to_text());
    assert_eq!(again.expect("what was written can be read"), experiment);
    let _ = experiment.settings();
    let _ = experiment.network(Mode::Train);
}
