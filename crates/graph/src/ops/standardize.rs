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

use crate::op::{BackwardPass, ForwardPass, Op, Saved};
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
    /// The length, for all samples, of what stands at one index of `a`, and of one of `p` and `g` in that.
    fn block_lens(&self, width: usize) -> [usize; 2] {
        let [_, p, g, c] = self.view;
        [(p * g * c * width).max(1), (c * width).max(1)]
    }

    /// 1 by the number of elements in a group.
    fn share<T: Float>(&self) -> T {
        let [_, p, _, c] = self.view;
        T::from_f64(1.0 / (p * c) as f64)
    }
}

/// Calls `run` with each row of `values`, `p` by `g` by `c` of them, and the row of its group in `of_groups`.
#[inline(always)]
fn for_rows<T>(
    values: &mut [T],
    (block, width): (usize, usize),
    of_groups: &mut [T],
    run: impl Fn(&mut [T], &mut [T]),
) {
    for position in values.chunks_exact_mut(of_groups.len() / width * block) {
        for (values, group) in
            position.chunks_exact_mut(block).zip(of_groups.chunks_exact_mut(width))
        {
            values.chunks_exact_mut(width).for_each(|row| run(row, group));
        }
    }
}

impl<T: Float> Op<T> for StandardizeOp {
    fn name(&self) -> &'static str {
        "standardize"
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

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y, width) = (pass.x[0], pass.y, pass.tile.row_len(pass.y_shape));
        let ([len, block], g) = (self.block_lens(width), self.view[2]);
        let (means, share) = (&mut pass.scratch[..g * width], self.share::<T>());
        if !x.is_empty() {
            y.copy_from_slice(x);
        }
        vectorize(inlined!(|| {
            let groups = pass.kept.chunks_exact_mut((g * width).max(1));
            for (y, inverse) in y.chunks_exact_mut(len).zip(groups) {
                means.fill(T::ZERO);
                for_rows(
                    y,
                    (block, width),
                    means,
                    inlined!(|y, sum| {
                        sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += *y);
                    }),
                );
                means.iter_mut().for_each(|mean| *mean *= share);
                for_rows(
                    y,
                    (block, width),
                    means,
                    inlined!(|y, mean| {
                        y.iter_mut().zip(mean).for_each(|(y, mean)| *y -= *mean);
                    }),
                );
                // Squares of differences: those of the values themselves would cancel beside a large mean.
                inverse.fill(T::ZERO);
                for_rows(
                    y,
                    (block, width),
                    inverse,
                    inlined!(|y, sum| {
                        sum.iter_mut().zip(y).for_each(|(sum, y)| *sum += *y * *y);
                    }),
                );
                let epsilon = T::from_f64(self.epsilon);
                inverse.iter_mut().for_each(|s| *s = T::ONE / (*s * share + epsilon).sqrt());
                for_rows(
                    y,
                    (block, width),
                    inverse,
                    inlined!(|y, inverse| {
                        y.iter_mut().zip(inverse).for_each(|(y, inverse)| *y *= *inverse);
                    }),
                );
            }
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (y, dy, dx, width) = (pass.y, pass.dy, pass.dx, pass.tile.row_len(pass.y_shape));
        let ([len, block], g) = (self.block_lens(width), self.view[2]);
        let share = self.share::<T>();
        let (means, products) = pass.scratch[..2 * g * width].split_at_mut(g * width);
        vectorize(inlined!(|| {
            let groups = pass.kept.chunks_exact((g * width).max(1)).enumerate();
            for ((a, inverse), (dx, y)) in
                groups.zip(dx.chunks_exact_mut(len).zip(y.chunks_exact(len)))
            {
                // In place the gradient of the result is in `dx`.
                let dy = dy.get(a * len..(a + 1) * len);
                means.fill(T::ZERO);
                products.fill(T::ZERO);
                let rows = dy.unwrap_or(&*dx).chunks_exact(block).zip(y.chunks_exact(block));
                for ((dy, y), group) in rows.zip((0..g).cycle()) {
                    let group = group * width..(group + 1) * width;
                    let (mean, product) = (&mut means[group.clone()], &mut products[group]);
                    for (dy, y) in dy.chunks_exact(width).zip(y.chunks_exact(width)) {
                        let sums = mean.iter_mut().zip(&mut *product);
                        for ((mean, product), (&dy, &y)) in sums.zip(dy.iter().zip(y)) {
                            *mean += dy;
                            *product += dy * y;
                        }
                    }
                }
                means.iter_mut().for_each(|mean| *mean *= share);
                products.iter_mut().for_each(|mean| *mean *= share);
                let rows = dx.chunks_exact_mut(block).zip(y.chunks_exact(block)).enumerate();
                for ((i, (dx, y)), group) in rows.zip((0..g).cycle()) {
                    let group = group * width..(group + 1) * width;
                    let (mean, product) = (&means[group.clone()], &products[group.clone()]);
                    let inverse = &inverse[group];
                    let of_group = || inverse.iter().zip(mean).zip(product);
                    for (r, (dx, y)) in
                        dx.chunks_exact_mut(width).zip(y.chunks_exact(width)).enumerate()
                    {
                        let rows = dx.iter_mut().zip(y).zip(of_group());
                        match dy {
                            Some(dy) => {
                                let dy = &dy[i * block + r * width..][..width];
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
            }
        }));
    }

    /// The mean of each group.
    fn forward_scratch(&self, _operands: &[Shape], width: usize) -> usize {
        self.view[2] * width
    }

    fn backward_scratch(&self, _operand: usize, _operands: &[Shape], width: usize) -> usize {
        2 * self.view[2] * width
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
