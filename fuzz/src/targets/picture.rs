//! A picture.

use gradus::data::readers::pictures::DecodedPicture;

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(picture) = DecodedPicture::decode("x", bytes) {
        assert_eq!(picture.fitted([3, 5, 3]).len(), 45);
    }
}
