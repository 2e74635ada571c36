//! Samples side by side, as a picture of their own.

use super::canvas::{self, Image};
use super::description::color;

/// Pixels between two samples.
const GAP: usize = 2;
/// Small samples are enlarged to about so many pixels.
const SIDE: usize = 64;

/// Pictures one after the other, in rows.
#[derive(Clone, Copy, Debug)]
pub struct SampleSheet<'a> {
    /// `[rows, columns, channels]` of a picture, with one channel (shown as ink on paper) or three.
    pub shape: [usize; 3],
    /// Of all pictures, each row-major.
    pub values: &'a [f32],
    /// What is shown as the least and as the most.
    pub range: [f32; 2],
    /// Pictures in a row.
    pub columns: usize,
}

impl SampleSheet<'_> {
    /// The sheet as PNG.
    ///
    /// # Panics
    ///
    /// If a size is 0, or the number of channels is neither 1 nor 3.
    pub fn png(&self) -> Vec<u8> {
        let Self { shape: [height, width, channels], values, range: [low, high], columns } = *self;
        assert!(channels == 1 || channels == 3, "expected 1 or 3 channels, found {channels}");
        let pictures = values.chunks_exact(height * width * channels);
        let factor = (SIDE / height.max(width)).max(1);
        let [down, right] = [height, width].map(|size| size * factor + GAP);
        let rows = pictures.len().div_ceil(columns);
        let [paper, ink] = ["--card", "--ink"].map(color);
        let mut image = Image::filled(columns * right - GAP, rows * down - GAP, paper);
        let stride = image.width;
        for (i, picture) in pictures.enumerate() {
            let corner = i / columns * down * stride + i % columns * right;
            for (at, pixel) in picture.chunks_exact(channels).enumerate() {
                // 0 for NaN, also where all values are equal.
                let part = |value: f32| {
                    let part = (value - low) / (high - low);
                    if part > 0.0 { part.min(1.0) } else { 0.0 }
                };
                let mixed = |from: u8, to: u8, part: f32| {
                    (f32::from(from) + (f32::from(to) - f32::from(from)) * part).round() as u8
                };
                let shown = std::array::from_fn(|c| match *pixel {
                    [value] => mixed(paper[c], ink[c], part(value)),
                    _ => mixed(0, 255, part(pixel[c])),
                });
                image.fill(
                    corner + at / width * factor * stride + at % width * factor,
                    factor,
                    shown,
                );
            }
        }
        canvas::png(&image)
    }
}

impl Image {
    /// Fills a square whose first pixel is the one with that number.
    fn fill(&mut self, first: usize, side: usize, color: [u8; 3]) {
        for row in self.pixels.chunks_exact_mut(3 * self.width).skip(first / self.width).take(side)
        {
            let left = first % self.width;
            row[3 * left..3 * (left + side)].copy_from_slice(&color.repeat(side));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stand_in_rows_enlarged_and_apart() {
        let sheet = |shape, values: &[f32], columns| {
            let file = SampleSheet { shape, values, range: [-1.0, 1.0], columns }.png();
            let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            let [width, height] = [info.width, info.height].map(|size| size as usize);
            let at = move |x: usize, y: usize| {
                <[u8; 3]>::try_from(&pixels[(y * width + x) * 3..][..3]).unwrap()
            };
            ([width, height], at)
        };
        let [paper, ink] = ["--card", "--ink"].map(color);
        // Three pictures of 1 × 2 in two columns, each pixel 32 × 32.
        let (size, at) = sheet([1, 2, 1], &[-1.0, 1.0, 9.0, -9.0, 0.0, f32::NAN], 2);
        assert_eq!(size, [64 + 2 + 64, 32 + 2 + 32]);
        assert_eq!([at(0, 0), at(31, 31), at(32, 0), at(63, 31)], [paper, paper, ink, ink]);
        assert_eq!([at(64, 0), at(66, 0), at(98, 0), at(0, 32)], [paper, ink, paper, paper]);
        let middle =
            [0, 1, 2].map(|c| (f32::from(paper[c]) / 2.0 + f32::from(ink[c]) / 2.0).round() as u8);
        assert_eq!([at(0, 34), at(40, 50)], [middle, paper]);
        let (size, at) = sheet([70, 1, 3], &[1.0, -1.0, 0.0].repeat(70), 1);
        assert_eq!((size, at(0, 69)), ([1, 70], [255, 0, 128]));
    }
}
