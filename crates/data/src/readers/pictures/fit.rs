//! Pictures of one size and the same colours.

use super::DecodedPicture;
use crate::pixels::{Resampling, gray, to_byte};

/// Makes a picture `[rows, columns, channels]`: its colours, then its size by [`Resampling`].
pub(super) fn fit(picture: DecodedPicture, shape: [usize; 3]) -> Vec<u8> {
    let [rows, columns, channels] = shape;
    let picture = with_channels(picture, channels);
    if (picture.rows, picture.columns) == (rows, columns) {
        return picture.pixels;
    }
    let resampling = Resampling::new([picture.rows, picture.columns], [rows, columns]);
    resampling.apply(&picture.pixels, channels).into_iter().map(to_byte).collect()
}

/// Grey as colours, or colours as grey.
fn with_channels(picture: DecodedPicture, channels: usize) -> DecodedPicture {
    let pixels = match (picture.channels, channels) {
        (1, 3) => picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        (3, 1) => {
            let (pixels, _) = picture.pixels.as_chunks::<3>();
            pixels.iter().map(|pixel| to_byte(gray(pixel.map(f64::from)))).collect()
        }
        _ => picture.pixels,
    };
    DecodedPicture { channels, pixels, ..picture }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(rows: usize, columns: usize, pixels: &[u8]) -> DecodedPicture {
        DecodedPicture { rows, columns, channels: 1, pixels: pixels.to_vec() }
    }

    #[test]
    fn smaller_pictures_are_means_and_larger_ones_interpolated() {
        assert_eq!(fit(grey(2, 4, &[0, 2, 10, 20, 4, 6, 30, 40]), [1, 2, 1]), [3, 25]);
        assert_eq!(fit(grey(1, 2, &[0, 100]), [2, 4, 1]), [0, 25, 75, 100, 0, 25, 75, 100]);
        assert_eq!(fit(grey(3, 3, &[9, 9, 9, 0, 3, 6, 9, 9, 9]), [3, 3, 1])[3..6], [0, 3, 6]);
        // A third of the middle row goes to each half.
        assert_eq!(fit(grey(3, 3, &[0, 0, 0, 90, 90, 90, 0, 0, 0]), [2, 2, 1]), [30; 4]);
    }

    #[test]
    fn what_is_too_long_is_cut_equally_at_both_sides() {
        assert_eq!(fit(grey(1, 5, &[1, 2, 3, 4, 5]), [1, 1, 1]), [3]);
        assert_eq!(fit(grey(2, 6, &[1, 1, 5, 7, 9, 9, 1, 1, 5, 7, 9, 9]), [1, 1, 1]), [6]);
    }

    #[test]
    fn colours_and_grey_become_each_other() {
        assert_eq!(fit(grey(1, 1, &[7]), [1, 1, 3]), [7; 3]);
        let picture =
            DecodedPicture { rows: 1, columns: 2, channels: 3, pixels: vec![255, 0, 0, 9, 9, 9] };
        assert_eq!(fit(picture, [1, 2, 1]), [76, 9]);
    }

    #[test]
    fn any_size_becomes_any_other_without_leaving_the_range_of_its_pixels() {
        for (rows, columns) in [(1, 1), (1, 7), (5, 3), (64, 2)] {
            for (to_rows, to_columns) in [(1, 1), (3, 3), (2, 9), (31, 4)] {
                let fitted =
                    fit(grey(rows, columns, &vec![200; rows * columns]), [to_rows, to_columns, 1]);
                assert_eq!(fitted, vec![200; to_rows * to_columns], "{rows} x {columns}");
            }
        }
    }
}
