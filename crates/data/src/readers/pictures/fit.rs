//! Pictures of one size and the same colours.

use super::DecodedPicture;

/// Makes a picture `[rows, columns, channels]`: scaled, keeping its proportions, so that it covers all of it, and cut
/// equally at both sides.
///
/// Smaller pixels are averaged by the area they share with a larger one; larger ones are interpolated linearly.
pub(super) fn fit(picture: DecodedPicture, shape: [usize; 3]) -> Vec<u8> {
    let [rows, columns, channels] = shape;
    let picture = with_channels(picture, channels);
    if (picture.rows, picture.columns) == (rows, columns) {
        return picture.pixels;
    }
    // Pixels of the picture for one of the result.
    let scale = (picture.rows as f64 / rows as f64).min(picture.columns as f64 / columns as f64);
    let across = weights(picture.columns, columns, scale);
    let down = weights(picture.rows, rows, scale);
    // Across first, in the rows that the result needs.
    let first_row = down.first().map_or(0, |(first, _)| *first);
    let last_row = down.last().map_or(0, |(first, weights)| first + weights.len());
    let needed = &picture.pixels[first_row * picture.columns * channels..];
    let width = columns * channels;
    let mut narrow = vec![0.0_f64; (last_row - first_row) * width];
    let rows_of = needed.chunks_exact(picture.columns * channels);
    for (from, to) in rows_of.zip(narrow.chunks_exact_mut(width)) {
        for ((first, weights), to) in across.iter().zip(to.chunks_exact_mut(channels)) {
            for (x, weight) in (*first..).zip(weights) {
                let pixel = &from[x * channels..][..channels];
                to.iter_mut().zip(pixel).for_each(|(to, &value)| *to += weight * f64::from(value));
            }
        }
    }
    let mut pixels = Vec::with_capacity(rows * width);
    for (first, weights) in &down {
        for at in 0..width {
            let rows = (first - first_row..).zip(weights);
            let sum: f64 = rows.map(|(y, weight)| weight * narrow[y * width + at]).sum();
            pixels.push((sum + 0.5) as u8);
        }
    }
    pixels
}

/// For each of `n` pixels the first one of `len` that it is made of, and the weights of that and the next ones.
fn weights(len: usize, n: usize, scale: f64) -> Vec<(usize, Vec<f64>)> {
    let start = (len as f64 - n as f64 * scale) / 2.0;
    let last = len - 1;
    (0..n)
        .map(|i| {
            let (from, to) = (start + i as f64 * scale, start + (i + 1) as f64 * scale);
            if scale <= 1.0 {
                let at = ((from + to) / 2.0 - 0.5).clamp(0.0, last as f64);
                let first = (at as usize).min(last);
                let share = at - first as f64;
                return match share > 0.0 && first < last {
                    true => (first, vec![1.0 - share, share]),
                    false => (first, vec![1.0]),
                };
            }
            let first = (from.max(0.0) as usize).min(last);
            let end = (to.ceil() as usize).clamp(first + 1, len);
            let overlap = |x: usize| (to.min((x + 1) as f64) - from.max(x as f64)).max(0.0);
            let overlaps: Vec<f64> = (first..end).map(overlap).collect();
            let sum: f64 = overlaps.iter().sum();
            (first, overlaps.iter().map(|overlap| overlap / sum).collect())
        })
        .collect()
}

/// Grey as colours, or colours as grey with the weights of ITU-R BT.601, which JPEG uses.
fn with_channels(picture: DecodedPicture, channels: usize) -> DecodedPicture {
    let pixels = match (picture.channels, channels) {
        (1, 3) => picture.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
        (3, 1) => {
            let (pixels, _) = picture.pixels.as_chunks::<3>();
            let grey = |&[red, green, blue]: &[u8; 3]| {
                (299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue) + 500) / 1000
            };
            pixels.iter().map(|pixel| grey(pixel) as u8).collect()
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
