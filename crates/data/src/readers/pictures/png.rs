//! PNG pictures of every colour type and depth.

use std::io::Cursor;

use ::png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::{DecodedPicture, PictureHeader, check_size};

const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// What transparent pixels show: white, as the page they are drawn on.
const GROUND: u32 = 255;

pub(super) fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Size and colours by the chunks of a file, all of which are there.
pub(super) fn header(bytes: &[u8]) -> Result<PictureHeader, String> {
    let mut rest = &bytes[MAGIC.len()..];
    let mut found = None;
    loop {
        let Some((length, chunk)) = rest.split_first_chunk::<4>() else {
            return Err("a PNG picture that is cut".to_owned());
        };
        // The length, then the type, the data and a checksum.
        let length = u32::from_be_bytes(*length) as usize;
        let Some(data) = chunk.get(4..).and_then(|data| data.get(..length)) else {
            return Err("a PNG picture that is cut".to_owned());
        };
        match &chunk[..4] {
            b"IHDR" if data.len() >= 13 => {
                let size = |at: usize| {
                    u32::from_be_bytes([data[at], data[at + 1], data[at + 2], data[at + 3]])
                };
                let (columns, rows) = (size(0) as usize, size(4) as usize);
                check_size(rows, columns)?;
                found = Some(PictureHeader {
                    rows,
                    columns,
                    channels: if data[9] & 2 == 0 { 1 } else { 3 },
                });
            }
            b"IEND" => return found.ok_or_else(|| "a PNG picture without a header".to_owned()),
            _ => {}
        }
        rest = chunk.get(8 + length..).unwrap_or_default();
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<DecodedPicture, String> {
    let PictureHeader { rows, columns, .. } = header(bytes)?;
    let broken = |error: ::png::DecodingError| format!("a damaged PNG picture ({error})");
    let limits = Limits { bytes: 8 * super::MOST_PIXELS };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    // Palettes become colours, bits bytes, and a colour that stands for transparency an alpha channel.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(broken)?;
    let len = reader.output_buffer_size().ok_or("a PNG picture of impossible size")?;
    let mut data = vec![0; len];
    let info = reader.next_frame(&mut data).map_err(broken)?;
    data.truncate(info.buffer_size());
    let values: Vec<u32> = match info.bit_depth {
        // 65,535 is 255 · 257.
        BitDepth::Sixteen => {
            let (pairs, _) = data.as_chunks::<2>();
            pairs.iter().map(|pair| (u32::from(u16::from_be_bytes(*pair)) + 128) / 257).collect()
        }
        _ => data.into_iter().map(u32::from).collect(),
    };
    let over_ground = |value: u32, alpha: u32| (value * alpha + GROUND * (255 - alpha) + 127) / 255;
    let (channels, values) = match info.color_type {
        ColorType::Grayscale => (1, values),
        ColorType::Rgb => (3, values),
        ColorType::GrayscaleAlpha => {
            let (pixels, _) = values.as_chunks::<2>();
            (1, pixels.iter().map(|&[value, alpha]| over_ground(value, alpha)).collect())
        }
        ColorType::Rgba => {
            let (pixels, _) = values.as_chunks::<4>();
            let of = |&[red, green, blue, alpha]: &[u32; 4]| {
                [red, green, blue].map(|value| over_ground(value, alpha))
            };
            (3, pixels.iter().flat_map(of).collect())
        }
        ColorType::Indexed => return Err("a PNG picture without a palette".to_owned()),
    };
    let pixels = values.into_iter().map(|value| value as u8).collect();
    Ok(DecodedPicture { rows, columns, channels, pixels })
}
