//! Fitted transforms, as a saved model has them.

use gradus::data::FittedTransforms;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(transforms) = FittedTransforms::from_toml(text) {
        let again = FittedTransforms::from_toml(&transforms.to_toml());
        assert_eq!(again.expect("what was written can be read"), transforms);
        let _ = (transforms.width(), transforms.class_name(0));
    }
}
