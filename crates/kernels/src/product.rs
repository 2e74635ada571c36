//! One kernel for every product of a network.
//!
//! Activations are kept with the **samples in the lanes**: a value of one feature for all samples of
//! a tile is one contiguous row. In that layout a linear layer, a convolution and all their gradients
//! are the same loop: rows of the right factor are loaded as vectors, elements of the left factor are
//! broadcast, and a block of the result stays in registers until it is complete.
//!
//! What differs is where the inner index goes. It is cut into *runs* of equal length, each with an
//! offset into both factors: a matrix product is one run, a convolution has a run for each row of its
//! kernel. And one left factor may meet many right ones, evenly spaced: the output positions along a row
//! of an image are *repeats* of one product.
//!
//! The weight gradient of a convolution sums over samples and positions, so there the lanes themselves
//! are summed: [`inner_product`].

mod block;
mod inner;
mod peak;
mod pieces;
mod vector;

pub use inner::{InnerExtent, LANES, Samples, inner_product, inner_product_naive};
pub use peak::peak_flops;
pub use vector::Simd;
pub(crate) use vector::Vector;

use crate::{Float, Isa};

/// Sizes of a [`product()`] and the walk along its inner index.
#[derive(Clone, Copy, Debug)]
pub struct Extent<'a> {
    /// Rows of the left factor and of the result.
    pub rows: usize,
    /// Columns of the right factor and of the result: neighbours in memory.
    pub columns: usize,
    /// For each run its first element in the left and in the right factor.
    pub runs: &'a [[usize; 2]],
    /// Steps of the inner index in each run.
    pub run_length: usize,
    /// How many right factors the left one is multiplied with.
    pub repeats: usize,
}

/// Which elements of the left factor are neighbours in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adjacent {
    /// Those of one step of the inner index, row by row.
    Rows,
    /// Those of one row, step by step of the inner index.
    Steps,
}

/// The left factor of a [`product()`].
#[derive(Clone, Copy, Debug)]
pub struct Left<'a, T> {
    /// All values; the runs say where to start.
    pub values: &'a [T],
    /// What lies side by side.
    pub adjacent: Adjacent,
    /// Elements from one of these groups of neighbours to the next.
    pub stride: usize,
}

/// The right factor of a [`product()`].
#[derive(Clone, Copy, Debug)]
pub struct Right<'a, T> {
    /// All values; the runs say where to start.
    pub values: &'a [T],
    /// Elements between two steps of the inner index.
    pub inner_stride: usize,
    /// Elements from one repeat to the next.
    pub repeat_stride: usize,
}

/// Where the result of a [`product()`] goes.
#[derive(Debug)]
pub struct Destination<'a, T> {
    /// Begins with the first element of the result.
    pub values: &'a mut [T],
    /// Elements between two rows.
    pub row_stride: usize,
    /// Elements from one repeat to the next.
    pub repeat_stride: usize,
    /// Whether the product is added to what stands there, or takes its place.
    pub adds: bool,
    /// One value for each row, added in the end; or empty.
    pub bias: &'a [T],
}

impl<'a, T> Destination<'a, T> {
    /// Rows so far apart, for a product without repeats or bias.
    pub fn rows(values: &'a mut [T], row_stride: usize, adds: bool) -> Self {
        Self { values, row_stride, repeat_stride: 0, adds, bias: &[] }
    }
}

/// Sets `result` to `left · right`, or adds it, as [`Destination::adds`] says.
///
/// With `left[m, k]` at `m + k·stride` or `m·stride + k`, as [`Left::adjacent`] says, for each repeat `r`:
///
/// `result[m, n] = Σ_run Σ_k left[run.0 + [m, k]] · right[run.1 + k·inner_stride + n + r·repeat_stride]`
///
/// The sum runs in the order written, so its rounding depends on sizes and instruction set only.
/// Where the left factor has a single row, its zeros may be left out, whatever they meet: 0 · ∞ is 0 then.
///
/// # Panics
///
/// If an index leaves its slice.
///
/// # Examples
///
/// ```
/// use gradus_kernels::product::{Adjacent, Destination, Extent, Left, Right, product};
///
/// // [2, 3] · [3, 2]
/// let (a, b) = ([1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let mut c = [0.0; 4];
/// product(
///     Extent { rows: 2, columns: 2, runs: &[[0, 0]], run_length: 3, repeats: 1 },
///     Left { values: &a, adjacent: Adjacent::Steps, stride: 3 },
///     Right { values: &b, inner_stride: 2, repeat_stride: 0 },
///     Destination::rows(&mut c, 2, false),
/// );
/// assert_eq!(c, [4.0, 5.0, 10.0, 11.0]);
/// ```
pub fn product<T: Float>(
    extent: Extent<'_>,
    left: Left<'_, T>,
    right: Right<'_, T>,
    result: Destination<'_, T>,
) {
    product_on(Isa::current(), extent, left, right, result);
}

/// [`product()`] on an instruction set that this machine has.
fn product_on<T: Float>(
    isa: Isa,
    extent: Extent<'_>,
    left: Left<'_, T>,
    right: Right<'_, T>,
    result: Destination<'_, T>,
) {
    let Extent { rows, columns, runs, run_length, repeats } = extent;
    if rows == 0 || columns == 0 || repeats == 0 {
        return;
    }
    let result_end =
        (repeats - 1) * result.repeat_stride + (rows - 1) * result.row_stride + columns - 1;
    let len = result.values.len();
    assert!(result_end < len, "result: index {result_end} of {len}");
    assert!(result.row_stride >= columns || rows == 1, "rows of the result overlap");
    if run_length > 0 && !runs.is_empty() {
        let [row_stride, inner_stride] = left.strides();
        let last_step = run_length - 1;
        let furthest = runs.iter().fold([0, 0], |[a, b], run| [a.max(run[0]), b.max(run[1])]);
        let left_end = furthest[0] + (rows - 1) * row_stride + last_step * inner_stride;
        let len = left.values.len();
        assert!(left_end < len, "left factor: index {left_end} of {len}");
        let right_end = furthest[1]
            + last_step * right.inner_stride
            + (repeats - 1) * right.repeat_stride
            + columns
            - 1;
        let len = right.values.len();
        assert!(right_end < len, "right factor: index {right_end} of {len}");
    }
    let bias = if result.bias.is_empty() {
        std::ptr::null()
    } else {
        assert!(result.bias.len() >= rows, "a bias of {} for {rows} rows", result.bias.len());
        result.bias.as_ptr()
    };
    let job = Job {
        extent,
        left: left.values.as_ptr(),
        adjacent: left.adjacent,
        left_stride: left.stride,
        right: right.values.as_ptr(),
        right_inner: right.inner_stride,
        right_repeat: right.repeat_stride,
        result: result.values.as_mut_ptr(),
        result_row: result.row_stride,
        result_repeat: result.repeat_stride,
        adds: result.adds,
        bias,
        ahead: std::ptr::null(),
        ahead_stride: 0,
        right_vector: 0,
        result_vector: 0,
    };
    // SAFETY: the assertions above hold every index the job can form inside its slice, `result` is
    // borrowed mutably and so overlaps neither factor, and the machine has the instruction set.
    unsafe { pieces::run(isa, &job) }
}

impl<T> Left<'_, T> {
    /// Elements between two rows, and between two steps of the inner index.
    fn strides(&self) -> [usize; 2] {
        match self.adjacent {
            Adjacent::Rows => [1, self.stride],
            Adjacent::Steps => [self.stride, 1],
        }
    }
}

/// The plain loops that [`product()`] is held against.
pub fn product_naive<T: Float>(
    extent: Extent<'_>,
    left: Left<'_, T>,
    right: Right<'_, T>,
    result: Destination<'_, T>,
) {
    let [row_stride, inner_stride] = left.strides();
    for repeat in 0..extent.repeats {
        for m in 0..extent.rows {
            for n in 0..extent.columns {
                let at = repeat * result.repeat_stride + m * result.row_stride + n;
                let mut sum = if result.adds { result.values[at] } else { T::ZERO };
                for &[a, b] in extent.runs {
                    for k in 0..extent.run_length {
                        let b = b + repeat * right.repeat_stride + n;
                        sum += left.values[a + m * row_stride + k * inner_stride]
                            * right.values[b + k * right.inner_stride];
                    }
                }
                result.values[at] = sum + result.bias.get(m).copied().unwrap_or(T::ZERO);
            }
        }
    }
}

/// A checked product, as pointers.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a, T> {
    extent: Extent<'a>,
    left: *const T,
    adjacent: Adjacent,
    left_stride: usize,
    right: *const T,
    right_inner: usize,
    right_repeat: usize,
    result: *mut T,
    result_row: usize,
    result_repeat: usize,
    adds: bool,
    /// One value for each row, or null.
    bias: *const T,
    /// What to ask for while a block is made, one line a step; if null, the rows behind those of the block.
    ahead: *const T,
    /// Elements from the line of one step to that of the next.
    ahead_stride: usize,
    /// Elements from one vector of a block to the next, in the right factor and in the result; as the blocks
    /// are cut.
    right_vector: usize,
    result_vector: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    fn random<T: Float>(count: usize, stream: u64) -> Vec<T> {
        let mut stream = Stream::new(7, stream);
        (0..count).map(|_| T::from_f64(stream.normal())).collect()
    }

    /// The tuned kernel on every instruction set of the machine against the plain loops.
    fn agrees<T: Float>(tolerance: f64) {
        let sizes = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 24, 25, 33, 40, 56, 70, 150];
        for isa in Isa::available() {
            for rows in sizes {
                for columns in sizes {
                    for (inner, runs, repeats) in [(1, 1, 1), (5, 1, 2), (4, 3, 1), (9, 2, 3)] {
                        one_case::<T>(isa, [rows, columns, inner, runs, repeats], 0, tolerance);
                    }
                }
            }
            // Long enough to be taken in pieces, and far enough apart to be copied together first.
            for rows in [1, 11, 12, 25] {
                one_case::<T>(isa, [rows, 33, 600, 1, 1], 0, tolerance);
                one_case::<T>(isa, [rows, 33, 300, 1, 2], 520, tolerance);
            }
        }
    }

    fn one_case<T: Float>(isa: Isa, sizes: [usize; 5], left_pad: usize, tolerance: f64) {
        let [rows, columns, inner, n_runs, repeats] = sizes;
        let pad = 3;
        let right: Vec<T> = random((columns + pad) * inner * n_runs * repeats, 2);
        let right = Right {
            values: &right,
            inner_stride: columns + pad,
            repeat_stride: (columns + pad) * inner * n_runs,
        };
        for adjacent in [Adjacent::Rows, Adjacent::Steps] {
            let (stride, left_len) = match adjacent {
                Adjacent::Rows => (rows + left_pad, (rows + left_pad) * inner),
                Adjacent::Steps => (inner + left_pad, rows * (inner + left_pad)),
            };
            let mut left: Vec<T> = random(left_len * n_runs, 1);
            // Zeros, as a ReLU leaves them.
            left.iter_mut().for_each(|value| *value = value.maximum(T::ZERO));
            let left = Left { values: &left, adjacent, stride };
            let runs: Vec<_> =
                (0..n_runs).rev().map(|r| [r * left_len, r * (columns + pad) * inner]).collect();
            let extent = Extent { rows, columns, runs: &runs, run_length: inner, repeats };
            let start: Vec<T> = random(repeats * rows * (columns + pad), 3);
            let bias: Vec<T> = random(rows, 4);
            for (adds, bias) in [(false, &[][..]), (true, &[]), (false, &bias), (true, &bias)] {
                let (mut tuned, mut naive) = (start.clone(), start.clone());
                let strides = (columns + pad, rows * (columns + pad));
                let to = |values| Destination {
                    values,
                    row_stride: strides.0,
                    repeat_stride: strides.1,
                    adds,
                    bias,
                };
                product_on(isa, extent, left, right, to(&mut tuned));
                product_naive(extent, left, right, to(&mut naive));
                for (i, (t, n)) in tuned.iter().zip(&naive).enumerate() {
                    let (t, n) = (t.to_f64(), n.to_f64());
                    assert!(
                        (t - n).abs() <= tolerance * (1.0 + n.abs()) * (inner as f64).sqrt(),
                        "{} {}: {sizes:?}, {adjacent:?}, adds {adds}, bias of {}, element {i}: {t} against {n}",
                        isa.name(),
                        T::NAME,
                        bias.len(),
                    );
                }
            }
        }
    }

    #[test]
    fn tuned_and_naive_agree_in_f32() {
        agrees::<f32>(4e-6);
    }

    #[test]
    fn tuned_and_naive_agree_in_f64() {
        agrees::<f64>(1e-14);
    }

    /// A product of these sizes, everything contiguous, from an element `offset` of both factors.
    fn attempt(
        rows: usize,
        columns: usize,
        run_length: usize,
        offset: usize,
        factor: &[f32],
        result: &mut [f32],
    ) {
        let runs = [[offset, offset]];
        product(
            Extent { rows, columns, runs: &runs, run_length, repeats: 1 },
            Left { values: factor, adjacent: Adjacent::Steps, stride: 3 },
            Right { values: factor, inner_stride: 2, repeat_stride: 0 },
            Destination::rows(result, 8, true),
        );
    }

    #[test]
    fn an_empty_product_changes_nothing() {
        let mut result = [5.0f32; 16];
        for (rows, columns, run_length) in [(0, 4, 1), (4, 0, 1), (2, 2, 0)] {
            attempt(rows, columns, run_length, 0, &[], &mut result);
        }
        assert_eq!(result, [5.0; 16]);
    }

    #[test]
    fn a_sum_of_nothing_is_zero() {
        let mut result = [5.0f32; 3];
        product(
            Extent { rows: 1, columns: 2, runs: &[], run_length: 4, repeats: 1 },
            Left { values: &[], adjacent: Adjacent::Rows, stride: 1 },
            Right { values: &[], inner_stride: 2, repeat_stride: 0 },
            Destination::rows(&mut result, 2, false),
        );
        assert_eq!(result, [0.0, 0.0, 5.0]);
    }

    #[test]
    fn zeros_of_a_single_row_meet_nothing() {
        for (rows, expected) in [(1, [2.0, 4.0]), (2, [f32::NAN; 2])] {
            let (left, mut result) = ([0.0, 2.0].repeat(rows), vec![0.0; 2 * rows]);
            product(
                Extent { rows, columns: 2, runs: &[[0, 0]], run_length: 2, repeats: 1 },
                Left { values: &left, adjacent: Adjacent::Steps, stride: 2 },
                Right {
                    values: &[f32::INFINITY, f32::NAN, 1.0, 2.0],
                    inner_stride: 2,
                    repeat_stride: 0,
                },
                Destination::rows(&mut result, 2, false),
            );
            assert_eq!(format!("{:?}", &result[..2]), format!("{expected:?}"), "{rows} rows");
        }
    }

    #[test]
    fn an_index_outside_is_refused() {
        for (rows, columns, run_length, offset) in
            [(3, 1, 1, 0), (1, 7, 1, 0), (1, 1, 4, 0), (1, 1, 1, 6)]
        {
            let refused = std::panic::catch_unwind(|| {
                attempt(rows, columns, run_length, offset, &[1.0; 6], &mut [0.0; 64]);
            });
            assert!(refused.is_err(), "rows {rows}, columns {columns}, run {run_length}");
        }
    }
}
