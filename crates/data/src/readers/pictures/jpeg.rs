//! JPEG pictures, the way up that their orientation says.
//!
//! A file that is cut is known by its missing end, one with foreign markers by the decoder. One that was cut and given an
//! end again cannot be told from a whole one: no decoder says how much of a picture its data filled.
//!
//! Source: ITU-T T.81, B.1.1 (markers); JEITA CP-3451, 4.6.4 A (orientation).

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{DecodedPicture, PictureHeader, check_size};

const CUT: &str = "a JPEG picture that is cut";
/// The tag of the orientation, a number from 1 to 8.
const ORIENTATION: u16 = 0x0112;

pub(super) fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xff, 0xd8, 0xff])
}

/// Size and colours by the segments of a file, as it is shown; and its orientation.
pub(super) fn header(bytes: &[u8]) -> Result<(PictureHeader, u8), String> {
    let (mut at, mut orientation, mut found) = (2, 1, None);
    loop {
        // A marker is 0xff, perhaps several times, and a byte.
        while bytes.get(at) == Some(&0xff) && bytes.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) else {
            return Err(CUT.to_owned());
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let Some(segment) = bytes.get(at + 4..at + 2 + len.max(2)) else {
            return Err(CUT.to_owned());
        };
        match (marker, segment) {
            // Frames; 0xc4, 0xc8 and 0xcc are others.
            (0xc0..=0xcf, &[_, r0, r1, c0, c1, channels, ..])
                if ![0xc4, 0xc8, 0xcc].contains(&marker) =>
            {
                let size = |high, low| usize::from(u16::from_be_bytes([high, low]));
                found = Some((size(r0, r1), size(c0, c1), channels));
            }
            (0xe1, exif) if exif.starts_with(b"Exif\0\0") => {
                orientation = self::orientation(&exif[6..]).unwrap_or(1);
            }
            (0xda, _) => break,
            _ => {}
        }
        at += 2 + len.max(2);
    }
    // What follows is the picture, up to a marker.
    if !bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]) {
        return Err(CUT.to_owned());
    }
    let (mut rows, mut columns, channels) = found.ok_or("a JPEG picture without a header")?;
    check_size(rows, columns)?;
    if orientation > 4 {
        (rows, columns) = (columns, rows);
    }
    let channels = match channels {
        1 => 1,
        3 => 3,
        4 => return Err("a JPEG picture in CMYK, the colours of print".to_owned()),
        n => return Err(format!("a JPEG picture of {n} channels")),
    };
    Ok((PictureHeader { rows, columns, channels }, orientation))
}

/// The orientation in a TIFF structure.
fn orientation(tiff: &[u8]) -> Option<u8> {
    let is_little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = [*tiff.get(at)?, *tiff.get(at.checked_add(1)?)?];
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let (first, second) = (usize::from(u16_at(4)?), usize::from(u16_at(6)?));
    let directory = if is_little { second << 16 | first } else { first << 16 | second };
    let entries = usize::from(u16_at(directory)?);
    let entry =
        (0..entries).map(|i| directory + 2 + 12 * i).find(|&at| u16_at(at) == Some(ORIENTATION))?;
    u16_at(entry + 8).filter(|value| (1..=8).contains(value)).map(|value| value as u8)
}

pub(super) fn decode(bytes: &[u8]) -> Result<DecodedPicture, String> {
    let (PictureHeader { rows, columns, channels }, orientation) = header(bytes)?;
    let colors = if channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    // A picture that is damaged is an error, and not grey from there on.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(1 << 16)
        .set_max_height(1 << 16)
        .jpeg_set_out_colorspace(colors);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(bytes), options);
    let pixels = decoder.decode().map_err(|error| format!("a damaged JPEG picture ({error})"))?;
    let stored = if orientation > 4 { [columns, rows] } else { [rows, columns] };
    if pixels.len() != rows * columns * channels {
        return Err("a JPEG picture of another size than its header says".to_owned());
    }
    let pixels = upright(pixels, stored, channels, orientation);
    Ok(DecodedPicture { rows, columns, channels, pixels })
}

/// The pixels of a picture that was stored with `stored` rows and columns, as its orientation shows it.
fn upright(pixels: Vec<u8>, stored: [usize; 2], channels: usize, orientation: u8) -> Vec<u8> {
    if orientation == 1 {
        return pixels;
    }
    let [rows, columns] = if orientation > 4 { [stored[1], stored[0]] } else { stored };
    let mut shown = Vec::with_capacity(pixels.len());
    for y in 0..rows {
        for x in 0..columns {
            // Where the first stored row and column are shown: 6 is right and top.
            let [from_y, from_x] = match orientation {
                2 => [y, columns - 1 - x],
                3 => [rows - 1 - y, columns - 1 - x],
                4 => [rows - 1 - y, x],
                5 => [x, y],
                6 => [columns - 1 - x, y],
                7 => [columns - 1 - x, rows - 1 - y],
                _ => [x, rows - 1 - y],
            };
            let at = (from_y * stored[1] + from_x) * channels;
            shown.extend_from_slice(&pixels[at..][..channels]);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_shows_the_same_picture() {
        // Shown as rows 1 2 3 and 4 5 6; stored as each orientation stores that.
        let stored: [(u8, [usize; 2], [u8; 6]); 8] = [
            (1, [2, 3], [1, 2, 3, 4, 5, 6]),
            (2, [2, 3], [3, 2, 1, 6, 5, 4]),
            (3, [2, 3], [6, 5, 4, 3, 2, 1]),
            (4, [2, 3], [4, 5, 6, 1, 2, 3]),
            (5, [3, 2], [1, 4, 2, 5, 3, 6]),
            (6, [3, 2], [3, 6, 2, 5, 1, 4]),
            (7, [3, 2], [6, 3, 5, 2, 4, 1]),
            (8, [3, 2], [4, 1, 5, 2, 6, 3]),
        ];
        for (orientation, shape, pixels) in stored {
            let shown = upright(pixels.to_vec(), shape, 1, orientation);
            assert_eq!(shown, [1, 2, 3, 4, 5, 6], "{orientation}");
        }
    }

    #[test]
    fn directories_of_tags_that_lead_nowhere_are_left_out() {
        let tiff = |offset: u32, n: u16| {
            let mut tiff = b"II*\0".to_vec();
            tiff.extend(offset.to_le_bytes());
            tiff.extend(n.to_le_bytes());
            tiff.extend([0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
            tiff
        };
        assert_eq!(orientation(&tiff(8, 1)), Some(6));
        assert_eq!(orientation(&tiff(u32::MAX, 1)), None);
        assert_eq!(orientation(&tiff(8, 0)), None);
        assert_eq!(orientation(b"II*"), None);
    }
}
