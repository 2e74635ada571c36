//! Matrix products of which each sample has its own, `y = a · b`; and each index of further axes, as heads of attention.
//!
//! Shapes: `a [N, .., m, k]`, `b [N, .., k, n]` → `y [N, .., m, n]`, or all without the batch axis; the axes `..` agree.
//! Any size may be 0; with `k = 0` every element of `y` is 0. A weight that the samples share is a factor of
//! [`matmul`](super::matmul).
//! Gradient: `dL/da = dL/dy · bᵀ`, `dL/db = aᵀ · dL/dy`.
//! Source: Giles (2008), "An extended collection of matrix derivative results for forward and reverse mode algorithmic
//! differentiation".

use kernels::gemm::{
    GemmSize, InterleavedMatrix, InterleavedSize, Layout, MatrixA, MatrixB, MatrixC, gemm,
    gemm_interleaved,
};
use kernels::transpose;

use crate::op::{BackwardPass, ForwardPass, Linearity, Op, Saved};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the matrix product `a · b` of each sample: `m · k · n` multiply-adds forward, twice that backward.
    ///
    /// # Errors
    ///
    /// If an operand has fewer than two axes behind the batch, the two `k` or the axes before differ, or only one
    /// operand has the batch axis.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let queries = g.input("queries", Shape::batch([4, 49, 16]));
    /// let keys = g.input("keys", Shape::batch([4, 49, 16]));
    /// let keys = g.transpose(keys, &[0, 1, 3, 2])?;
    /// let scores = g.batch_matmul(queries, keys)?;
    /// assert_eq!(g.shape(scores), &Shape::batch([4, 49, 49]));
    ///
    /// let error = g.batch_matmul(queries, scores).unwrap_err();
    /// let text = "batch_matmul: axis 3 of [N, 4, 49, 16] is 16 but axis 2 of [N, 4, 49, 49] is 49";
    /// assert_eq!(error.to_string(), text);
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn batch_matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(BatchMatMulOp, &[a, b])
    }
}

struct BatchMatMulOp;

/// How many matrices the operands have for each sample, and `m`, `n` and `k`.
fn sizes(shapes: &[Shape]) -> (usize, [usize; 3]) {
    let (a, b) = (shapes[0].dims(), shapes[1].dims());
    let (axes, matrix) = a.split_at(a.len() - 2);
    (axes.iter().product(), [matrix[0], b[b.len() - 1], matrix[1]])
}

/// A matrix among the values of all samples, transposed or not, with this number of columns before that.
#[derive(Clone, Copy)]
struct Factor<'a, T> {
    values: &'a [T],
    columns: usize,
    is_transposed: bool,
}

impl<'a, T> Factor<'a, T> {
    fn interleaved(self, width: usize) -> InterleavedMatrix<'a, T> {
        let strides = [self.columns * width, width];
        let strides = if self.is_transposed { [strides[1], strides[0]] } else { strides };
        InterleavedMatrix { values: self.values, strides }
    }
}

/// `c [m, n] = a [m, k] · b [k, n]` for each sample of a tile, or adds that. One sample's `b` is first transposed into
/// `scratch`, where it must be.
fn multiply<T: Float>(
    [m, n, k]: [usize; 3],
    a: Factor<'_, T>,
    b: Factor<'_, T>,
    (c, accumulate): (&mut [T], bool),
    (width, scratch): (usize, &mut [T]),
) {
    if width > 1 {
        let size = InterleavedSize { m, n, k, count: width };
        let (a, b) = (a.interleaved(width), b.interleaved(width));
        gemm_interleaved(size, a, b, (c, [n * width, width]), accumulate);
        return;
    }
    let values = if b.is_transposed {
        let values = &mut scratch[..k * n];
        transpose((b.values, k), [n, k], (values, n));
        &*values
    } else {
        b.values
    };
    let layout = if a.is_transposed { Layout::ColumnMajor } else { Layout::RowMajor };
    gemm(
        GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 },
        MatrixA { values: a.values, layout, lda: a.columns },
        MatrixB { values, ldb: n, batch_stride: 0 },
        MatrixC::new(c, n, accumulate),
    );
}

impl<T: Float> Op<T> for BatchMatMulOp {
    fn name(&self) -> &'static str {
        "batch_matmul"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let [a, b] = operands else { unreachable!("two operands") };
        let matrices = "expected matrices [.., rows, columns]";
        let [a_axes @ .., m, a_k] = a.dims() else {
            return Err(ShapeError::new("batch_matmul", matrices, a));
        };
        let [b_axes @ .., b_k, n] = b.dims() else {
            return Err(ShapeError::new("batch_matmul", matrices, b));
        };
        if a_axes != b_axes || a.is_batched() != b.is_batched() {
            let rule = format!("the axes before the matrices of {a} and {b} differ");
            return Err(ShapeError { op: "batch_matmul", rule });
        }
        if a_k != b_k {
            let (left, right) = ((a, a.rank() - 1), (b, b.rank() - 2));
            return Err(ShapeError::axis_mismatch("batch_matmul", left, right));
        }
        Ok(a.with_dims([a_axes, &[*m, *n]].concat()))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Bilinear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let width = pass.tile.row_len(pass.y_shape);
        let (count, [m, n, k]) = sizes(pass.shapes);
        let [a_len, b_len, y_len] = [m * k, k * n, m * n].map(|len| len * width);
        for i in 0..count {
            let [a, b] = [(pass.x[0], a_len, k), (pass.x[1], b_len, n)].map(|(x, len, columns)| {
                Factor { values: &x[i * len..][..len], columns, is_transposed: false }
            });
            let y = &mut pass.y[i * y_len..][..y_len];
            multiply([m, n, k], a, b, (y, false), (width, &mut []));
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let width = pass.tile.row_len(pass.y_shape);
        let (count, [m, n, k]) = sizes(pass.shapes);
        let [a_len, b_len, y_len] = [m * k, k * n, m * n].map(|len| len * width);
        for i in 0..count {
            let part = |values, len, columns, is_transposed| {
                let values: &[T] = values;
                Factor { values: &values[i * len..][..len], columns, is_transposed }
            };
            let dy = part(pass.dy, y_len, n, false);
            if pass.operand == 0 {
                // da[m, k] = Σ_n dy[m, n] · bᵀ[n, k]
                let (b, dx) = (part(pass.x[1], b_len, n, true), &mut pass.dx[i * a_len..][..a_len]);
                multiply([m, k, n], dy, b, (dx, pass.adds), (width, &mut *pass.scratch));
            } else {
                // db[k, n] = Σ_m aᵀ[k, m] · dy[m, n]
                let (a, dx) = (part(pass.x[0], a_len, k, true), &mut pass.dx[i * b_len..][..b_len]);
                multiply([k, n, m], a, dy, (dx, pass.adds), (width, &mut []));
            }
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        let (_, [_, n, k]) = sizes(operands);
        if operand == 0 && width == 1 { k * n } else { 0 }
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let (count, [m, n, k]) = sizes(operands);
        (count * m * n * k) as u64
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, matmul, refusal, uniform};

    fn reference(x: &[Tensor<f64>]) -> Tensor<f64> {
        let [a_dims, b_dims] = [&x[0], &x[1]].map(|x| x.shape().to_vec());
        let rank = a_dims.len();
        let (axes, [m, k], n) =
            (&a_dims[..rank - 2], [a_dims[rank - 2], a_dims[rank - 1]], b_dims[rank - 1]);
        let count: usize = axes.iter().product();
        let products = (0..count).flat_map(|i| {
            let part = |x: &Tensor<f64>, rows: usize, columns: usize| {
                let len = rows * columns;
                Tensor::new([rows, columns], &x.values()[i * len..][..len])
            };
            matmul(&part(&x[0], m, k), &part(&x[1], k, n)).into_values()
        });
        Tensor::new([axes, &[m, n]].concat(), products.collect::<Vec<_>>())
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in [
            ("N 3 5", "N 5 4"),
            ("N 1 1", "N 1 1"),
            ("N 2 3 4", "N 2 4 5"),
            ("N 9 2", "N 2 7"),
            ("N 2 1 3 6", "N 2 1 6 1"),
            ("3 5", "5 4"),
            ("2 3 4", "2 4 3"),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.batch_matmul(x[0], x[1])),
                reference,
                inputs: &[uniform(a, -1.0..1.0), uniform(b, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        check_op(OpCase {
            build: both_precisions!(|g, x| {
                let left = g.slice(x[0], 2, 0..0)?;
                let right = g.slice(x[1], 1, 0..0)?;
                let nothing = g.batch_matmul(left, right)?;
                let whole = g.batch_matmul(x[0], x[1])?;
                g.add(whole, nothing)
            }),
            reference,
            inputs: &[uniform("N 2 3", -1.0..1.0), uniform("N 3 2", -1.0..1.0)],
        });
    }

    #[test]
    fn factors_that_do_not_fit_are_refused_with_both_shapes() {
        for (a, b, want) in [
            ("N 3 4", "N 5 2", "axis 2 of [N, 3, 4] is 4 but axis 1 of [N, 5, 2] is 5"),
            ("N 3 4", "4 2", "the axes before the matrices of [N, 3, 4] and [4, 2] differ"),
            (
                "N 2 3 4",
                "N 4 2",
                "the axes before the matrices of [N, 2, 3, 4] and [N, 4, 2] differ",
            ),
            ("N 4", "N 4 2", "expected matrices [.., rows, columns], found [N, 4]"),
            ("N 3 4", "N 4", "expected matrices [.., rows, columns], found [N, 4]"),
        ] {
            let error = refusal(&[a, b], |g, x| g.batch_matmul(x[0], x[1]));
            assert_eq!(error, format!("batch_matmul: {want}"));
        }
    }
}
