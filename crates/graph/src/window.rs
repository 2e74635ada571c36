//! The windows that a convolution or a pool slides over an image: their number, and the pixels in each.

use std::ops::Range;

use crate::op::Attributes;
use crate::{Shape, ShapeError};

/// The rows and columns around an image, so that windows may begin before its first pixel.
///
/// Padding of a convolution is 0; a pool ignores it: it is never the largest and is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: every window lies within the image.
    #[default]
    Valid,
    /// Enough for `⌈size / stride⌉` windows along each axis, an odd row or column after the image (TensorFlow).
    Same,
    /// Explicit numbers of rows and columns.
    Explicit {
        /// Rows above the image.
        top: usize,
        /// Rows below it.
        bottom: usize,
        /// Columns to its left.
        left: usize,
        /// Columns to its right.
        right: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WindowAxis {
    pub(crate) input: usize,
    pub(crate) output: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) pad: [usize; 2],
}

impl WindowAxis {
    /// An axis whose windows are its elements.
    pub(crate) fn each(input: usize) -> Self {
        Self { input, output: input, kernel: 1, stride: 1, pad: [0; 2] }
    }

    /// Whether the windows side by side are all of the axis, so that equal shares of windows see equal shares of it.
    pub(crate) fn is_cut_by_strips(&self) -> bool {
        self.kernel == self.stride && self.pad == [0; 2] && self.input == self.output * self.kernel
    }

    /// The taps of the kernel that meet the image at an output position.
    #[inline(always)]
    pub(crate) fn taps(&self, position: usize) -> Range<usize> {
        let (start, before) = (position * self.stride, self.pad[0]);
        let end = (self.input + before).saturating_sub(start).min(self.kernel);
        before.saturating_sub(start).min(end)..end
    }

    #[inline(always)]
    pub(crate) fn pixels(&self, position: usize) -> Range<usize> {
        let taps = self.taps(position);
        let first = (position * self.stride + taps.start).saturating_sub(self.pad[0]);
        first..first + taps.len()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) rows: WindowAxis,
    pub(crate) columns: WindowAxis,
}

impl Window {
    /// The windows of `op` on an image `[N, height, width, channels]`.
    pub(crate) fn new(
        op: &'static str,
        x: &Shape,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<Self, ShapeError> {
        let refuse = |rule| Err(ShapeError::new(op, rule, x));
        let (true, &[height, width, _]) = (x.is_batched(), x.dims()) else {
            return refuse("expected an image [N, height, width, channels]".into());
        };
        let input = [height, width];
        if [kernel, stride, input].as_flattened().contains(&0) {
            return refuse(format!(
                "kernel {kernel:?}, stride {stride:?} and image {input:?} must not be 0"
            ));
        }
        let same = |axis: usize| {
            let last_start = (input[axis].div_ceil(stride[axis]) - 1) * stride[axis];
            let total = last_start.saturating_add(kernel[axis]).saturating_sub(input[axis]);
            [total / 2, total - total / 2]
        };
        let pad = match padding {
            Padding::Valid => [[0; 2]; 2],
            Padding::Same => [0, 1].map(same),
            Padding::Explicit { top, bottom, left, right } => [[top, bottom], [left, right]],
        };
        let padded = |axis: usize| input[axis].checked_add(pad[axis][0])?.checked_add(pad[axis][1]);
        let [Some(height), Some(width)] = [0, 1].map(padded) else {
            return refuse(format!("padding {pad:?} is larger than any image"));
        };
        let padded = [height, width];
        if kernel[0] > height || kernel[1] > width {
            return refuse(format!("kernel {kernel:?} is larger than the padded image {padded:?}"));
        }
        let [rows, columns] = [0, 1].map(|axis| {
            let (input, kernel, pad) = (input[axis], kernel[axis], pad[axis]);
            // A stride beyond the padded image leaves one window; it is cut, since addresses are multiples of it.
            let stride = stride[axis].min(padded[axis]);
            let output = (padded[axis] - kernel) / stride + 1;
            WindowAxis { input, output, kernel, stride, pad }
        });
        Ok(Self { rows, columns })
    }

    /// The same for a pool, whose windows must all contain a pixel: an empty one has neither maximum nor mean.
    pub(crate) fn pool(
        op: &'static str,
        x: &Shape,
        kernel: [usize; 2],
        stride: [usize; 2],
        padding: Padding,
    ) -> Result<Self, ShapeError> {
        let window = Self::new(op, x, kernel, stride, padding)?;
        let axes = [window.rows, window.columns];
        if axes.iter().any(|axis| axis.pad.iter().any(|&pad| pad >= axis.kernel)) {
            let pad = axes.map(|axis| axis.pad).concat();
            let rule = format!("padding {pad:?} leaves windows of {kernel:?} without a pixel");
            return Err(ShapeError::new(op, rule, x));
        }
        Ok(window)
    }

    /// Size of the window, stride, and padding above, below, left and right.
    pub(crate) fn attributes(&self) -> Attributes {
        let axes = [self.rows, self.columns];
        Attributes::default()
            .with_sizes("kernel", axes.map(|axis| axis.kernel))
            .with_sizes("stride", axes.map(|axis| axis.stride))
            .with_sizes("padding", axes.map(|axis| axis.pad).as_flattened())
    }

    pub(crate) fn shape(&self, channels: usize) -> Shape {
        Shape::batch([self.rows.output, self.columns.output, channels])
    }

    /// Calls `visit` with each of the first rows of the result, `count` pixels, pixel by pixel, and the window of each.
    // Not an iterator: where values are visited, all of it has to be part of the caller, which has vectors.
    #[inline(always)]
    pub(crate) fn for_each(&self, count: usize, mut visit: impl FnMut(usize, WindowPixels)) {
        let output = self.columns.output;
        for (row, first) in (0..count).step_by(output).enumerate() {
            let rows = self.rows.pixels(row);
            for column in 0..output {
                visit(first + column, self.meet(rows.clone(), column));
            }
        }
    }

    /// The pixels in the window of pixel `out` of the result.
    pub(crate) fn pixels(&self, out: usize) -> WindowPixels {
        let output = self.columns.output;
        self.meet(self.rows.pixels(out / output), out % output)
    }

    #[inline(always)]
    fn meet(&self, rows: Range<usize>, column: usize) -> WindowPixels {
        WindowPixels { rows, columns: self.columns.pixels(column), image_width: self.columns.input }
    }
}

/// The pixels of an image in some rows and columns of it.
pub(crate) struct WindowPixels {
    rows: Range<usize>,
    columns: Range<usize>,
    image_width: usize,
}

impl WindowPixels {
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Calls `visit` with the index of each, row by row.
    #[inline(always)]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize)) {
        for i in self.rows.clone() {
            for j in self.columns.clone() {
                visit(i * self.image_width + j);
            }
        }
    }
}

/// A pool to try, with what the geometry should be, worked out by hand.
#[cfg(test)]
pub(crate) struct PoolCase {
    pub(crate) image: &'static str,
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) padding: Padding,
    /// Rows above and columns to the left.
    before: [usize; 2],
    output: [usize; 2],
}

/// Pools that overlap, leave gaps, and look over each border.
#[cfg(test)]
pub(crate) const POOLS: [PoolCase; 6] = {
    const fn case(
        image: &'static str,
        [kernel, stride]: [[usize; 2]; 2],
        padding: Padding,
        [before, output]: [[usize; 2]; 2],
    ) -> PoolCase {
        PoolCase { image, kernel, stride, padding, before, output }
    }
    let around = Padding::Explicit { top: 2, bottom: 0, left: 1, right: 1 };
    [
        case("N 4 6 3", [[2, 2], [2, 2]], Padding::Valid, [[0, 0], [2, 3]]),
        case("N 5 3 1", [[3, 2], [1, 1]], Padding::Valid, [[0, 0], [3, 2]]),
        case("N 5 5 2", [[2, 3], [2, 2]], Padding::Same, [[0, 1], [3, 3]]),
        case("N 4 5 1", [[1, 2], [3, 3]], Padding::Valid, [[0, 0], [2, 2]]),
        case("N 3 4 2", [[3, 2], [1, 2]], around, [[2, 1], [3, 3]]),
        case("N 1 1 1", [[1, 1], [1, 1]], Padding::Same, [[0, 0], [1, 1]]),
    ]
};

/// `f` of the pixels that each window of a pool sees, by plain loops.
#[cfg(test)]
pub(crate) fn pool_by_loops(
    x: &crate::Tensor<f64>,
    case: &PoolCase,
    f: impl Fn(&[f64]) -> f64,
) -> crate::Tensor<f64> {
    let &[batch, height, width, channels] = x.shape() else { panic!("an image has four axes") };
    let sizes = [batch, case.output[0], case.output[1], channels];
    let pixel = |index: &[usize]| {
        let mut seen = Vec::new();
        for (k, l) in (0..case.kernel[0]).flat_map(|k| (0..case.kernel[1]).map(move |l| (k, l))) {
            let i = (index[1] * case.stride[0] + k).checked_sub(case.before[0]);
            let j = (index[2] * case.stride[1] + l).checked_sub(case.before[1]);
            if let (Some(i), Some(j)) = (i, j)
                && i < height
                && j < width
            {
                seen.push(x.values()[((index[0] * height + i) * width + j) * channels + index[3]]);
            }
        }
        f(&seen)
    };
    let values: Vec<f64> = crate::testing::indices(&sizes).map(|index| pixel(&index)).collect();
    crate::Tensor::new(sizes, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(size: usize, kernel: usize, stride: usize, padding: Padding) -> WindowAxis {
        let image = Shape::batch([size, size, 1]);
        let window = Window::new("conv2d", &image, [kernel; 2], [stride; 2], padding).unwrap();
        assert_eq!(window.rows, window.columns);
        window.rows
    }

    #[test]
    fn same_padding_is_that_of_the_codelab_and_nothing_where_windows_do_not_touch() {
        // Size, kernel, stride; windows, padding before and after.
        let cases =
            [(28, 6, 1, 28, 2, 3), (28, 5, 2, 14, 1, 2), (14, 4, 2, 7, 1, 1), (28, 5, 1, 28, 2, 2)];
        for (size, kernel, stride, output, before, after) in cases {
            let axis = axis(size, kernel, stride, Padding::Same);
            let found = (axis.output, axis.pad);
            assert_eq!(found, (output, [before, after]), "{size} {kernel} {stride}");
        }
        let axis = axis(5, 1, 3, Padding::Same);
        assert_eq!((axis.output, axis.pad), (2, [0; 2]));
    }

    #[test]
    fn a_stride_beyond_the_image_leaves_one_window() {
        for stride in [6, 1 << 60, usize::MAX] {
            for padding in [Padding::Valid, Padding::Same] {
                let axis = axis(5, 3, stride, padding);
                assert!(axis.output == 1 && axis.stride <= 5, "{stride} {padding:?}");
            }
        }
    }

    #[test]
    fn padding_that_overflows_is_refused() {
        let image = Shape::batch([5, 5, 1]);
        let padding = Padding::Explicit { top: usize::MAX, bottom: 1, left: 0, right: 0 };
        let error = Window::new("conv2d", &image, [3, 3], [1, 1], padding).unwrap_err();
        assert!(error.to_string().contains("is larger than any image"), "{error}");
    }

    #[test]
    fn axes_have_sizes_of_their_own() {
        let padding = Padding::Explicit { top: 1, bottom: 0, left: 0, right: 2 };
        let window =
            Window::new("conv2d", &Shape::batch([4, 6, 3]), [3, 2], [1, 3], padding).unwrap();
        assert_eq!(window.shape(7), Shape::batch([3, 3, 7]));
        assert_eq!([0, 1, 2].map(|out| window.rows.pixels(out)), [0..2, 0..3, 1..4]);
        assert_eq!([0, 1, 2].map(|out| window.columns.pixels(out)), [0..2, 3..5, 6..6]);
        let indices = |pixels: WindowPixels| {
            let mut indices = Vec::new();
            pixels.for_each(|at| indices.push(at));
            assert_eq!(indices.len(), pixels.count());
            indices
        };
        assert_eq!(indices(window.pixels(1)), [3, 4, 9, 10]);
        let mut all = Vec::new();
        window.for_each(6, |out, pixels| all.push((out, indices(pixels))));
        let each: Vec<_> = (0..6).map(|out| (out, indices(window.pixels(out)))).collect();
        assert_eq!(all, each);
    }

    #[test]
    fn a_window_in_the_padding_sees_nothing_and_is_refused_by_a_pool() {
        let padding = Padding::Explicit { top: 2, bottom: 0, left: 0, right: 0 };
        let image = Shape::batch([3, 3, 1]);
        let window = Window::new("conv2d", &image, [2, 2], [1, 1], padding).unwrap();
        assert_eq!(window.rows.pixels(0), 0..0);
        let error = Window::pool("max_pool2d", &image, [2, 2], [1, 1], padding).unwrap_err();
        assert_eq!(
            error.to_string(),
            "max_pool2d: padding [2, 0, 0, 0] leaves windows of [2, 2] without a pixel, found [N, 3, 3, 1]"
        );
    }

    #[test]
    fn a_shape_that_is_not_an_image_or_too_small_is_refused_with_its_sizes() {
        let refused = |x: &Shape, kernel, stride| {
            Window::new("conv2d", x, kernel, stride, Padding::Valid).unwrap_err().to_string()
        };
        let image = Shape::batch([4, 6, 3]);
        assert_eq!(
            refused(&Shape::batch([4, 6]), [1, 1], [1, 1]),
            "conv2d: expected an image [N, height, width, channels], found [N, 4, 6]"
        );
        assert_eq!(
            refused(&Shape::from([4, 6, 3]), [1, 1], [1, 1]),
            "conv2d: expected an image [N, height, width, channels], found [4, 6, 3]"
        );
        assert_eq!(
            refused(&image, [5, 5], [1, 1]),
            "conv2d: kernel [5, 5] is larger than the padded image [4, 6], found [N, 4, 6, 3]"
        );
        assert_eq!(
            refused(&image, [3, 3], [0, 1]),
            "conv2d: kernel [3, 3], stride [0, 1] and image [4, 6] must not be 0, found [N, 4, 6, 3]"
        );
    }
}
