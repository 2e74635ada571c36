//! Matrix product, `y = a · b`.
//!
//! Shapes: `a [N, k]` or `[m, k]`, `b [k, n]` → `y [N, n]` or `[m, n]`; with the batch axis a row of `a`
//! is a sample and `b` a weight.
//! Gradient: `dL/da = dL/dy · bᵀ`, `dL/db = aᵀ · dL/dy`.
//! Source: Giles (2008), "An extended collection of matrix derivative results for forward and reverse
//! mode algorithmic differentiation".

use kernels::gemm::{
    GemmNtSize, GemmSize, Layout, MatrixA, MatrixB, MatrixC, NtOperand, PARTIAL_SUMS, gemm, gemm_nt,
};
use kernels::{MAX_LANES, add_row_sums, transpose};

use crate::op::{
    BackwardPass, ForwardPass, Op, RowsPass, Saved, SplitTile, SplitWeight, Tile, WORKSPACE_ROWS,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the matrix product `a · b`.
    ///
    /// # Shapes
    ///
    /// | value | shape              | meaning                               |
    /// |-------|--------------------|---------------------------------------|
    /// | `a`   | `[N, k]`, `[m, k]` | one row for each sample               |
    /// | `b`   | `[k, n]`           | one column for each output feature    |
    /// | `y`   | `[N, n]`, `[m, n]` | row `i` is sample `i` of `a`, mapped  |
    ///
    /// Any size may be 0; with `k = 0` every element of `y` is 0.
    ///
    /// # Gradient
    ///
    /// `dL/da = dL/dy · bᵀ` and `dL/db = aᵀ · dL/dy`.
    ///
    /// # Cost
    ///
    /// `k · n` multiply-adds a row forward, twice that backward.
    ///
    /// # Errors
    ///
    /// [`ShapeError::Rank`] if an operand is not a matrix or `b` has the batch axis,
    /// [`ShapeError::AxisMismatch`] if the two `k` differ.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let (x, weight) = (g.input("x", Shape::batch([3])), g.parameter("weight", [3, 4]));
    /// let y = g.matmul(x, weight)?;
    /// assert_eq!(g.shape(y), &Shape::batch([4]));
    ///
    /// let error = g.matmul(y, weight).unwrap_err();
    /// assert_eq!(error.to_string(), "matmul: axis 1 of [N, 4] is 4 but axis 0 of [3, 4] is 3");
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, ShapeError> {
        self.push(MatMulOp, &[a, b])
    }
}

#[derive(Debug)]
struct MatMulOp;

impl<T: Float> Op<T> for MatMulOp {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let [a, b] = operands else { unreachable!("two operands") };
        if a.rank() != 2 {
            return Err(ShapeError::Rank {
                op: "matmul",
                expected: "a left factor [rows, k]",
                found: a.clone(),
            });
        }
        if b.rank() != 2 || b.is_batched() {
            return Err(ShapeError::Rank {
                op: "matmul",
                expected: "a right factor [k, n]",
                found: b.clone(),
            });
        }
        if a.dims().last() != b.dims().first() {
            return Err(ShapeError::AxisMismatch {
                op: "matmul",
                left: (a.clone(), 1),
                right: (b.clone(), 0),
            });
        }
        let mut dims = a.dims().to_vec();
        dims[usize::from(!a.is_batched())] = b.dims()[1];
        Ok(a.with_dims(dims))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, weight) = (pass.x[0], pass.x[1]);
        if pass.y_shape.is_batched() {
            let (bias, shapes, lanes) = (pass.bias, pass.shapes, pass.tile.width);
            let rows = RowsPass { x, weight, bias, shapes, lanes, stride: lanes, adds: false };
            self.forward_rows(rows, 0, pass.y);
        } else {
            let [k, n] = matrix(&pass.shapes[1]);
            let rows = pass.y_shape.dims()[0];
            let a = MatrixA { values: x, layout: Layout::RowMajor, lda: k };
            multiply([rows, n, k], a, (weight, n), MatrixC::new(pass.y, n, false));
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let BackwardPass { x, dy, dx, adds, tile, shapes, .. } = pass;
        let [k, n] = matrix(&shapes[1]);
        match (pass.operand, pass.y_shape.is_batched()) {
            (0, true) => {
                let (weight, lanes) = (x[1], tile.width);
                let bias = &[];
                let pass = RowsPass { x: dy, weight, bias, shapes, lanes, stride: lanes, adds };
                self.backward_rows(pass, 0, dx);
            }
            (0, false) => {
                // da[m, k] = Σ_n dy[m, n] · bᵀ[n, k]
                let rows = pass.y_shape.dims()[0];
                let b = &mut pass.scratch[..n * k];
                transpose((x[1], n), [k, n], (b, k));
                let dy = MatrixA { values: dy, layout: Layout::RowMajor, lda: n };
                multiply([rows, k, n], dy, (b, k), MatrixC::new(dx, k, adds));
            }
            (_, true) if sums_samples(tile.width, &shapes[1]) => {
                let operand = |values| NtOperand { values, ld: tile.width, segment_stride: 0 };
                let size = GemmNtSize { m: k, n, segment_len: tile.width, segment_count: 1 };
                let sums = &mut pass.scratch[..k * n * PARTIAL_SUMS];
                gemm_nt(size, operand(x[0]), operand(dy), sums, false);
                if !adds {
                    dx.fill(T::ZERO);
                }
                add_row_sums(sums, PARTIAL_SUMS, dx);
            }
            (_, true) => {
                self.pack(dy, tile, pass.scratch);
                let workspace = &*pass.scratch;
                self.gradient_rows(SplitTile { x, workspace, shapes, tile, adds }, 0, dx);
            }
            (_, false) => {
                // db[k, n] = Σ_m a[m, k] · dy[m, n]
                let rows = pass.y_shape.dims()[0];
                let a = MatrixA { values: x[0], layout: Layout::ColumnMajor, lda: k };
                multiply([k, n, rows], a, (dy, n), MatrixC::new(dx, n, adds));
            }
        }
    }

    fn adds_bias(&self) -> bool {
        true
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        match (operand, operands[0].is_batched()) {
            (0, true) | (1, false) => 0,
            (0, false) => operands[1].len(),
            _ if sums_samples(width, &operands[1]) => operands[1].len() * PARTIAL_SUMS,
            _ => whole_vectors(operands[1].dims()[1]) * width,
        }
    }

    fn split_weight(&self) -> Option<&dyn SplitWeight<T>> {
        Some(self)
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let rows = if operands[0].is_batched() { 1 } else { operands[0].dims()[0] };
        (rows * operands[1].len()) as u64
    }
}

impl<T: Float> SplitWeight<T> for MatMulOp {
    /// The gradient of the result, transposed to one row for each sample, and packed into panels of a few
    /// features, so that a panel stays in the first-level cache.
    fn workspace(&self, rows: usize, width: usize) -> usize {
        whole_vectors(rows) * width
    }

    fn pack(&self, dy: &[T], tile: Tile, workspace: &mut [T]) {
        let Tile { width, valid, .. } = tile;
        let n = dy.len() / width;
        for first in (0..n).step_by(PANEL) {
            let columns = PANEL.min(n - first);
            let panel = &mut workspace[first * valid..];
            let size = [columns, valid];
            transpose((&dy[first * width..], width), size, (panel, whole_vectors(columns)));
        }
    }

    fn forward_rows(&self, pass: RowsPass<'_, T>, first_row: usize, y: &mut [T]) {
        let RowsPass { x, weight, lanes, stride, adds, .. } = pass;
        let [k, n] = matrix(&pass.shapes[1]);
        let bias = pass.bias.get(first_row..).unwrap_or(&[]);
        let weight = weight.get(first_row..).unwrap_or(&[]);
        if lanes > 1 {
            // y[n, lane] = Σ_k b[k, n] · a[k, lane]
            let rows = y.len() / stride;
            let weight = MatrixA { values: weight, layout: Layout::ColumnMajor, lda: n };
            let y = MatrixC { bias, ..MatrixC::new(y, stride, adds) };
            multiply([rows, lanes, k], weight, (x, stride), y);
        } else {
            // One sample: a matrix of one row, so the vectors run along `n`.
            let a = MatrixA { values: x, layout: Layout::RowMajor, lda: k };
            multiply([1, y.len(), k], a, (weight, n), MatrixC::new(y, n, adds));
            y.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias);
        }
    }

    fn backward_rows(&self, pass: RowsPass<'_, T>, first_row: usize, dx: &mut [T]) {
        let RowsPass { x: dy, weight, lanes, stride, adds, .. } = pass;
        let [_, n] = matrix(&pass.shapes[1]);
        // da[k, lane] = Σ_n b[k, n] · dy[n, lane]
        let weight = weight.get(first_row * n..).unwrap_or(&[]);
        let rows = dx.len() / stride;
        let weight = MatrixA { values: weight, layout: Layout::RowMajor, lda: n };
        multiply([rows, lanes, n], weight, (dy, stride), MatrixC::new(dx, stride, adds));
    }

    /// `db[k, n] = Σ_sample a[k, sample] · dy[sample, n]`, for some of the `k`.
    fn gradient_rows(&self, tile: SplitTile<'_, T>, first_row: usize, dx: &mut [T]) {
        let [_, n] = matrix(&tile.shapes[1]);
        if dx.is_empty() {
            return;
        }
        let Tile { width, valid, .. } = tile.tile;
        let a = MatrixA {
            values: &tile.x[0][first_row * width..],
            layout: Layout::RowMajor,
            lda: width,
        };
        let m = dx.len() / n;
        let whole_panels = n / PANEL;
        for (first, n_columns, batch_count) in
            [(0, PANEL, whole_panels), (whole_panels * PANEL, n % PANEL, 1)]
        {
            if n_columns * batch_count > 0 {
                gemm(
                    GemmSize {
                        m,
                        n: n_columns,
                        k_segments: &[[0, 0]],
                        segment_len: valid,
                        batch_count,
                    },
                    a,
                    MatrixB {
                        values: &tile.workspace[first * valid..],
                        ldb: whole_vectors(n_columns),
                        batch_stride: n_columns * valid,
                    },
                    MatrixC {
                        batch_stride: n_columns,
                        ..MatrixC::new(&mut dx[first..], n, tile.adds)
                    },
                );
            }
        }
    }
}

/// Whether the gradient of a weight is better made by [`gemm_nt`], in partial sums over the samples: if the
/// weight is too small to fill vectors or blocks otherwise, and adding up costs little beside many samples.
fn sums_samples(width: usize, weight: &Shape) -> bool {
    let [k, n] = matrix(weight);
    width >= 256 && (k < 8 || n < 12) && k * n <= 4096
}

/// Columns of a panel of the gradient of the result: whole vectors, and a whole number of panels in each part
/// of a workspace that is packed on its own.
const PANEL: usize = 32;
const _: () = assert!(PANEL.is_multiple_of(MAX_LANES) && WORKSPACE_ROWS.is_multiple_of(PANEL));

/// The distance between rows of `n` columns that lets each begin at a vector.
fn whole_vectors(n: usize) -> usize {
    n.next_multiple_of(MAX_LANES)
}

/// `C = A · B`: `[m, k]` times `[k, n]`, in one segment.
fn multiply<T: Float>(
    [m, n, k]: [usize; 3],
    a: MatrixA<'_, T>,
    (b, ldb): (&[T], usize),
    c: MatrixC<'_, T>,
) {
    let size = GemmSize { m, n, k_segments: &[[0, 0]], segment_len: k, batch_count: 1 };
    gemm(size, a, MatrixB { values: b, ldb, batch_stride: 0 }, c);
}

fn matrix(shape: &Shape) -> [usize; 2] {
    [shape.dims()[0], shape.dims()[1]]
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, matmul, uniform};
    use crate::{Graph, Shape};

    #[test]
    fn matches_reference_and_finite_differences() {
        // The last two weights are so large that all tiles meet them at once.
        for (a, b) in [
            ("N 5", "5 3"),
            ("N 1", "1 1"),
            ("N 40", "40 17"),
            ("4 5", "5 3"),
            ("1 7", "7 2"),
            ("N 520", "520 510"),
            ("N 33", "33 8000"),
        ] {
            check_op(OpCase {
                build: |g, x| g.matmul(x[0], x[1]),
                reference: |x| matmul(&x[0], &x[1]),
                inputs: &[uniform(a, -1.0..1.0), uniform(b, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn factors_that_do_not_fit_are_refused_with_both_shapes() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([784]));
        let (weight, vector) = (g.parameter("weight", [700, 10]), g.parameter("vector", [784]));
        let error = g.matmul(x, weight).unwrap_err();
        assert_eq!(
            error.to_string(),
            "matmul: axis 1 of [N, 784] is 784 but axis 0 of [700, 10] is 700"
        );
        let error = g.matmul(x, vector).unwrap_err();
        assert_eq!(error.to_string(), "matmul: expected a right factor [k, n], found [784]");
        let error = g.matmul(vector, weight).unwrap_err();
        assert_eq!(error.to_string(), "matmul: expected a left factor [rows, k], found [784]");
    }
}
