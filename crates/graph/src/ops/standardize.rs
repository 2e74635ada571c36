//! Mean 0 and variance 1 within each group of a sample's elements: layer and group normalisation, without the scale and
//! offset that may follow.
//!
//! Shapes: `x [..]` → `y [..]`, each sample, or a value without batch axis, viewed as `[a, p, g, c]`: a group is all `p`
//! and `c` of one `a` and `g`. The last axis of layer normalisation is `[.., 1, 1, c]`, the groups of channels
//! of an image `[1, h · w, groups, channels / groups]`. `y = (x − mean) / √(variance + ε)`.
//! Gradient: with `s = 1/√(variance + ε)` and means over the group: `dL/dx = s · (dL/dy − mean(dL/dy) − y ·
//! mean(dL/dy · y))`.
//! Source: Ba, Kiros, Hinton (2016), "Layer normalization"; Wu, He (ECCV 2018), "Group normalization".

use kernels::{inlined, vectorize};

use crate::op::{
    Attributes, BackwardPass, ElementFormula, FormulaOperand, ForwardPass, Op, ResultElement, Saved,
};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

impl<T: Float> Graph<T> {
    /// Adds `(x − mean) / √(variance + epsilon)`, with mean and (biased) variance of each group of `view`. `epsilon` keeps
    /// the root away from 0: a constant group becomes 0, not NaN. See the [module docs](self).
    ///
    /// # Errors
    ///
    /// If the view has another number of elements than a sample of `x`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gradus_graph::{Graph, Shape};
    ///
    /// let mut g = Graph::<f32>::new();
    /// let words = g.input("words", Shape::batch([12, 64]));
    /// let each_word = g.standardize(words, [12, 1, 1, 64], 1e-5)?;
    /// let image = g.input("image", Shape::batch([14, 14, 32]));
    /// let eight_groups = g.standardize(image, [1, 14 * 14, 8, 4], 1e-5)?;
    /// # Ok::<(), gradus_graph::ShapeError>(())
    /// ```
    pub fn standardize(
        &mut self,
        x: NodeId,
        view: [usize; 4],
        epsilon: f64,
    ) -> Result<NodeId, ShapeError> {
        self.push(StandardizeOp { view, epsilon }, &[x])
    }
}

struct StandardizeOp {
    view: [usize; 4],
    epsilon: f64,
}

impl StandardizeOp {
    /// Where the blocks of each group begin, one for each `p`, for a tile of this width; and the length of a block.
    fn groups(
        &self,
        width: usize,
    ) -> (impl Iterator<Item = impl Iterator<Item = usize> + Clone>, usize) {
        let [a, p, g, c] = self.view;
        let block = c * width;
        let starts = (0..a).flat_map(move |i| (0..g).map(move |k| (i * p * g + k) * block));
        (starts.map(move |start| (0..p).map(move |j| start + j * g * block)), block)
    }

    /// 1 by the number of elements in a group.
    fn share<T: Float>(&self) -> T {
        let [_, p, _, c] = self.view;
        T::from_f64(1.0 / (p * c) as f64)
    }
}

impl<T: Float> Op<T> for StandardizeOp {
    fn name(&self) -> &'static str {
        "standardize"
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default().with_sizes("view", self.view).with_number("epsilon", self.epsilon)
    }

    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        let x = &operands[0];
        if Shape::from(self.view).len() != x.len() {
            let (view, len) = (self.view, x.len());
            let rule = format!("expected a view of {len} elements, got {view:?}");
            return Err(ShapeError::new("standardize", rule, x));
        }
        Ok(x.clone())
    }

    fn saved(&self, _operand: usize) -> Saved {
        Saved::RESULT.and(Saved::KEPT)
    }

    /// The inverse deviation of each group.
    fn kept_rows(&self, _operands: &[Shape]) -> usize {
        let [a, _, g, _] = self.view;
        a.saturating_mul(g)
    }

    fn in_place(&self) -> bool {
        true
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        let [_, p, g, c] = self.view;
        let (group, first) = (of.index / c % g, of.index / (c * g * p) * p);
        let blocks = (first..first + p).flat_map(|block| {
            let start = (block * g + group) * c;
            start..start + c
        });
        let text = format!("(a - mean(x)) / sqrt(mean((x - mean(x)) ^ 2) + {})", self.epsilon);
        let of_group = FormulaOperand::vector("x", 0, blocks.collect());
        Some(ElementFormula::new(text, vec![FormulaOperand::number("a", 0, of.index), of_group]))
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y, width) = (pass.x[0], pass.y, pass.tile.row_len(pass.y_shape));
        let (share, epsilon) = (self.share::<T>(), T::from_f64(self.epsilon));
        let mean = &mut pass.scratch[..width];
        let (groups, block) = self.groups(width);
        vectorize(inlined!(|| {
            for (blocks, inverse) in groups.zip(pass.kept.chunks_exact_mut(width)) {
                mean.fill(T::ZERO);
                for at in blocks.clone() {
                    let y = &mut y[at..at + block];
                    // In place the operand is there already.
                    if let Some(x) = x.get(at..at + block) {
                        y.copy_from_slice(x);
                    }
                    for y in y.chunks_exact(width) {
                        mean.iter_mut().zip(y).for_each(|(mean, &y)| *mean += y);
                    }
                }
                mean.iter_mut().for_each(|mean| *mean *= share);
                // Squares of differences: those of the values themselves would cancel beside a large mean.
                inverse.fill(T::ZERO);
                for at in blocks.clone() {
                    for y in y[at..at + block].chunks_exact_mut(width) {
                        for ((y, square), &mean) in y.iter_mut().zip(&mut *inverse).zip(&*mean) {
                            *y -= mean;
                            *square += *y * *y;
                        }
                    }
                }
                inverse.iter_mut().for_each(|s| *s = T::ONE / (*s * share + epsilon).sqrt());
                for at in blocks {
                    for y in y[at..at + block].chunks_exact_mut(width) {
                        y.iter_mut().zip(&*inverse).for_each(|(y, &inverse)| *y *= inverse);
                    }
                }
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (y, dy, dx, width) = (pass.y, pass.dy, pass.dx, pass.tile.row_len(pass.y_shape));
        let share = self.share::<T>();
        let (mean, product) = pass.scratch[..2 * width].split_at_mut(width);
        let (groups, block) = self.groups(width);
        vectorize(inlined!(|| {
            for (blocks, inverse) in groups.zip(pass.kept.chunks_exact(width)) {
                mean.fill(T::ZERO);
                product.fill(T::ZERO);
                for at in blocks.clone() {
                    let block = at..at + block;
                    // In place the gradient of the result is in `dx`.
                    let dy = dy.get(block.clone()).unwrap_or(&dx[block.clone()]);
                    for (dy, y) in dy.chunks_exact(width).zip(y[block].chunks_exact(width)) {
                        let sums = mean.iter_mut().zip(&mut *product);
                        for ((mean, product), (&dy, &y)) in sums.zip(dy.iter().zip(y)) {
                            *mean += dy;
                            *product += dy * y;
                        }
                    }
                }
                mean.iter_mut().chain(&mut *product).for_each(|sum| *sum *= share);
                for at in blocks.flat_map(|at| (at..at + block).step_by(width)) {
                    let row = at..at + width;
                    let of_group = inverse.iter().zip(&*mean).zip(&*product);
                    let rows = dx[row.clone()].iter_mut().zip(&y[row.clone()]).zip(of_group);
                    match dy.get(row) {
                        Some(dy) => {
                            for (((dx, &y), ((&s, &mean), &product)), &dy) in rows.zip(dy) {
                                *dx += s * (dy - mean - y * product);
                            }
                        }
                        None => {
                            for ((dx, &y), ((&s, &mean), &product)) in rows {
                                *dx = s * (*dx - mean - y * product);
                            }
                        }
                    }
                }
            }
        }));
    }

    /// The mean of a group.
    fn forward_scratch(&self, _operands: &[Shape], width: usize) -> usize {
        width
    }

    /// The means of the gradient and of its product with the result.
    fn backward_scratch(&self, _operand: usize, _operands: &[Shape], width: usize) -> usize {
        2 * width
    }
}

#[cfg(test)]
mod tests {
    use crate::Tensor;
    use crate::testing::{
        OpCase, both_precisions, check_op, forward_f32, gradient_f32, refusal, uniform,
    };

    fn reference(x: &Tensor<f64>, [a, p, g, c]: [usize; 4], epsilon: f64) -> Tensor<f64> {
        let mut y = x.clone();
        for sample in y.values_mut().chunks_mut((a * p * g * c).max(1)) {
            for (i, k) in (0..a).flat_map(|i| (0..g).map(move |k| (i, k))) {
                let at = |j: usize, l: usize| ((i * p + j) * g + k) * c + l;
                let group = (0..p).flat_map(|j| (0..c).map(move |l| at(j, l)));
                let count = (p * c) as f64;
                let mean = group.clone().map(|at| sample[at]).sum::<f64>() / count;
                let squares = group.clone().map(|at| (sample[at] - mean).powi(2));
                let deviation = (squares.sum::<f64>() / count + epsilon).sqrt();
                group.for_each(|at| sample[at] = (sample[at] - mean) / deviation);
            }
        }
        y
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (shape, view) in [
            ("N 5", [1, 1, 1, 5]),
            ("N 3 4", [3, 1, 1, 4]),
            ("N 2 3 4", [1, 6, 2, 2]),
            ("N 2 2 6", [1, 4, 1, 6]),
            ("N 2 3 2", [1, 6, 2, 1]),
            ("N 2 3 4", [2, 3, 2, 2]),
            ("3 4", [3, 1, 1, 4]),
            ("12", [1, 6, 2, 1]),
        ] {
            check_op(OpCase {
                build: both_precisions!(|g, x| g.standardize(x[0], view, 1e-3)),
                reference: |x| reference(&x[0], view, 1e-3),
                inputs: &[uniform(shape, -2.0..2.0)],
            });
        }
    }

    #[test]
    fn matches_reference_in_place_and_with_scale_and_offset() {
        check_op(OpCase {
            build: both_precisions!(|g, x| {
                let doubled = g.add(x[0], x[0])?;
                let y = g.standardize(doubled, [2, 1, 1, 3], 0.1)?;
                let scaled = g.mul(y, x[1])?;
                g.add(scaled, x[2])
            }),
            reference: |x| {
                let y = reference(&x[0].map(|x| 2.0 * x), [2, 1, 1, 3], 0.1);
                let affine = y.values().iter().enumerate();
                let affine = affine.map(|(i, y)| y * x[1].values()[i % 3] + x[2].values()[i % 3]);
                Tensor::new(x[0].shape(), affine.collect::<Vec<_>>())
            },
            inputs: &[uniform("N 2 3", -2.0..2.0), uniform("3", 0.5..1.5), uniform("3", -1.0..1.0)],
        });
    }

    #[test]
    fn a_constant_group_and_a_single_element_become_0_and_a_large_mean_does_not_drown_the_rest() {
        let y = |x: &[f32], view| forward_f32(|g, x| g.standardize(x, view, 1e-5).unwrap(), x);
        assert_eq!(y(&[7.0; 4], [1, 1, 1, 4]), [0.0; 4]);
        assert_eq!(y(&[1.0, -3.0, 1e30], [3, 1, 1, 1]), [0.0; 3]);
        assert_eq!(y(&[], [0, 1, 1, 4]), []);
        assert_eq!(y(&[], [4, 1, 1, 0]), []);
        let slope = gradient_f32(|g, x| g.standardize(x, [3, 1, 1, 1], 1e-5).unwrap(), &[1.0; 3]);
        assert_eq!(slope, [0.0; 3]);
        let found = y(&[10_000.0, 10_001.0, 10_000.0, 10_001.0], [1, 1, 1, 4]);
        assert!(found.iter().all(|y| (y.abs() - 1.0).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn a_view_of_another_size_is_refused() {
        for view in [[1, 1, 1, 5], [usize::MAX, 2, 1, 1]] {
            let error = refusal(&["N 2 3"], |g, x| g.standardize(x[0], view, 1e-5));
            let want = format!(
                "standardize: expected a view of 6 elements, got {view:?}, found [N, 2, 3]"
            );
            assert_eq!(error, want);
        }
    }
}
