//! Pictures: PNG and JPEG, decoded the same wherever they come from; and folders and archives of them.

mod fit;
#[cfg(feature = "files")]
mod folder;
mod jpeg;
#[cfg(feature = "files")]
mod listing;
mod png;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(feature = "files")]
mod tree;

use crate::{DataError, DataFault};

#[cfg(feature = "files")]
pub use self::folder::{PICTURE, PictureFolder};
#[cfg(feature = "files")]
pub(crate) use self::listing::FolderPictures;
#[cfg(feature = "files")]
pub(crate) use self::tree::{PictureTree, has_picture_name};

/// Pixels of the largest picture that is read: 64 million.
const MOST_PIXELS: usize = 1 << 26;

/// A picture as it is shown, in grey or in red, green and blue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedPicture {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub columns: usize,
    /// 1 or 3.
    pub channels: usize,
    /// Row by row, the channels of a pixel together: 0 is black, 255 white.
    pub pixels: Vec<u8>,
}

/// What the header of a picture says, the way up that it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PictureHeader {
    rows: usize,
    columns: usize,
    channels: usize,
}

impl DecodedPicture {
    /// Decodes a PNG or JPEG picture.
    ///
    /// 16 bits become 8 by rounding; palettes become colours; what is transparent shows white; a JPEG is shown the way
    /// up that its orientation says.
    ///
    /// # Errors
    ///
    /// [`DataFault::Format`] for another format, a picture that is cut or damaged, CMYK, and more than 64 million pixels.
    pub fn decode(name: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let format =
            |found| DataFault::Format { found, expected: "a PNG or JPEG picture".to_owned() };
        decode(bytes).map_err(|found| format(found).of(name))
    }

    /// The pixels of the picture as `[rows, columns, channels]`: scaled, keeping its proportions, so that it covers all
    /// of it, and cut equally at both sides.
    #[must_use]
    pub fn fitted(self, shape: [usize; 3]) -> Vec<u8> {
        fit::fit(self, shape)
    }
}

/// Decodes a picture, or says what was found instead.
fn decode(bytes: &[u8]) -> Result<DecodedPicture, String> {
    match bytes {
        _ if png::is_png(bytes) => png::decode(bytes),
        _ if jpeg::is_jpeg(bytes) => jpeg::decode(bytes),
        _ => Err(format_of(bytes).to_owned()),
    }
}

/// Whether bytes begin as those of a picture that is read.
#[cfg(feature = "files")]
pub(crate) fn is_picture(start: &[u8]) -> bool {
    png::is_png(start) || jpeg::is_jpeg(start)
}

/// Size and colours of a picture, of which nothing is missing.
#[cfg(feature = "files")]
fn header_of(bytes: &[u8]) -> Result<PictureHeader, String> {
    match bytes {
        _ if png::is_png(bytes) => png::header(bytes),
        _ if jpeg::is_jpeg(bytes) => Ok(jpeg::header(bytes)?.0),
        _ => Err(format_of(bytes).to_owned()),
    }
}

fn check_size(rows: usize, columns: usize) -> Result<(), String> {
    match rows.checked_mul(columns) {
        Some(1..=MOST_PIXELS) => Ok(()),
        _ => Err(format!(
            "a picture of {columns} x {rows} pixels, which is 0 or above {MOST_PIXELS}"
        )),
    }
}

/// What bytes are that are not a picture that is read.
fn format_of(bytes: &[u8]) -> &'static str {
    match bytes {
        [] => "an empty file",
        [b'G', b'I', b'F', b'8', ..] => "a GIF picture: convert it to PNG",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            "a WebP picture: convert it to PNG"
        }
        [b'B', b'M', ..] => "a BMP picture: convert it to PNG",
        [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => {
            "a TIFF picture: convert it to PNG"
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => {
            "an AVIF or HEIC picture, or a film: convert it to PNG"
        }
        _ if bytes
            .iter()
            .take(512)
            .all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) =>
        {
            "text"
        }
        _ => "another format",
    }
}
