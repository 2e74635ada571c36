//! Matrix product, `y = a · b`.
//!
//! Shapes: `a [N, k]` or `[m, k]`, `b [k, n]` → `y [N, n]` or `[m, n]`; with the batch axis a row of `a`
//! is a sample and `b` a weight.
//! Gradient: `dL/da = dL/dy · bᵀ`, `dL/db = aᵀ · dL/dy`.
//! Source: Giles (2008), "An extended collection of matrix derivative results for forward and reverse
//! mode algorithmic differentiation".

use kernels::product::{Adjacent, Destination, Extent, Left, Right, product};
use kernels::transpose;

use crate::op::{BackwardPass, ForwardPass, Op, Saved, SplitGradient, SplitTile, Tile};
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
        self.push(MatMul, &[a, b])
    }
}

#[derive(Debug)]
struct MatMul;

impl<T: Float> Op<T> for MatMul {
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
        if a.sizes().last() != b.sizes().first() {
            return Err(ShapeError::AxisMismatch {
                op: "matmul",
                left: (a.clone(), 1),
                right: (b.clone(), 0),
            });
        }
        let mut sizes = a.sizes().to_vec();
        sizes[usize::from(!a.is_batched())] = b.sizes()[1];
        Ok(a.with_sizes(sizes))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::SECOND } else { Saved::FIRST }
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (a, b, y) = (pass.x[0], pass.x[1], pass.y);
        let [k, n] = matrix(&pass.shapes[1]);
        let width = pass.tile.lanes(pass.y_shape);
        if pass.y_shape.is_batched() && width > 1 {
            // y[n, lane] = Σ_k b[k, n] · a[k, lane]
            let weight = Left { values: b, adjacent: Adjacent::Rows, stride: n };
            let y = Destination { bias: pass.bias, ..to(y, width, false) };
            multiply([n, k, width], weight, a, y);
        } else {
            // One sample is a matrix of one row: then the lanes lie along `n`.
            let rows = if pass.y_shape.is_batched() { 1 } else { pass.y_shape.sizes()[0] };
            let a = Left { values: a, adjacent: Adjacent::Steps, stride: k };
            multiply([rows, k, n], a, b, to(y, n, false));
            if !pass.bias.is_empty() {
                for y in y.chunks_exact_mut(n) {
                    y.iter_mut().zip(pass.bias).for_each(|(y, &bias)| *y += bias);
                }
            }
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let BackwardPass { x, dy, dx, adds, tile, .. } = pass;
        let [k, n] = matrix(&pass.shapes[1]);
        match (pass.operand, pass.y_shape.is_batched()) {
            (0, true) => {
                // da[k, lane] = Σ_n b[k, n] · dy[n, lane]
                let weight = Left { values: x[1], adjacent: Adjacent::Steps, stride: n };
                multiply([k, n, tile.width], weight, dy, to(dx, tile.width, adds));
            }
            (0, false) => {
                // da[m, k] = Σ_n dy[m, n] · bᵀ[n, k]
                let rows = pass.y_shape.sizes()[0];
                let b = &mut pass.scratch[..n * k];
                transpose((x[1], n), [k, n], (b, k));
                let dy = Left { values: dy, adjacent: Adjacent::Steps, stride: n };
                multiply([rows, n, k], dy, b, to(dx, k, adds));
            }
            (_, true) => {
                panels(dy, n, tile, pass.scratch);
                let (workspace, shapes) = (&*pass.scratch, pass.shapes);
                self.rows(SplitTile { x, workspace, shapes, tile, adds }, 0, dx);
            }
            (_, false) => {
                // db[k, n] = Σ_m a[m, k] · dy[m, n]
                let rows = pass.y_shape.sizes()[0];
                let a = Left { values: x[0], adjacent: Adjacent::Rows, stride: k };
                multiply([k, rows, n], a, dy, to(dx, n, adds));
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
            _ => whole_vectors(operands[1].sizes()[1]) * width,
        }
    }

    fn split_gradient(&self) -> Option<&dyn SplitGradient<T>> {
        Some(self)
    }

    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let rows = if operands[0].is_batched() { 1 } else { operands[0].sizes()[0] };
        (rows * operands[1].len()) as u64
    }
}

impl<T: Float> SplitGradient<T> for MatMul {
    fn operand(&self) -> usize {
        1
    }

    /// The gradient of the result with the samples as rows, so that its features are the lanes, and cut
    /// into panels of a few of them, so that a panel stays in the first-level cache.
    fn workspace(&self, operands: &[Shape], width: usize) -> usize {
        whole_vectors(operands[1].sizes()[1]) * width
    }

    fn prepare(&self, pass: &BackwardPass<'_, T>, workspace: &mut [T]) {
        let [_, n] = matrix(&pass.shapes[1]);
        panels(pass.dy, n, pass.tile, workspace);
    }

    /// `db[k, n] = Σ_sample a[k, sample] · dy[sample, n]`, for some of the `k`.
    fn rows(&self, tile: SplitTile<'_, T>, first_row: usize, dx: &mut [T]) {
        let [_, n] = matrix(&tile.shapes[1]);
        if dx.is_empty() {
            return;
        }
        let Tile { width, valid, .. } = tile.tile;
        let a = Left {
            values: &tile.x[0][first_row * width..],
            adjacent: Adjacent::Steps,
            stride: width,
        };
        let rows = dx.len() / n;
        let whole_panels = n / PANEL;
        for (first, columns, repeats) in
            [(0, PANEL, whole_panels), (whole_panels * PANEL, n % PANEL, 1)]
        {
            if columns * repeats > 0 {
                product(
                    Extent { rows, columns, runs: &[[0, 0]], run_length: valid, repeats },
                    a,
                    Right {
                        values: &tile.workspace[first * valid..],
                        inner_stride: whole_vectors(columns),
                        repeat_stride: columns * valid,
                    },
                    Destination {
                        values: &mut dx[first..],
                        row_stride: n,
                        repeat_stride: columns,
                        adds: tile.adds,
                        bias: &[],
                    },
                );
            }
        }
    }
}

/// Columns of a panel of the gradient of the result.
const PANEL: usize = 32;

/// Room for `n` columns, so that each row begins where vectors like it.
fn whole_vectors(n: usize) -> usize {
    n.next_multiple_of(16)
}

/// `dy` with the samples as rows, panel by panel.
fn panels<T: Float>(dy: &[T], n: usize, tile: Tile, to: &mut [T]) {
    let Tile { width, valid, .. } = tile;
    for first in (0..n).step_by(PANEL) {
        let columns = PANEL.min(n - first);
        let panel = &mut to[first * valid..];
        let size = [columns, valid];
        transpose((&dy[first * width..], width), size, (panel, whole_vectors(columns)));
    }
}

/// `result = left · right`: `[m, k]` times `[k, n]`, the rows of `right` side by side.
fn multiply<T: Float>(
    [m, k, n]: [usize; 3],
    left: Left<'_, T>,
    right: &[T],
    result: Destination<'_, T>,
) {
    product(
        Extent { rows: m, columns: n, runs: &[[0, 0]], run_length: k, repeats: 1 },
        left,
        Right { values: right, inner_stride: n, repeat_stride: 0 },
        result,
    );
}

/// Rows of `row_stride` side by side.
fn to<T>(values: &mut [T], row_stride: usize, adds: bool) -> Destination<'_, T> {
    Destination { values, row_stride, repeat_stride: 0, adds, bias: &[] }
}

fn matrix(shape: &Shape) -> [usize; 2] {
    [shape.sizes()[0], shape.sizes()[1]]
}

#[cfg(test)]
mod tests {
    use crate::testing::{OpCase, check_op, matmul, uniform};
    use crate::{Graph, Shape};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (a, b) in
            [("N 5", "5 3"), ("N 1", "1 1"), ("N 40", "40 17"), ("4 5", "5 3"), ("1 7", "7 2")]
        {
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
