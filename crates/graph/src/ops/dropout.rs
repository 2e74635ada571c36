//! Dropout: each element is set to 0 with probability `rate`, anew in each step.
//!
//! Shapes: `x [..]` → `y [..]` (any rank, elementwise).
//! Gradient: that of `y` where the element was kept, times the same factor; else 0. The mask is drawn again, not
//! kept: it is a function of seed, step, node, sample and element, so that neither tiles nor threads nor a
//! resumed run change it.
//! Source: Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (JMLR 2014), "Dropout: a simple way to
//! prevent neural networks from overfitting".

use std::ops::Range;

use kernels::random::{philox, unit};
use kernels::{MAX_LANES, inlined, vectorize};

use crate::op::{Attributes, BackwardPass, ForwardPass, Linearity, Op, RandomKey, Tile};
use crate::{Float, Graph, NodeId, Shape, ShapeError};

/// Where the loss of magnitude is made good, so that a layer sees the same mean in training and after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropoutScaling {
    /// In training: what is kept is divided by `1 − rate`, as in today's frameworks.
    #[default]
    AtTraining,
    /// In evaluation: all is multiplied by `1 − rate`, as in the paper and "Deep Learning from Scratch".
    AtEvaluation,
}

impl<T: Float> Graph<T> {
    /// Adds `x` with a random part of its elements set to 0, in a graph that trains: one that evaluates has no
    /// such node, or for [`DropoutScaling::AtEvaluation`] a product with `1 − rate`.
    ///
    /// | name    | usual       | unit                        | range    |
    /// |---------|-------------|-----------------------------|----------|
    /// | `rate` | 0.25 to 0.5 | share of elements dropped   | `[0, 1)` |
    ///
    /// # Errors
    ///
    /// If the rate is out of range.
    pub fn dropout(
        &mut self,
        x: NodeId,
        rate: f64,
        scaling: DropoutScaling,
    ) -> Result<NodeId, ShapeError> {
        if !(0.0..1.0).contains(&rate) {
            let rule = format!("expected a rate from 0 to below 1, got {rate}");
            return Err(ShapeError::new("dropout", rule, self.operand("dropout", x)?));
        }
        self.push(DropoutOp { rate, scaling }, &[x])
    }
}

struct DropoutOp {
    rate: f64,
    scaling: DropoutScaling,
}

/// Words of one draw.
const WORDS: usize = 4;

impl DropoutOp {
    /// Tells `visit` the factor of each element, 0 if it is dropped: some elements in a row at a time. One draw
    /// serves four elements of a sample. Node 0 is never a dropout, so that these counters are never those of a
    /// [`Stream`](kernels::random::Stream) of the same seed with a number below 2³².
    #[inline(always)]
    fn for_factors<T: Float>(
        &self,
        shape: &Shape,
        tile: Tile,
        random: RandomKey,
        mut visit: impl FnMut(Range<usize>, &[T]),
    ) {
        let kept = match self.scaling {
            DropoutScaling::AtTraining => T::from_f64(1.0 / (1.0 - self.rate)),
            DropoutScaling::AtEvaluation => T::ONE,
        };
        let rate = self.rate as f32;
        let width = tile.row_len(shape);
        let (step_low, step_high) = (random.step as u32, (random.step >> 32) as u32);
        let node = random.node ^ step_high.rotate_left(16);
        for first in (0..shape.len()).step_by(WORDS) {
            for start in (0..width).step_by(MAX_LANES) {
                let mut factors = [[T::ZERO; MAX_LANES]; WORDS];
                for lane in 0..MAX_LANES {
                    // The columns after the last sample repeat it, its mask too.
                    let sample = tile.first + (start + lane).min(tile.valid - 1);
                    let counter = [sample as u32, (first / WORDS) as u32, step_low, node];
                    let words = philox(counter, random.seed);
                    for (factors, word) in factors.iter_mut().zip(words) {
                        factors[lane] = if unit(word) >= rate { kept } else { T::ZERO };
                    }
                }
                let end = width.min(start + MAX_LANES);
                for (f, factors) in (first..shape.len()).zip(&factors) {
                    visit(f * width + start..f * width + end, &factors[..end - start]);
                }
            }
        }
    }
}

impl<T: Float> Op<T> for DropoutOp {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn in_place(&self) -> bool {
        true
    }

    fn linearity(&self) -> Linearity {
        Linearity::Linear
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        let scaling = match self.scaling {
            DropoutScaling::AtTraining => "at_training",
            DropoutScaling::AtEvaluation => "at_evaluation",
        };
        Attributes::default().with_number("rate", self.rate).with_form("scaling", scaling)
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        let (x, y) = (pass.x[0], pass.y);
        vectorize(inlined!(|| {
            self.for_factors(pass.y_shape, pass.tile, pass.random, |at, factors: &[T]| {
                let y = &mut y[at.clone()];
                if x.is_empty() {
                    y.iter_mut().zip(factors).for_each(|(y, &factor)| *y *= factor);
                } else {
                    let rows = y.iter_mut().zip(&x[at]).zip(factors);
                    rows.for_each(|((y, &x), &factor)| *y = x * factor);
                }
            });
        }));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        let (dx, dy) = (pass.dx, pass.dy);
        vectorize(inlined!(|| {
            self.for_factors(pass.y_shape, pass.tile, pass.random, |at, factors: &[T]| {
                let dx = &mut dx[at.clone()];
                if dy.is_empty() {
                    dx.iter_mut().zip(factors).for_each(|(dx, &factor)| *dx *= factor);
                } else {
                    let rows = dx.iter_mut().zip(&dy[at]).zip(factors);
                    rows.for_each(|((dx, &dy), &factor)| *dx += dy * factor);
                }
            });
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use kernels::random::{philox, unit};

    use super::DropoutScaling::{self, AtEvaluation, AtTraining};
    use crate::testing::{OpCase, both_precisions, check_op, refusal, uniform};
    use crate::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};

    const BATCH: usize = 37;
    const FEATURES: usize = 30;

    /// Dropout of all ones: the factors themselves.
    fn factors(
        rate: f64,
        scaling: DropoutScaling,
        tile: Option<usize>,
        [seed, step]: [u64; 2],
    ) -> Vec<f32> {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([FEATURES]));
        let y = g.dropout(x, rate, scaling).unwrap();
        let options = Compile { batch: BATCH, tile, keep: vec![y], ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let ones = Tensor::full([BATCH, FEATURES], 1.0);
        program.run(&RunArgs { inputs: &Tensors(&[&ones]), seed, step, ..RunArgs::default() });
        program.value(y).unwrap().into_values()
    }

    #[test]
    fn matches_reference_and_finite_differences() {
        for (shape, scaling, rate, kept) in [
            ("N 10", AtTraining, 0.3, 1.0 / 0.7),
            ("N 10", AtEvaluation, 0.3, 1.0),
            // So small a rate that the only element of a batch of one is kept.
            ("N", AtTraining, 0.125, 1.0 / 0.875),
            ("N 3 3", AtEvaluation, 0.3, 1.0),
            ("3 7", AtTraining, 0.3, 1.0 / 0.7),
        ] {
            let node = Cell::new(0);
            check_op(OpCase {
                build: both_precisions!(|g, x| {
                    let y = g.dropout(x[0], rate, scaling)?;
                    node.set(y.index() as u32);
                    Ok(y)
                }),
                reference: |x| {
                    let samples = if shape.starts_with('N') { x[0].shape()[0] } else { 1 };
                    let len = x[0].values().len() / samples;
                    let mut i = 0;
                    x[0].map(|value| {
                        let (sample, element) = ((i / len) as u32, i % len);
                        i += 1;
                        let words = philox([sample, element as u32 / 4, 0, node.get()], 0);
                        if f64::from(unit(words[element % 4])) < rate { 0.0 } else { value * kept }
                    })
                },
                inputs: &[uniform(shape, 0.5..2.0)],
            });
        }
    }

    #[test]
    fn the_mask_does_not_depend_on_the_tile() {
        let whole = factors(0.5, AtTraining, None, [1, 2]);
        for tile in [1, 2, 5, 16, 20, 100] {
            assert_eq!(factors(0.5, AtTraining, Some(tile), [1, 2]), whole, "{tile}");
        }
    }

    #[test]
    fn every_seed_step_and_node_has_a_mask_of_its_own() {
        let mask = |key| factors(0.5, AtEvaluation, None, key);
        assert_eq!(mask([1, 1]), mask([1, 1]));
        for key in [[2, 1], [1, 2], [1, 1 + (1 << 32)]] {
            let same = mask([1, 1]).iter().zip(mask(key)).filter(|(a, b)| *a == b).count();
            // Half of 1110, give or take six deviations.
            assert!((same as f64 - 555.0).abs() < 100.0, "{key:?}: {same} elements agree");
        }
        let mut g = Graph::<f32>::new();
        let x = g.constant(Tensor::full([1000], 1.0));
        let masks = [0; 2].map(|_| g.dropout(x, 0.5, AtEvaluation).unwrap());
        let options = Compile { keep: masks.to_vec(), ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        program.run(&RunArgs::default());
        assert_ne!(program.value(masks[0]), program.value(masks[1]));
    }

    #[test]
    fn the_share_of_dropped_elements_is_the_ratio_and_the_mean_is_kept() {
        for rate in [0.1, 0.25, 0.5, 0.9] {
            let draws = (0..100).flat_map(|step| factors(rate, AtTraining, None, [7, step]));
            let draws: Vec<f32> = draws.collect();
            let n = draws.len() as f64;
            let dropped = draws.iter().filter(|&&factor| factor == 0.0).count() as f64 / n;
            let deviation = (rate * (1.0 - rate) / n).sqrt();
            assert!((dropped - rate).abs() < 5.0 * deviation, "rate {rate}: {dropped} dropped");
            let mean = draws.iter().map(|&factor| f64::from(factor)).sum::<f64>() / n;
            assert!((mean - 1.0).abs() < 5.0 * deviation / (1.0 - rate), "rate {rate}: {mean}");
        }
    }

    #[test]
    fn t14_inverted_divides_what_is_kept_and_the_book_does_not() {
        let inverted = factors(0.75, AtTraining, None, [0, 0]);
        let book = factors(0.75, AtEvaluation, None, [0, 0]);
        assert!(book.iter().all(|factor| [0.0, 1.0].contains(factor)));
        assert!(inverted.iter().zip(&book).all(|(inverted, book)| *inverted == 4.0 * book));
    }

    #[test]
    fn a_rate_of_zero_keeps_everything_and_one_out_of_range_is_refused() {
        assert!(factors(0.0, AtTraining, None, [3, 3]).iter().all(|&f| f == 1.0));
        for rate in [1.0, -0.1, f64::NAN] {
            let error = refusal(&["N 3"], |g, x| g.dropout(x[0], rate, AtTraining));
            let rule = format!("expected a rate from 0 to below 1, got {rate}");
            assert_eq!(error, format!("dropout: {rule}, found [N, 3]"));
        }
    }
}
