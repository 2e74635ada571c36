//! Matrix product, `y = a · b`.
//!
//! Shapes: `a [N, .., k]` or `[.., m, k]`, `b [k, n]` → `y [N, .., n]` or `[.., m, n]`: the last axis of `a` is that of its
//! rows, whatever axes it has before; with the batch axis `b` is a weight that the samples share. Any size may be 0;
//! with `k = 0` every element of `y` is 0. Where each sample has a right factor of its own, the product is a
//! [`batch_matmul`](super::batch_matmul).
//! Gradient: `dL/da = dL/dy · bᵀ`, `dL/db = aᵀ · dL/dy`.
//! Source: Giles (2008), "An extended collection of matrix derivative results for forward and reverse
//! mode algorithmic differentiation".

use std::ops::Range;

use kernels::gemm::{
    GemmNtSize, GemmSize, Layout, MatrixA, MatrixB, MatrixC, NtOperand, PARTIAL_SUMS, PackedMatrix,
    TreeTerm, gemm, gemm_nt, gemm_packed, gemm_tree,
};
use kernels::{MAX_LANES, add_row_sums, transpose};

use super::conv2d;
use crate::convolution::Geometry;
use crate::op::{BackwardPass, ForwardPass, Linearity, Op, Saved, Tile};
use crate::window::WindowAxis;
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds the matrix product `a · b`: `k · n` multiply-adds a row forward, twice that backward.
    ///
    /// # Errors
    ///
    /// If `a` has fewer than two axes with that of the batch, `b` is not a matrix or has the batch axis, or the two `k`
    /// differ.
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
        let a_shape = self.operand("matmul", a)?;
        if a_shape.is_batched() && a_shape.rank() > 2 {
            return self.push(PositionsMatMulOp, &[a, b]);
        }
        self.push(MatMulOp, &[a, b])
    }
}

fn infer_shape(operands: &[Shape]) -> Result<Shape, ShapeError> {
    let [a, b] = operands else { unreachable!("two operands") };
    let (2.., [a_axes @ .., a_k]) = (a.rank(), a.dims()) else {
        return Err(ShapeError::new("matmul", "expected a left factor [rows, k]", a));
    };
    let (false, &[k, n]) = (b.is_batched(), b.dims()) else {
        return Err(ShapeError::new("matmul", "expected a right factor [k, n]", b));
    };
    if *a_k != k {
        return Err(ShapeError::axis_mismatch("matmul", (a, a.rank() - 1), (b, 0)));
    }
    Ok(a.with_dims([a_axes, &[n]].concat()))
}

fn saved(operand: usize) -> Saved {
    if operand == 0 { Saved::SECOND } else { Saved::FIRST }
}

/// Rows of `a`, or of each sample of it.
fn rows(a: &Shape) -> usize {
    a.dims().split_last().map_or(1, |(_, axes)| axes.iter().product())
}

/// The product of several rows of each sample with a weight: a convolution of windows of one pixel, with the rows as
/// the pixels of a line.
pub(crate) struct PositionsMatMulOp;

impl PositionsMatMulOp {
    fn geometry(operands: &[Shape]) -> Geometry {
        let [ci, co] = matrix(&operands[WEIGHT]);
        let columns = WindowAxis::each(rows(&operands[0]));
        Geometry { rows: WindowAxis::each(1), columns, ci, co }
    }
}

impl<T: Float> Op<T> for PositionsMatMulOp {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        infer_shape(operands)
    }

    fn saved(&self, operand: usize) -> Saved {
        saved(operand)
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Bilinear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        conv2d::forward(&Self::geometry(pass.shapes), pass);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let geometry = Self::geometry(pass.shapes);
        if geometry.columns.output > 0 {
            conv2d::backward(&geometry, pass);
        } else if !pass.adds {
            pass.dx.fill(T::ZERO);
        }
    }

    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        conv2d::backward_scratch(&Self::geometry(operands), operand, width)
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        (rows(&operands[0]) * operands[1].len()) as u64
    }
}

pub(crate) struct MatMulOp;

impl<T: Float> Op<T> for MatMulOp {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        infer_shape(operands)
    }

    fn saved(&self, operand: usize) -> Saved {
        saved(operand)
    }

    fn linearity(&self) -> Linearity {
        Linearity::Bilinear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, weight) = (pass.x[0], pass.x[1]);
        if pass.y_shape.is_batched() {
            let (bias, packed, columns) = (pass.bias, pass.packed, pass.tile.width);
            let (shape, stride) = (&pass.shapes[WEIGHT], columns);
            let rows = RowsPass { x, weight, packed, bias, shape, columns, stride, adds: false };
            Self::forward_rows(rows, 0, pass.y);
        } else {
            let ([k, n], rows) = (matrix(&pass.shapes[1]), rows(pass.y_shape));
            let a = MatrixA { values: x, layout: Layout::RowMajor, lda: k };
            multiply([rows, n, k], a, (weight, n), MatrixC::new(pass.y, n, false));
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let BackwardPass { x, dy, dx, adds, tile, shapes, .. } = pass;
        let [k, n] = matrix(&shapes[1]);
        match (pass.operand, pass.y_shape.is_batched()) {
            (0, true) => {
                let (weight, shape, columns) = (x[WEIGHT], &shapes[WEIGHT], tile.width);
                let stride = columns;
                let (packed, bias) = (None, &[][..]);
                let pass = RowsPass { x: dy, weight, packed, bias, shape, columns, stride, adds };
                Self::backward_rows(pass, 0, dx);
            }
            (0, false) => {
                // da[m, k] = Σ_n dy[m, n] · bᵀ[n, k]
                let rows = rows(pass.y_shape);
                let b = &mut pass.scratch[..n * k];
                transpose((x[1], n), [k, n], (b, k));
                let dy = MatrixA { values: dy, layout: Layout::RowMajor, lda: n };
                multiply([rows, k, n], dy, (b, k), MatrixC::new(dx, k, adds));
            }
            (_, true) if sums_samples(tile.width, &shapes[1]) => {
                let operand = |values| NtOperand { values, ld: tile.width };
                let size = GemmNtSize { m: k, n, k_segments: &[[0, 0]], segment_len: tile.width };
                let sums = &mut pass.scratch[..k * n * PARTIAL_SUMS];
                gemm_nt(size, operand(x[0]), operand(dy), sums, false);
                if !adds {
                    dx.fill(T::ZERO);
                }
                add_row_sums(sums, PARTIAL_SUMS, dx);
            }
            (_, true) => {
                Self::pack(dy, tile, pass.scratch);
                let (columns, workspace) = (0..tile.valid, &*pass.scratch);
                let rows = WeightRows { x: x[0], workspace, tile, columns };
                Self::gradient_rows(&shapes[WEIGHT], &rows, 0, adds, dx);
            }
            (_, false) => {
                // db[k, n] = Σ_m a[m, k] · dy[m, n]
                let rows = rows(pass.y_shape);
                let a = MatrixA { values: x[0], layout: Layout::ColumnMajor, lda: k };
                multiply([k, n, rows], a, (dy, n), MatrixC::new(dx, n, adds));
            }
        }
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

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        (rows(&operands[0]) * operands[1].len()) as u64
    }
}

/// Which operand the weight is, if the other one has the batch axis.
pub(crate) const WEIGHT: usize = 1;

/// Rows of the result that belong together in a workspace.
pub(crate) const WORKSPACE_ROWS: usize = 96;

/// Some rows of the result for all samples, or of the gradient of the first operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowsPass<'a, T> {
    /// The first operand, or the gradient of the result.
    pub(crate) x: &'a [T],
    pub(crate) weight: &'a [T],
    pub(crate) packed: Option<&'a PackedMatrix<T>>,
    /// What to add to the result along its last axis; or empty.
    pub(crate) bias: &'a [T],
    /// The shape of the weight.
    pub(crate) shape: &'a Shape,
    pub(crate) columns: usize,
    pub(crate) stride: usize,
    /// Whether to add to what is there, or to set.
    pub(crate) adds: bool,
}

/// What the gradient of the weight is made of, from one tile.
#[derive(Clone, Debug)]
pub(crate) struct WeightRows<'a, T> {
    /// The first operand.
    pub(crate) x: &'a [T],
    pub(crate) workspace: &'a [T],
    pub(crate) tile: Tile,
    /// The columns of the tile to be summed over.
    pub(crate) columns: Range<usize>,
}

impl<'a, T> WeightRows<'a, T> {
    /// The first operand from a row on.
    fn x_from(&self, row: usize) -> &'a [T] {
        &self.x[row * self.tile.width + self.columns.start..]
    }

    /// The panels of the workspace from one on, which begins with feature `first` and has rows `ld` apart.
    fn panels_from(&self, first: usize, ld: usize) -> &'a [T] {
        &self.workspace[first * self.tile.valid + self.columns.start * ld..]
    }
}

/// The passes of a layer row by row, where the second operand is a weight.
///
/// The gradient of a weight that is large beside the activations is made in rows: a partial sum for each tile
/// would cost more than the product itself, so each thread makes some rows from all tiles in order, and the
/// bytes are the same with any number of threads. A weight too large for the caches is read once a pass, not
/// once a tile: then all samples are put side by side, as one tile, and each thread makes some rows of the
/// result.
impl MatMulOp {
    /// The length of the workspace for the first `rows` rows of the result (all, or a multiple of
    /// [`WORKSPACE_ROWS`]): the gradient of the result, transposed to one row for each sample, in panels of
    /// features that fit the first-level cache.
    pub(crate) fn workspace(rows: usize, width: usize) -> usize {
        whole_vectors(rows).saturating_mul(width)
    }

    /// Packs some rows of the gradient of the result, `dy`, into `workspace`.
    pub(crate) fn pack<T: Float>(dy: &[T], tile: Tile, workspace: &mut [T]) {
        let Tile { width, valid, .. } = tile;
        let n = dy.len() / width;
        for first in (0..n).step_by(PANEL) {
            let columns = PANEL.min(n - first);
            let panel = &mut workspace[first * valid..];
            let size = [columns, valid];
            transpose((&dy[first * width..], width), size, (panel, whole_vectors(columns)));
        }
    }

    /// Sets `y` to row `first_row` of the result and those after it, or adds them.
    pub(crate) fn forward_rows<T: Float>(pass: RowsPass<'_, T>, first_row: usize, y: &mut [T]) {
        let RowsPass { x, weight, columns, stride, adds, .. } = pass;
        let [k, n] = matrix(pass.shape);
        let bias = pass.bias.get(first_row..).unwrap_or(&[]);
        let weight = weight.get(first_row..).unwrap_or(&[]);
        if columns > 1 {
            // y[n, sample] = Σ_k b[k, n] · a[k, sample]
            let rows = y.len() / stride;
            if let Some(packed) = pass.packed {
                let x = MatrixB { values: x, ldb: stride, batch_stride: 0 };
                let y = MatrixC { bias, ..MatrixC::new(y, stride, adds) };
                return gemm_packed(packed, first_row..first_row + rows, (x, columns), y);
            }
            let weight = MatrixA { values: weight, layout: Layout::ColumnMajor, lda: n };
            let y = MatrixC { bias, ..MatrixC::new(y, stride, adds) };
            multiply([rows, columns, k], weight, (x, stride), y);
        } else {
            // One sample: a matrix of one row, so the vectors run along `n`.
            let a = MatrixA { values: x, layout: Layout::RowMajor, lda: k };
            multiply([1, y.len(), k], a, (weight, n), MatrixC::new(y, n, adds));
            y.iter_mut().zip(bias).for_each(|(y, &bias)| *y += bias);
        }
    }

    /// The same for `dx` and the gradient of the first operand.
    pub(crate) fn backward_rows<T: Float>(pass: RowsPass<'_, T>, first_row: usize, dx: &mut [T]) {
        let RowsPass { x: dy, weight, columns, stride, adds, .. } = pass;
        let [_, n] = matrix(pass.shape);
        // da[k, sample] = Σ_n b[k, n] · dy[n, sample]
        let weight = weight.get(first_row * n..).unwrap_or(&[]);
        let rows = dx.len() / stride;
        let weight = MatrixA { values: weight, layout: Layout::RowMajor, lda: n };
        multiply([rows, columns, n], weight, (dy, stride), MatrixC::new(dx, stride, adds));
    }

    /// `db[k, n] = Σ_sample a[k, sample] · dy[sample, n]`, for the `k` from `first_row` on; it is added to `dx`, or `dx` is set
    /// to it, as `adds` says.
    pub(crate) fn gradient_rows<T: Float>(
        weight: &Shape,
        rows: &WeightRows<'_, T>,
        first_row: usize,
        adds: bool,
        dx: &mut [T],
    ) {
        let [_, n] = matrix(weight);
        if dx.is_empty() {
            return;
        }
        let (Tile { width, valid, .. }, segment_len) = (rows.tile, rows.columns.len());
        let (m, k_segments) = (dx.len() / n, &[[0, 0]][..]);
        for (first, n_columns, batch_count) in panels(n) {
            let ldb = whole_vectors(n_columns);
            let values = rows.panels_from(first, ldb);
            let c = MatrixC::new(&mut dx[first..], n, adds);
            gemm(
                GemmSize { m, n: n_columns, k_segments, segment_len, batch_count },
                MatrixA { values: rows.x_from(first_row), layout: Layout::RowMajor, lda: width },
                MatrixB { values, ldb, batch_stride: n_columns * valid },
                MatrixC { batch_stride: n_columns, ..c },
            );
        }
    }

    /// As [`gradient_rows`](Self::gradient_rows), for a sum by a tree: of at most [`MAX_TREE`] products, each with its joins, as
    /// [`TreeTerm::joins`] says.
    pub(crate) fn gradient_tree<T: Float>(
        weight: &Shape,
        terms: &[Option<(WeightRows<'_, T>, Option<usize>)>],
        first_row: usize,
        adds: bool,
        dx: &mut [T],
    ) {
        let [_, n] = matrix(weight);
        if dx.is_empty() {
            return;
        }
        let m = dx.len() / n;
        let tree = &mut [TreeTerm::default(); MAX_TREE][..terms.len()];
        for (first, n_columns, batch_count) in panels(n) {
            let ldb = whole_vectors(n_columns);
            for (to, (rows, joins)) in tree.iter_mut().zip(terms.iter().flatten()) {
                let (a, b) = (rows.x_from(first_row), rows.panels_from(first, ldb));
                let Tile { width: lda, valid, .. } = rows.tile;
                let (batch_stride, k) = (n_columns * valid, rows.columns.len());
                *to = TreeTerm { a, lda, b, ldb, batch_stride, k, joins: *joins };
            }
            let c = MatrixC::new(&mut dx[first..], n, adds);
            let c = MatrixC { batch_stride: n_columns, ..c };
            gemm_tree([m, n_columns, batch_count], tree, c);
        }
    }
}

/// The panels of `n` features in a workspace: those of full width as a batch of matrices, then the rest. Of each batch the
/// first feature, the features of a panel, and the number of panels.
fn panels(n: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    let whole = n / PANEL;
    let batches = [(0, PANEL, whole), (whole * PANEL, n % PANEL, 1)];
    batches.into_iter().filter(|&(_, n_columns, batch_count)| n_columns * batch_count > 0)
}

/// Whether [`gemm_nt`] is better for a weight too small to fill blocks, with samples enough to pay for its sums.
fn sums_samples(width: usize, weight: &Shape) -> bool {
    let [k, n] = matrix(weight);
    width >= 256 && (k < 8 || n < 12) && k * n <= 4096
}

/// The largest number of products in a tree.
pub(crate) const MAX_TREE: usize = 64;

/// Columns of a panel of the gradient of the result: whole vectors, and whole panels in a workspace.
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
    use crate::Tensor;
    use crate::testing::{OpCase, both_precisions, check_op, matmul, refusal, uniform};

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
            ("2 3 5", "5 2"),
            // A weight on each of several rows: thin, and with channels that fill vectors.
            ("N 4 5", "5 3"),
            ("N 1 5", "5 1"),
            ("N 2 3 6", "6 17"),
            ("N 40 16", "16 16"),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.matmul(x[0], x[1])),
                reference: |x| {
                    let ([axes @ .., k], n) = (x[0].shape(), x[1].shape()[1]) else {
                        panic!("a matrix has columns")
                    };
                    let rows = Tensor::new([axes.iter().product(), *k], x[0].values());
                    Tensor::new([axes, &[n]].concat(), matmul(&rows, &x[1]).into_values())
                },
                inputs: &[uniform(a, -1.0..1.0), uniform(b, -1.0..1.0)],
            });
        }
    }

    #[test]
    fn factors_that_do_not_fit_are_refused_with_both_shapes() {
        for (a, b, want) in [
            ("N 784", "700 10", "axis 1 of [N, 784] is 784 but axis 0 of [700, 10] is 700"),
            ("N 4 784", "700 10", "axis 2 of [N, 4, 784] is 784 but axis 0 of [700, 10] is 700"),
            ("N", "700 10", "expected a left factor [rows, k], found [N]"),
            ("N 784", "784", "expected a right factor [k, n], found [784]"),
            ("784", "700 10", "expected a left factor [rows, k], found [784]"),
        ] {
            let error = refusal(&[a, b], |g, x| g.matmul(x[0], x[1]));
            assert_eq!(error, format!("matmul: {want}"));
        }
    }
}
