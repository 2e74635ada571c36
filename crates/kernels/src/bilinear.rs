//! Pictures sampled between their pixels.

use crate::{inlined, vectorize};

/// Pixels of the frame before the first row or column, and after the last: a point outside reads two of them.
const FRAME: [usize; 2] = [1, 2];
/// Points whose pixels are found before those are read.
const BLOCK: usize = 64;

/// The size of a picture `[rows, columns, channels]` in its frame.
const fn framed_shape([rows, columns, channels]: [usize; 3]) -> [usize; 3] {
    let frame = FRAME[0] + FRAME[1];
    [rows + frame, columns + frame, channels]
}

/// Copies a picture of the shape `[rows, columns, channels]` into a frame of zeros, as
/// [`sample_bilinear`] reads it. `framed` is resized if it has another length.
///
/// # Panics
///
/// If the picture has another size.
pub fn frame_picture(picture: &[f32], shape: [usize; 3], framed: &mut Vec<f32>) {
    let [rows, columns, channels] = shape;
    assert_eq!(picture.len(), rows * columns * channels, "picture of {shape:?}");
    let [framed_rows, framed_columns, _] = framed_shape(shape);
    let stride = framed_columns * channels;
    framed.clear();
    framed.resize(framed_rows * stride, 0.0);
    let inner = framed[FRAME[0] * stride..].chunks_exact_mut(stride);
    for (to, from) in inner.zip(picture.chunks_exact(columns * channels)) {
        to[FRAME[0] * channels..][..from.len()].copy_from_slice(from);
    }
}

/// Samples a [framed](frame_picture) picture of the shape `[rows, columns, channels]`:
/// `to[i · channels + c]` is channel `c` at the point in row `points[0][i]` and column `points[1][i]`, interpolated
/// linearly between the four pixels around it. Pixels are at whole numbers; those outside the picture are 0.
///
/// # Panics
///
/// If the lengths do not fit, or the framed picture has 2³¹ values or more.
///
/// # Examples
///
/// ```
/// use gradus_kernels::{frame_picture, sample_bilinear};
///
/// let mut framed = Vec::new();
/// frame_picture(&[1.0, 3.0], [1, 2, 1], &mut framed);
/// let mut values = [0.0; 3];
/// sample_bilinear(&framed, [1, 2, 1], [&[0.0, 0.0, 0.5], &[0.0, 0.5, 1.0]], &mut values);
/// assert_eq!(values, [1.0, 2.0, 1.5]);
/// ```
pub fn sample_bilinear(framed: &[f32], shape: [usize; 3], points: [&[f32]; 2], to: &mut [f32]) {
    let [rows, columns, channels] = shape;
    let [ys, xs] = points;
    assert_eq!(framed.len(), framed_shape(shape).iter().product::<usize>(), "framed {shape:?}");
    assert!(i32::try_from(framed.len()).is_ok(), "{shape:?}: expected fewer than 2^31 values");
    assert!(ys.len() == xs.len() && to.len() == ys.len() * channels, "points of {shape:?}");
    let picture = Framed { values: framed, rows, columns };
    vectorize(inlined!(|| match channels {
        // A constant, so that the loop over channels vanishes.
        1 => picture.sample(1, points, to),
        _ => picture.sample(channels, points, to),
    }));
}

/// A framed picture whose length is checked.
struct Framed<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
}

impl Framed<'_> {
    #[inline(always)]
    fn sample(&self, channels: usize, [ys, xs]: [&[f32]; 2], to: &mut [f32]) {
        let stride = (self.columns + FRAME[0] + FRAME[1]) * channels;
        // From here on both pixels of a point are in the frame.
        let ends = [self.rows, self.columns].map(|size| (size + FRAME[0]) as f32);
        let (mut starts, mut down, mut right) = ([0_i32; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        let blocks = ys.chunks(BLOCK).zip(xs.chunks(BLOCK)).zip(to.chunks_mut(BLOCK * channels));
        for ((ys, xs), to) in blocks {
            let places = starts.iter_mut().zip(&mut down).zip(&mut right);
            for (((start, down), right), (&y, &x)) in places.zip(ys.iter().zip(xs)) {
                let ((row, below), (column, beside)) = (split(y, ends[0]), split(x, ends[1]));
                *start = row
                    .wrapping_mul(stride as i32)
                    .wrapping_add(column.wrapping_mul(channels as i32));
                (*down, *right) = (below, beside);
            }
            for i in 0..ys.len() {
                let start = starts[i] as usize;
                for c in 0..channels {
                    // SAFETY: `split` gives a row from 0 to `rows + 1` and a column from 0 to `columns + 1`, and the
                    // frame has one more of each: `rows + 3` and `columns + 3` are the framed sizes, which the caller
                    // compared with the length.
                    let pixel = |offset| unsafe { *self.values.get_unchecked(start + c + offset) };
                    let upper = mix(pixel(0), pixel(channels), right[i]);
                    let lower = mix(pixel(stride), pixel(stride + channels), right[i]);
                    to[i * channels + c] = mix(upper, lower, down[i]);
                }
            }
        }
    }
}

/// The pixel before a coordinate, counted from the first of the frame, and how far behind it the coordinate lies.
/// What is outside, or NaN, is moved into the frame, where all is 0.
#[inline(always)]
fn split(coordinate: f32, end: f32) -> (i32, f32) {
    let framed = (coordinate + FRAME[0] as f32).max(0.0).min(end);
    let before = framed as i32;
    (before, framed - before as f32)
}

/// `from` at 0, `to` at 1.
#[inline(always)]
fn mix(from: f32, to: f32, part: f32) -> f32 {
    from + part * (to - from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;
    use crate::testing::{is_refused, on_each_isa};

    const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [1, 7, 1], [5, 3, 3], [28, 28, 1], [9, 70, 2]];

    fn sample(picture: &[f32], shape: [usize; 3], points: &[[f32; 2]]) -> Vec<f32> {
        // Longer and not 0, as after another picture.
        let mut framed = vec![7.0; 9999];
        frame_picture(picture, shape, &mut framed);
        let axis = |axis: usize| points.iter().map(|point| point[axis]).collect::<Vec<_>>();
        let mut to = vec![-1.0; points.len() * shape[2]];
        sample_bilinear(&framed, shape, [&axis(0), &axis(1)], &mut to);
        to
    }

    fn picture_of([rows, columns, channels]: [usize; 3], random: &mut Stream) -> Vec<f32> {
        (0..rows * columns * channels).map(|_| random.uniform() as f32).collect()
    }

    #[test]
    fn between_pixels_the_value_is_that_of_the_formula_and_outside_it_is_0() {
        let mut random = Stream::new(4, 0);
        for shape @ [rows, columns, channels] in SHAPES {
            let picture = picture_of(shape, &mut random);
            let points: Vec<[f32; 2]> = (0..150)
                .map(|_| [rows, columns].map(|n| ((n + 4) as f64 * random.uniform() - 2.5) as f32))
                .collect();
            let pixel = |row: f64, column: f64, c: usize| {
                let is_inside =
                    (0.0..rows as f64).contains(&row) && (0.0..columns as f64).contains(&column);
                let at = || (row as usize * columns + column as usize) * channels + c;
                if is_inside { f64::from(picture[at()]) } else { 0.0 }
            };
            on_each_isa(|isa| {
                let found = sample(&picture, shape, &points);
                for (i, &found) in found.iter().enumerate() {
                    let [y, x] = points[i / channels].map(f64::from);
                    let corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)];
                    let expected: f64 = corners
                        .iter()
                        .map(|(down, right)| {
                            let (row, column) = (y.floor() + down, x.floor() + right);
                            let weight = (1.0 - (y - row).abs()) * (1.0 - (x - column).abs());
                            weight * pixel(row, column, i % channels)
                        })
                        .sum();
                    // Of coordinates up to 70, to which 1 is added.
                    let error = (f64::from(found) - expected).abs();
                    assert!(error < 3e-5, "{isa:?} {shape:?} ({y}, {x}): {found}, not {expected}");
                }
            });
        }
    }

    #[test]
    fn at_pixels_values_are_exact() {
        let mut random = Stream::new(5, 0);
        for shape @ [rows, columns, channels] in SHAPES {
            let picture = picture_of(shape, &mut random);
            let points: Vec<[f32; 2]> =
                (0..rows * columns).map(|i| [(i / columns) as f32, (i % columns) as f32]).collect();
            on_each_isa(|_| assert_eq!(sample(&picture, shape, &points), picture));
            let beyond = [[-1.0, 0.0], [rows as f32, 0.0], [0.0, -1.0], [0.0, columns as f32]];
            let far =
                [[f32::NAN, 0.0], [0.0, f32::INFINITY], [f32::NEG_INFINITY, 1e30], [-1e30, 0.0]];
            for points in [beyond, far] {
                on_each_isa(|_| {
                    assert_eq!(sample(&picture, shape, &points), vec![0.0; 4 * channels]);
                });
            }
        }
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let (framed, points, mut to) = (vec![0.0; 25], [0.0; 2], [0.0; 2]);
        let mut is_sampled = |framed: &[f32], [ys, xs]: [&[f32]; 2], n: usize| {
            !is_refused(|| sample_bilinear(framed, [2, 2, 1], [ys, xs], &mut to[..n]))
        };
        assert!(is_sampled(&framed, [&points; 2], 2));
        assert!(!is_sampled(&framed[1..], [&points; 2], 2));
        assert!(!is_sampled(&framed, [&points, &points[1..]], 2));
        assert!(!is_sampled(&framed, [&points; 2], 1));
        assert!(is_refused(|| frame_picture(&points, [2, 2, 1], &mut Vec::new())));
    }
}
