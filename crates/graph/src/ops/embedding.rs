//! Rows of a table, by their numbers: words, or any other classes, become vectors.
//!
//! Shapes: `indices [N, ..]` or `[..]`, `table [count, features]` → `y [.., features]`, one row for each index.
//! An index is rounded to the nearest row, counted from 0; one outside of the table, or NaN, gives a row of NaN.
//! Gradient: `dL/dtable` is for each row the sum of `dL/dy` over the indices that name it. That of the indices is 0.
//! Source: Bengio, Ducharme, Vincent, Jauvin (JMLR 2003), "A neural probabilistic language model".

use crate::op::{BackwardPass, Choices, ForwardPass, Linearity, Op, Saved};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds one row of `table` for each index. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If the table is not a matrix, or has the batch axis.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let words = g.input("words", Shape::batch([12]));
    /// let table = g.parameter("table", [1000, 16]);
    /// let y = g.embedding(words, table)?;
    /// assert_eq!(g.shape(y), &Shape::batch([12, 16]));
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn embedding(&mut self, indices: NodeId, table: NodeId) -> Result<NodeId, ShapeError> {
        self.push(EmbeddingOp, &[indices, table])
    }
}

struct EmbeddingOp;

/// Indices that are looked up at a time: the places of their rows lie on the stack.
const GROUP: usize = 64;
/// The place of a row that is not in the table.
const OUTSIDE: usize = usize::MAX;

/// Tells `visit` where the rows of some indices begin in the table, and the number of the first of these indices.
fn for_groups<T: Float>(indices: &[T], table: &Shape, mut visit: impl FnMut(usize, &[usize])) {
    let (count, features) = (table.dims()[0], table.dims()[1]);
    let mut places = [0; GROUP];
    for (group, indices) in indices.chunks(GROUP).enumerate() {
        for (place, index) in places.iter_mut().zip(indices) {
            let row = index.to_f64().round();
            let is_inside = (0.0..count as f64).contains(&row);
            *place = if is_inside { row as usize * features } else { OUTSIDE };
        }
        visit(group * GROUP, &places[..indices.len()]);
    }
}

impl<T: Float> Op<T> for EmbeddingOp {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let [indices, table] = operands else { unreachable!("two operands") };
        let (false, &[_, features]) = (table.is_batched(), table.dims()) else {
            return Err(ShapeError::new("embedding", "expected a table [count, features]", table));
        };
        Ok(indices.with_dims([indices.dims(), &[features]].concat()))
    }

    fn saved(&self, operand: usize) -> Saved {
        if operand == 0 { Saved::NOTHING } else { Saved::FIRST }
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (indices, table, y) = (pass.x[0], pass.x[1], pass.y);
        let (shape, width) = (&pass.shapes[1], pass.tile.row_len(pass.y_shape));
        let features = shape.dims()[1];
        let positions = y.chunks_exact_mut((features * width).max(1));
        for (y, indices) in positions.zip(indices.chunks_exact(width)) {
            for_groups(indices, shape, |first, places| {
                for (feature, y) in y.chunks_exact_mut(width).enumerate() {
                    for (y, place) in y[first..].iter_mut().zip(places) {
                        let value = table.get(place.saturating_add(feature));
                        *y = value.copied().unwrap_or(T::from_f64(f64::NAN));
                    }
                }
            });
        }
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        if pass.operand == 0 {
            return;
        }
        let (indices, dx, dy) = (pass.x[0], pass.dx, pass.dy);
        let (shape, width) = (&pass.shapes[1], pass.tile.row_len(pass.y_shape));
        let valid = if pass.y_shape.is_batched() { pass.tile.valid } else { 1 };
        let features = shape.dims()[1];
        let positions = dy.chunks_exact((features * width).max(1));
        for (dy, indices) in positions.zip(indices.chunks_exact(width)) {
            for_groups(&indices[..valid], shape, |first, places| {
                for (feature, dy) in dy.chunks_exact(width).enumerate() {
                    for (dy, place) in dy[first..].iter().zip(places) {
                        if let Some(dx) = dx.get_mut(place.saturating_add(feature)) {
                            *dx += *dy;
                        }
                    }
                }
            });
        }
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        pass.x[0].iter().for_each(|index| choices.add(index.to_f64().round().to_bits()));
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, refusal, uniform,
    };
    use crate::{Graph, NodeId};

    #[test]
    fn matches_reference_and_finite_differences() {
        for (indices, table) in [
            ("N", "5 3"),
            ("N 4", "3 2"),
            ("N 2 2", "6 1"),
            ("7", "5 3"),
            ("2 2", "4 2"),
            ("", "3 2"),
        ] {
            let count: f64 = table[..1].parse().unwrap();
            check_op(OpCase {
                build: both_precisions!(|g, x| g.embedding(x[0], x[1])),
                reference: |x| {
                    let features = x[1].shape()[1];
                    let row = |&index: &f64| {
                        let row = (0..x[1].shape()[0]).find(|&i| (index - i as f64).abs() < 0.5);
                        x[1].values()[row.unwrap() * features..][..features].to_vec()
                    };
                    let y: Vec<f64> = x[0].values().iter().flat_map(row).collect();
                    Tensor::new([x[0].shape(), &[features]].concat(), y)
                },
                inputs: &[
                    uniform(indices, -0.4..count - 0.6).with_zero_gradient(),
                    uniform(table, -2.0..2.0),
                ],
            });
        }
    }

    #[test]
    fn indices_are_rounded_and_give_nan_outside_of_the_table() {
        let rows = |g: &mut Graph<f32>, indices: NodeId| {
            let table = g.constant(Tensor::new([3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
            g.embedding(indices, table).unwrap()
        };
        assert_eq!(forward_f32(rows, &[2.4, -0.4, 0.6]), [5.0, 6.0, 1.0, 2.0, 3.0, 4.0]);
        for index in [-1.0, 3.0, 1e30, -1e30, f32::NAN, f32::INFINITY] {
            assert!(forward_f32(rows, &[index]).iter().all(|y| y.is_nan()), "{index}");
            assert_eq!(gradient_f32(rows, &[index]), [0.0]);
        }
    }

    #[test]
    fn a_row_sums_the_gradients_of_its_indices_and_one_outside_adds_to_none() {
        let look_up = |g: &mut Graph<f32>, table: NodeId| {
            let indices = g.constant(Tensor::new([5], [0.0, 2.0, 0.0, 3.0, f32::NAN]));
            let table = g.reshape(table, [3, 1]).unwrap();
            g.embedding(indices, table).unwrap()
        };
        assert_eq!(gradient_f32(look_up, &[1.0, 2.0, 3.0]), [2.0, 0.0, 1.0]);
    }

    #[test]
    fn a_table_of_other_axes_is_refused() {
        for (table, found) in [("5", "[5]"), ("N 5 2", "[N, 5, 2]")] {
            let error = refusal(&["N 4", table], |g, x| g.embedding(x[0], x[1]));
            assert_eq!(
                error,
                format!("embedding: expected a table [count, features], found {found}")
            );
        }
    }
}
