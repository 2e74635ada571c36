//! Images and labels in IDX files.

use gradus::data::readers::idx;

pub(crate) fn run(bytes: &[u8]) {
    let _ = idx::images("x", bytes);
    let _ = idx::labels("x", bytes, 10);
}
