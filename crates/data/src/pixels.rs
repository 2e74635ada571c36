//! Arithmetic of pixels that readers and transforms share.

/// Scales pictures of one size to another one, keeping their proportions, so that they cover all of it; what is too long
/// is cut equally at both sides.
///
/// Smaller pixels are averaged by the area they share with a larger one; larger ones are interpolated linearly between the
/// centres of pixels.
pub(crate) struct Resampling {
    columns: usize,
    down: Vec<PixelWeights>,
    across: Vec<PixelWeights>,
}

/// The first pixel that another one is made of, and the weights of that and the next ones.
type PixelWeights = (usize, Vec<f64>);

impl Resampling {
    /// From a size to another one, both rows and columns, 1 or more.
    pub(crate) fn new([from_rows, from_columns]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        // Pixels of the picture for one of the result.
        let scale = (from_rows as f64 / rows as f64).min(from_columns as f64 / columns as f64);
        Self {
            columns: from_columns,
            down: weights(from_rows, rows, scale),
            across: weights(from_columns, columns, scale),
        }
    }

    /// The values of a picture, row by row, the channels of a pixel together; and so are those of the result.
    pub(crate) fn apply<T: Copy + Into<f64>>(&self, values: &[T], channels: usize) -> Vec<f64> {
        let Self { columns, down, across } = self;
        // Across first, in the rows that the result needs.
        let first_row = down.first().map_or(0, |(first, _)| *first);
        let last_row = down.last().map_or(0, |(first, weights)| first + weights.len());
        let needed = &values[first_row * columns * channels..];
        let width = across.len() * channels;
        let mut narrow = vec![0.0_f64; (last_row - first_row) * width];
        let rows_of = needed.chunks_exact(columns * channels);
        for (from, to) in rows_of.zip(narrow.chunks_exact_mut(width)) {
            for ((first, weights), to) in across.iter().zip(to.chunks_exact_mut(channels)) {
                for (x, weight) in (*first..).zip(weights) {
                    let pixel = &from[x * channels..][..channels];
                    to.iter_mut().zip(pixel).for_each(|(to, &value)| *to += weight * value.into());
                }
            }
        }
        let mut scaled = Vec::with_capacity(down.len() * width);
        for (first, weights) in down {
            scaled.extend((0..width).map(|at| {
                let rows = (first - first_row..).zip(weights);
                rows.map(|(y, weight)| weight * narrow[y * width + at]).sum::<f64>()
            }));
        }
        scaled
    }
}

/// What each of `n` pixels is made of, of `len` in a line.
fn weights(len: usize, n: usize, scale: f64) -> Vec<PixelWeights> {
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

/// The grey of a colour, with the weights of ITU-R BT.601, which JPEG uses.
pub(crate) fn gray([red, green, blue]: [f64; 3]) -> f64 {
    (299.0 * red + 587.0 * green + 114.0 * blue) / 1000.0
}

/// The nearest whole number, of two the larger one.
pub(crate) fn rounded(value: f64) -> f64 {
    (value + 0.5).floor()
}

/// The nearest byte.
pub(crate) fn to_byte(value: f64) -> u8 {
    rounded(value) as u8
}

#[cfg(test)]
mod tests {
    use kernels::random::Stream;

    use super::*;

    /// The value at a place between pixels, by the definition: the mean over the area of a pixel of the result where the
    /// picture becomes smaller, else linear between the centres of four pixels.
    fn plain(
        picture: &dyn Fn(usize, usize) -> f64,
        from: [usize; 2],
        to: [usize; 2],
        [y, x]: [usize; 2],
    ) -> f64 {
        let scale = (from[0] as f64 / to[0] as f64).min(from[1] as f64 / to[1] as f64);
        let edge = |axis: usize, i: usize| {
            (from[axis] as f64 - to[axis] as f64 * scale) / 2.0 + i as f64 * scale
        };
        if scale > 1.0 {
            let (mut sum, mut area) = (0.0, 0.0);
            for (row, column) in (0..from[0]).flat_map(|row| (0..from[1]).map(move |c| (row, c))) {
                let shared = |axis: usize, i: usize, pixel: usize| {
                    let end = edge(axis, i + 1).min(pixel as f64 + 1.0);
                    (end - edge(axis, i).max(pixel as f64)).max(0.0)
                };
                let weight = shared(0, y, row) * shared(1, x, column);
                sum += weight * picture(row, column);
                area += weight;
            }
            return sum / area;
        }
        let place = |axis: usize, i: usize| {
            let centre = (edge(axis, i) + edge(axis, i + 1)) / 2.0 - 0.5;
            let at = centre.clamp(0.0, from[axis] as f64 - 1.0);
            (at.floor() as usize, (at.ceil() as usize), at - at.floor())
        };
        let ((top, bottom, down), (left, right, across)) = (place(0, y), place(1, x));
        let line = |row| picture(row, left) * (1.0 - across) + picture(row, right) * across;
        line(top) * (1.0 - down) + line(bottom) * down
    }

    #[test]
    fn pixels_are_means_of_areas_or_linear_between_centres() {
        let mut random = Stream::new(5, 0);
        for _ in 0..200 {
            let mut size = || [1 + random.below(17) as usize, 1 + random.below(17) as usize];
            let (from, to) = (size(), size());
            let channels = if random.below(2) == 0 { 1 } else { 3 };
            let values: Vec<f64> =
                (0..from[0] * from[1] * channels).map(|_| random.below(256) as f64).collect();
            let scaled = Resampling::new(from, to).apply(&values, channels);
            assert_eq!(scaled.len(), to[0] * to[1] * channels);
            for (i, found) in scaled.iter().enumerate() {
                let (pixel, channel) = (i / channels, i % channels);
                let picture = |row: usize, column: usize| {
                    values[(row * from[1] + column) * channels + channel]
                };
                let place = [pixel / to[1], pixel % to[1]];
                let expected = plain(&picture, from, to, place);
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{from:?} to {to:?} at {place:?}: {found} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn grey_is_weighted_and_rounded_to_the_next_byte() {
        assert_eq!(gray([255.0, 0.0, 0.0]), 76.245);
        assert_eq!([76.245, 76.5, 254.6, 0.4, 255.0].map(to_byte), [76, 77, 255, 0, 255]);
    }
}
