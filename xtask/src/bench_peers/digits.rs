//! The digits as the peers read them: one byte a pixel, no header.

use std::fs;

use anyhow::Context as _;

/// The folder with the files, from the root of the repository.
pub(super) const FOLDER: &str = "target/peers-data";

/// Writes the training digits out of the copy that Gradus itself trains on.
///
/// # Errors
///
/// If the digits are damaged or the files cannot be written.
pub(super) fn write() -> anyhow::Result<()> {
    let digits = mnist::load()?;
    fs::create_dir_all(FOLDER).context(FOLDER)?;
    fs::write(format!("{FOLDER}/train-images.u8"), &digits.train_images).context(FOLDER)?;
    fs::write(format!("{FOLDER}/train-labels.u8"), &digits.train_labels).context(FOLDER)
}
