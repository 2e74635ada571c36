//! A picture while it is augmented: geometry is composed, and the picture is sampled once.

use kernels::{frame_picture, inlined, sample_bilinear, vectorize};

/// Which point of a picture each pixel shows: `matrix · pixel + offset`, in rows and columns. Whole numbers are the
/// centres of pixels, the first of which is `[0, 0]`; rows count downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AffineMap {
    matrix: [[f32; 2]; 2],
    offset: [f32; 2],
}

impl AffineMap {
    /// Each pixel shows the point that lies `offset` beside it.
    pub fn shift(offset: [f32; 2]) -> Self {
        Self { matrix: [[1.0, 0.0], [0.0, 1.0]], offset }
    }

    /// A linear map about the centre of a picture of the shape `[rows, columns, channels]`.
    pub fn about_center([rows, columns, _]: [usize; 3], matrix: [[f32; 2]; 2]) -> Self {
        let center = [rows, columns].map(|size| (size as f32 - 1.0) / 2.0);
        let still = Self { matrix, offset: [0.0; 2] }.at(center);
        Self { matrix, offset: [center[0] - still[0], center[1] - still[1]] }
    }

    #[inline(always)]
    fn at(&self, [y, x]: [f32; 2]) -> [f32; 2] {
        let Self { matrix: [down, right], offset } = self;
        [down[0] * y + down[1] * x + offset[0], right[0] * y + right[1] * x + offset[1]]
    }

    /// The map that takes a pixel first through `inner`.
    fn after(&self, inner: &Self) -> Self {
        let offset = self.at(inner.offset);
        let columns = [0, 1].map(|column| {
            let [y, x] = inner.matrix.map(|row| row[column]);
            Self { offset: [0.0; 2], ..*self }.at([y, x])
        });
        Self { matrix: [0, 1].map(|row| columns.map(|column| column[row])), offset }
    }
}

/// What one picture after another is augmented in, so that none allocates.
#[derive(Debug, Default)]
pub struct PictureBuffers {
    /// The maps that are not applied yet. The picture of before is looked up at the result of the first.
    steps: Vec<MapStep>,
    /// The fields of all displacements among them: down, right.
    fields: Vec<f32>,
    scratch: Vec<f32>,
    points: [Vec<f32>; 2],
    framed: Vec<f32>,
    /// Points within the picture, and the displacements there.
    inside: [Vec<f32>; 2],
    found: Vec<f32>,
}

impl PictureBuffers {
    /// Makes space for so many maps, so that a later picture that draws more of them allocates nothing.
    pub(crate) fn reserve(&mut self, maps: usize) {
        self.steps.reserve(maps);
    }
}

#[derive(Clone, Copy, Debug)]
enum MapStep {
    Affine(AffineMap),
    Displaced,
}

/// A picture `[rows, columns, channels]`, which augmentations change one after the other.
#[derive(Debug)]
pub struct AugmentedPicture<'a> {
    shape: [usize; 3],
    values: &'a mut [f32],
    buffers: &'a mut PictureBuffers,
}

impl<'a> AugmentedPicture<'a> {
    pub(crate) fn new(
        shape: [usize; 3],
        values: &'a mut [f32],
        buffers: &'a mut PictureBuffers,
    ) -> Self {
        Self { shape, values, buffers }
    }

    /// `[rows, columns, channels]`.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// Moves the picture: each pixel shows the point of the picture so far that `map` gives, 0 outside of it.
    ///
    /// The picture is sampled when its [`values`](Self::values) are wanted, once for all maps since then.
    pub fn map(&mut self, map: AffineMap) {
        match self.buffers.steps.last_mut() {
            Some(MapStep::Affine(last)) => *last = last.after(&map),
            _ => self.buffers.steps.push(MapStep::Affine(map)),
        }
    }

    /// Distorts the picture: each pixel shows the point of the picture so far that lies beside it by what `fill` writes
    /// for it, row-major: how far down, and how far to the right. Between pixels a displacement is interpolated, outside
    /// it is that of the edge. `fill` also gets space for values of its own.
    pub fn displace(&mut self, fill: impl FnOnce([&mut [f32]; 2], &mut Vec<f32>)) {
        let PictureBuffers { steps, fields, scratch, .. } = &mut *self.buffers;
        let (first, n) = (fields.len(), self.shape[0] * self.shape[1]);
        fields.resize(first + 2 * n, 0.0);
        let (down, right) = fields[first..].split_at_mut(n);
        fill([down, right], scratch);
        steps.push(MapStep::Displaced);
    }

    /// The values so far, row-major, divided by the divisor of the data.
    pub fn values(&mut self) -> &mut [f32] {
        if !self.buffers.steps.is_empty() {
            self.buffers.sample(self.shape, self.values);
        }
        self.values
    }
}

impl PictureBuffers {
    /// Applies all maps, the last one first to a pixel.
    fn sample(&mut self, shape: [usize; 3], values: &mut [f32]) {
        let [rows, columns, _] = shape;
        let n = rows * columns;
        self.points.iter_mut().for_each(|points| points.resize(n, 0.0));
        write_grid(&mut self.points, columns);
        let mut is_grid = true;
        while let Some(step) = self.steps.pop() {
            match step {
                MapStep::Affine(map) => apply(&map, &mut self.points),
                MapStep::Displaced => self.displace([rows, columns], is_grid),
            }
            is_grid = false;
        }
        frame_picture(values, shape, &mut self.framed);
        sample_bilinear(&self.framed, shape, self.points.each_ref().map(|of| &of[..]), values);
    }

    /// Adds the last displacements to the points, which may be the pixels themselves.
    fn displace(&mut self, [rows, columns]: [usize; 2], is_grid: bool) {
        let Self { fields, points, framed, inside, found, .. } = self;
        let n = rows * columns;
        let first = fields.len() - 2 * n;
        if is_grid {
            for (points, field) in points.iter_mut().zip(fields[first..].chunks_exact(n)) {
                add(points, field);
            }
        } else {
            let ends = [rows, columns].map(|size| size as f32 - 1.0);
            for ((inside, points), end) in inside.iter_mut().zip(&*points).zip(ends) {
                inside.clear();
                inside.extend(points.iter().map(|point| point.clamp(0.0, end)));
            }
            found.resize(n, 0.0);
            for (points, field) in points.iter_mut().zip(fields[first..].chunks_exact(n)) {
                frame_picture(field, [rows, columns, 1], framed);
                let at = inside.each_ref().map(|of| &of[..]);
                sample_bilinear(framed, [rows, columns, 1], at, found);
                add(points, found);
            }
        }
        fields.truncate(first);
    }
}

/// Writes each pixel as a point.
fn write_grid([ys, xs]: &mut [Vec<f32>; 2], columns: usize) {
    vectorize(inlined!(|| {
        let rows = ys.chunks_exact_mut(columns).zip(xs.chunks_exact_mut(columns));
        for (row, (ys, xs)) in rows.enumerate() {
            ys.fill(row as f32);
            // By `u32`: vectors of `usize` have no conversion everywhere.
            for (column, x) in (0_u32..).zip(xs) {
                *x = column as f32;
            }
        }
    }));
}

fn apply(map: &AffineMap, [ys, xs]: &mut [Vec<f32>; 2]) {
    vectorize(inlined!(|| {
        for (y, x) in ys.iter_mut().zip(&mut *xs) {
            [*y, *x] = map.at([*y, *x]);
        }
    }));
}

fn add(points: &mut [f32], field: &[f32]) {
    vectorize(inlined!(|| {
        points.iter_mut().zip(field).for_each(|(point, displacement)| *point += displacement);
    }));
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Numbers that differ from pixel to pixel.
    pub(crate) fn picture_of([rows, columns, channels]: [usize; 3]) -> Vec<f32> {
        (0..rows * columns * channels).map(|i| ((i * 37 + 11) % 101) as f32 / 100.0).collect()
    }

    /// A picture of that shape as `change` leaves it.
    pub(crate) fn changed(
        shape: [usize; 3],
        change: impl FnOnce(&mut AugmentedPicture<'_>),
    ) -> Vec<f32> {
        let mut values = picture_of(shape);
        let mut buffers = PictureBuffers::default();
        let mut picture = AugmentedPicture::new(shape, &mut values, &mut buffers);
        change(&mut picture);
        picture.values().to_vec()
    }

    /// The value of a picture at a point, by the formula in `f64`.
    pub(crate) fn at_point(
        values: &[f32],
        [rows, columns, channels]: [usize; 3],
        [y, x]: [f64; 2],
        channel: usize,
    ) -> f64 {
        let mut sum = 0.0;
        for row in 0..rows {
            for column in 0..columns {
                let weight = (1.0 - (y - row as f64).abs()).max(0.0)
                    * (1.0 - (x - column as f64).abs()).max(0.0);
                sum += weight * f64::from(values[(row * columns + column) * channels + channel]);
            }
        }
        sum
    }

    /// Expects that each pixel shows the point that `point` gives.
    #[track_caller]
    pub(crate) fn assert_shows(
        found: &[f32],
        before: &[f32],
        shape: [usize; 3],
        point: impl Fn([f64; 2]) -> [f64; 2],
    ) {
        let [_, columns, channels] = shape;
        for (i, &found) in found.iter().enumerate() {
            let pixel = i / channels;
            let at = point([(pixel / columns) as f64, (pixel % columns) as f64]);
            let expected = at_point(before, shape, at, i % channels);
            // Of points a few hundred pixels away, in `f32`.
            let error = (f64::from(found) - expected).abs();
            assert!(error < 1e-4, "{shape:?}, pixel {pixel}, {at:?}: {found}, not {expected}");
        }
    }

    /// Odd sizes.
    pub(crate) const SHAPES: [[usize; 3]; 4] = [[1, 1, 1], [1, 7, 1], [5, 3, 3], [28, 28, 1]];
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    const SKEW: AffineMap = AffineMap { matrix: [[0.5, 0.75], [-1.0, 0.25]], offset: [1.5, -0.25] };

    #[test]
    fn maps_in_a_row_are_those_one_after_the_other_sampled_once() {
        let second = AffineMap { matrix: [[1.0, -0.5], [0.25, 2.0]], offset: [0.5, 2.0] };
        for shape in SHAPES {
            let found = changed(shape, |picture| {
                picture.map(SKEW);
                picture.map(second);
            });
            // A pixel of the result is a point after the second map, and that a point after the first.
            let point = |[y, x]: [f64; 2]| {
                let [y, x] = [y - 0.5 * x + 0.5, 0.25 * y + 2.0 * x + 2.0];
                [0.5 * y + 0.75 * x + 1.5, -y + 0.25 * x - 0.25]
            };
            assert_shows(&found, &picture_of(shape), shape, point);
        }
    }

    #[test]
    fn displacements_stand_in_their_place_among_the_maps() {
        let field = |[y, x]: [f64; 2]| [0.25 * y - 0.5, 0.5 - 0.125 * x];
        for shape @ [rows, columns, _] in SHAPES {
            let fill = |[down, right]: [&mut [f32]; 2], _: &mut Vec<f32>| {
                for i in 0..rows * columns {
                    let [y, x] = field([(i / columns) as f64, (i % columns) as f64]);
                    (down[i], right[i]) = (y as f32, x as f32);
                }
            };
            let displaced = |[y, x]: [f64; 2]| {
                let inside = [y.clamp(0.0, rows as f64 - 1.0), x.clamp(0.0, columns as f64 - 1.0)];
                let [down, right] = field(inside);
                [y + down, x + right]
            };
            let mapped = |[y, x]: [f64; 2]| [0.5 * y + 0.75 * x + 1.5, -y + 0.25 * x - 0.25];
            let found = changed(shape, |picture| {
                picture.map(SKEW);
                picture.displace(fill);
            });
            assert_shows(&found, &picture_of(shape), shape, |at| mapped(displaced(at)));
            let found = changed(shape, |picture| {
                picture.displace(fill);
                picture.map(SKEW);
            });
            assert_shows(&found, &picture_of(shape), shape, |at| displaced(mapped(at)));
            let found = changed(shape, |picture| {
                picture.displace(fill);
                picture.map(SKEW);
                picture.displace(fill);
            });
            assert_shows(&found, &picture_of(shape), shape, |at| displaced(mapped(displaced(at))));
        }
    }

    #[test]
    fn values_that_are_wanted_in_between_are_those_so_far() {
        let shape = [5, 3, 3];
        let found = changed(shape, |picture| {
            picture.map(AffineMap::shift([1.0, 0.0]));
            picture.values().iter_mut().for_each(|value| *value *= 2.0);
            picture.map(AffineMap::shift([-1.0, 0.0]));
        });
        let before = picture_of(shape);
        // The first row has left the picture, and what has come in at its end has left it again.
        assert_eq!(found[..9], [0.0; 9]);
        assert!(found[9..].iter().zip(&before[9..]).all(|(found, before)| *found == 2.0 * before));
    }

    #[test]
    fn a_map_that_moves_nothing_changes_nothing() {
        for shape in SHAPES {
            let still = [[1.0, 0.0], [0.0, 1.0]];
            let found = changed(shape, |picture| {
                picture.map(AffineMap::about_center(shape, still));
                picture.displace(|fields, _| fields.into_iter().for_each(|field| field.fill(0.0)));
                picture.map(AffineMap::shift([0.0, 0.0]));
            });
            assert_eq!(found, picture_of(shape));
        }
    }
}
