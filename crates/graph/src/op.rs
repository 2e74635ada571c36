//! What an operation is: a name, a shape rule, a forward and a backward pass.
//!
//! Each file of [`ops`](crate::ops) holds one op; a custom op is added with [`Graph::push`](crate::Graph::push).

mod attributes;
mod formula;

use std::any::Any;

pub use self::attributes::{Attribute, Attributes};
pub use self::formula::{ElementFormula, FormulaOperand, Linearity, ResultElement};
use kernels::gemm::PackedMatrix;
use kernels::{Float, inlined, vectorize};

use crate::shape::{Shape, ShapeError};

/// The largest number of operands of an op.
pub const MAX_OPERANDS: usize = 32;

/// An operation of a graph.
///
/// A pass works on one tile of samples ([layout](crate#batch-innermost-layout)) and treats samples alike and
/// independently, but for a *reduction over the batch*: an op with batched operands and a result without batch
/// axis. Its forward pass writes the tile's part of the result, and [`finish`](Self::finish) combines parts.
pub trait Op<T: Float>: Any + Send + Sync {
    /// The op's name, as the method of [`Graph`](crate::Graph) that adds it.
    fn name(&self) -> &'static str;

    /// The shape of the result: that of the first operand by default.
    ///
    /// # Errors
    ///
    /// If the operands break a rule: a [`ShapeError`] that names the op and prints the shapes.
    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
        Ok(operands[0].clone())
    }

    /// What the backward pass for `operand` reads beside `dy`: all else is empty then. Nothing by default.
    fn saved(&self, _operand: usize) -> Saved {
        Saved::NOTHING
    }

    /// Rows of numbers that the forward pass writes to `pass.kept` for the backward pass to read: something that it
    /// has computed on the way, such as an inverse deviation, or an index. A row has a number for each column of
    /// the [tile](Tile::width), or one where neither operands nor result have the batch axis. Sizes may be such
    /// that no memory holds them: the number must not overflow.
    fn kept_rows(&self, _operands: &[Shape]) -> usize {
        0
    }

    /// Writes the result, and what it [keeps](Self::kept_rows).
    fn forward(&self, pass: ForwardPass<'_, T>);

    /// Adds the gradient of one operand, `pass.operand`, to `pass.dx`.
    ///
    /// Add, never assign, unless [`BackwardPass::adds`] says otherwise: the operand may feed several nodes.
    /// Without batch axis, sum over the tile's first [`Tile::valid`] samples.
    fn backward(&self, pass: BackwardPass<'_, T>);

    /// Whether the backward pass for `operand` can also overwrite `pass.dx`, whose content is undefined then.
    /// For an op that cannot, it is cleared first.
    fn sets_gradient(&self, _operand: usize) -> bool {
        false
    }

    /// For a reduction over the batch: the result from parts of it, which are contiguous; part `i` is of `samples[i]`
    /// samples. A part is that of a tile, or the result of an earlier call. The sum by default.
    fn finish(&self, parts: &[T], _samples: &[usize], y: &mut [T]) {
        y.fill(T::ZERO);
        for part in parts.chunks_exact(y.len().max(1)) {
            y.iter_mut().zip(part).for_each(|(y, &part)| *y += part);
        }
    }

    /// Elements of scratch space that the forward pass needs for a tile of this [width](Tile::width).
    fn forward_scratch(&self, _operands: &[Shape], _width: usize) -> usize {
        0
    }

    /// Elements of scratch space that the backward pass for `operand` needs.
    fn backward_scratch(&self, _operand: usize, _operands: &[Shape], _width: usize) -> usize {
        0
    }

    /// Whether the op can work in place, where the value of its first operand is not needed again.
    ///
    /// If operand and result have the same shape, a forward pass may then find the operand in `pass.y`, and
    /// `pass.x[0]` empty; a backward pass for operand 0 the gradient of the result in `pass.dx`, and `pass.dy`
    /// empty. [`ForwardPass::map`] and [`BackwardPass::map`] handle both cases.
    fn in_place(&self) -> bool {
        false
    }

    /// Whether each pass can be done in strips, equal shares of the first axis: those of the result, of what is kept and of the
    /// batched operands belong together, as if they were smaller values. What is summed for a value without batch axis is
    /// summed strip by strip. The planner then has several ops work on one strip while it is in the first-level cache.
    fn in_strips(&self, _operands: &[Shape]) -> bool {
        false
    }

    /// The settings of the op: all that its result depends on beside its operands.
    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        Attributes::default()
    }

    /// Multiply-adds of a forward pass for one sample.
    fn multiply_adds(&self, _operands: &[Shape]) -> u64 {
        0
    }

    /// How elements of the result follow from those of the operands.
    fn linearity(&self) -> Linearity {
        Linearity::Nonlinear
    }

    /// The formula of one element of a [nonlinear](Linearity::Nonlinear) result; none if the op states none.
    fn formula(&self, _of: ResultElement<'_>) -> Option<ElementFormula> {
        None
    }

    /// Adds every choice of the forward pass (side of a kink, largest element): how a step across a kink shows.
    fn choices(&self, _pass: &ForwardPass<'_, T>, _choices: &mut Choices) {}
}

/// A group of samples that a pass works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Index of the first sample in the batch.
    pub first: usize,
    /// Samples of the tile.
    pub valid: usize,
    /// Columns of a row, at least `valid`. The columns from `valid` on repeat the last sample, and their
    /// gradients are 0.
    ///
    /// Usually a multiple of the lanes of a vector, so that rows are whole vectors; but a small batch is one tile of
    /// its own size, and [`Compile::tile`](crate::Compile::tile) may ask for any. An op must accept every width.
    pub width: usize,
    /// Samples of the batch.
    pub batch: usize,
}

impl Tile {
    /// Fills the columns of `values` after the last sample with copies of it, so that no op meets a value
    /// that the data does not have.
    pub fn repeat_last_sample<T: Copy>(&self, values: &mut [T]) {
        if self.valid < self.width {
            for row in values.chunks_exact_mut(self.width) {
                let last = row[self.valid - 1];
                row[self.valid..].fill(last);
            }
        }
    }

    /// The tile of values without batch axis: one column.
    pub(crate) fn unbatched(batch: usize) -> Self {
        Self { first: 0, valid: 1, width: 1, batch }
    }

    /// Elements of a row of a value of `shape`: 1 without batch axis.
    pub fn row_len(&self, shape: &Shape) -> usize {
        if shape.is_batched() { self.width } else { 1 }
    }
}

/// The key of the random numbers of a pass. Neither threads nor resuming a run change them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RandomKey {
    /// The seed of the run.
    pub seed: u64,
    /// The step, counted from 0.
    pub step: u64,
    /// The node, filled in by the program.
    pub node: u32,
}

/// What a forward pass reads and writes.
#[derive(Debug)]
pub struct ForwardPass<'a, T> {
    /// The operands' values.
    pub x: &'a [&'a [T]],
    /// The result; its content is undefined before.
    pub y: &'a mut [T],
    /// What to add to the result along its last axis, for the ops whose bias is fused; else empty.
    pub(crate) bias: &'a [T],
    /// The weight, where the caller has packed it.
    pub(crate) packed: Option<&'a PackedMatrix<T>>,
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The result's shape.
    pub y_shape: &'a Shape,
    /// The samples.
    pub tile: Tile,
    /// The key of its random numbers.
    pub random: RandomKey,
    /// [`Op::kept_rows`] rows with undefined content.
    pub kept: &'a mut [T],
    /// [`Op::forward_scratch`] elements with undefined content.
    pub scratch: &'a mut [T],
}

impl<T: Float> ForwardPass<'_, T> {
    /// `y = f(x)`, element by element. Write `f` as [`kernels::inlined!`].
    pub fn map(self, f: impl Fn(T) -> T) {
        let (x, y) = (self.x[0], self.y);
        // A long `f` would not be inlined into an adapter such as `for_each`; and what it captures is moved, so that no
        // element written could be that.
        vectorize(inlined!(move || {
            if x.is_empty() {
                for y in y {
                    *y = f(*y);
                }
            } else {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f(x);
                }
            }
        }));
    }
}

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct BackwardPass<'a, T> {
    /// The operand that the gradient is for.
    pub operand: usize,
    /// The operands' values, where [`Op::saved`] asked for them.
    pub x: &'a [&'a [T]],
    /// The result, where [`Op::saved`] asked for it.
    pub y: &'a [T],
    /// What the forward pass kept, where [`Op::saved`] asked for it.
    pub kept: &'a [T],
    /// The gradient of the result.
    pub dy: &'a [T],
    /// The gradient of the operand, to be added to.
    pub dx: &'a mut [T],
    /// Whether to add to the gradient. If not, its content is undefined; only an op that
    /// [sets](Op::sets_gradient) gradients meets that.
    pub adds: bool,
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The result's shape.
    pub y_shape: &'a Shape,
    /// The samples.
    pub tile: Tile,
    /// The key of its random numbers: that of the forward pass.
    pub random: RandomKey,
    /// [`Op::backward_scratch`] elements with undefined content.
    pub scratch: &'a mut [T],
}

impl<T: Float> BackwardPass<'_, T> {
    /// `dx += dy · slope(v)`, element by element, or `dx = dy · slope(v)`, as [`adds`](Self::adds) says. Write `slope` as
    /// [`kernels::inlined!`].
    ///
    /// `v` is the result or the first operand, whichever [`Op::saved`] asked for; else 0.
    pub fn map(self, slope: impl Fn(T) -> T) {
        let (dx, dy, adds) = (self.dx, self.dy, self.adds);
        let at = if self.y.is_empty() { self.x[0] } else { self.y };
        vectorize(inlined!(move || match (dy, at) {
            ([], []) => {
                for dx in dx {
                    *dx *= slope(T::ZERO);
                }
            }
            ([], _) => {
                for (dx, &at) in dx.iter_mut().zip(at) {
                    *dx *= slope(at);
                }
            }
            (_, []) => {
                for (dx, &dy) in dx.iter_mut().zip(dy) {
                    *dx = dy * slope(T::ZERO) + if adds { *dx } else { T::ZERO };
                }
            }
            _ if adds => {
                for ((dx, &dy), &at) in dx.iter_mut().zip(dy).zip(at) {
                    *dx += dy * slope(at);
                }
            }
            _ => {
                for ((dx, &dy), &at) in dx.iter_mut().zip(dy).zip(at) {
                    *dx = dy * slope(at);
                }
            }
        }));
    }
}

/// What a backward pass reads: any of the operands, the result, and what the forward pass [kept](Op::kept_rows).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved(u64);

impl Saved {
    /// Nothing but the gradient of the result.
    pub const NOTHING: Self = Self(0);
    /// The result.
    pub const RESULT: Self = Self(1 << MAX_OPERANDS);
    /// What the forward pass kept.
    pub const KEPT: Self = Self(2 << MAX_OPERANDS);
    /// The first operand.
    pub const FIRST: Self = Self::operand(0);
    /// The second operand.
    pub const SECOND: Self = Self::operand(1);
    /// The first two operands.
    pub const BOTH: Self = Self::FIRST.and(Self::SECOND);

    /// One operand, counted from 0.
    ///
    /// # Panics
    ///
    /// If no op has so many.
    #[must_use]
    pub const fn operand(operand: usize) -> Self {
        assert!(operand < MAX_OPERANDS, "no op has so many operands");
        Self(1 << operand)
    }

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the operand is in the set.
    pub const fn has_operand(self, operand: usize) -> bool {
        operand < MAX_OPERANDS && self.0 & (1 << operand) != 0
    }

    /// Whether the result is in the set.
    pub const fn has_result(self) -> bool {
        self.0 & Self::RESULT.0 != 0
    }

    /// Whether what the forward pass kept is in the set.
    pub const fn has_kept(self) -> bool {
        self.0 & Self::KEPT.0 != 0
    }
}

/// A fingerprint of discrete choices: equal for equal choices, for others with a probability of 2⁻⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices(u64);

impl Choices {
    /// Adds the side of `kink` that each value is on.
    pub fn add_sides<T: Float>(&mut self, values: &[T], kink: T) {
        for chunk in values.chunks(64) {
            let sides = chunk.iter().enumerate().map(|(i, &v)| u64::from(v > kink) << i);
            self.add(sides.sum());
        }
    }

    /// Adds one choice.
    pub fn add(&mut self, choice: u64) {
        // A step of FNV-1a over a whole word, with a rotation so that high bits count too.
        self.0 = (self.0.rotate_left(23) ^ choice ^ 0xcbf2_9ce4_8422_2325)
            .wrapping_mul(0x0000_0100_0000_01b3);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::{OpCase, both_precisions, check_op, reduce, uniform, zip};
    use crate::{Compile, Graph, Program, RunArgs, Tensor, Tensors};

    /// Notes the tiles that its forward pass is called for.
    #[derive(Debug)]
    struct TileProbe(Arc<Mutex<Vec<Tile>>>);

    impl Op<f32> for TileProbe {
        fn name(&self) -> &'static str {
            "tile_probe"
        }

        fn forward(&self, pass: ForwardPass<'_, f32>) {
            assert_eq!((pass.x[0].len(), pass.y.len()), (3 * pass.tile.width, 3 * pass.tile.width));
            self.0.lock().unwrap().push(pass.tile);
            pass.y.copy_from_slice(pass.x[0]);
        }

        fn backward(&self, _: BackwardPass<'_, f32>) {}
    }

    /// `y = Π e^{x_k}`, summed over the batch or not; keeps `y` before it is summed, and reads the last operand.
    struct ExpProduct {
        sums_batch: bool,
    }

    impl<T: Float> Op<T> for ExpProduct {
        fn name(&self) -> &'static str {
            "exp_product"
        }

        fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
            let x = &operands[0];
            Ok(if self.sums_batch { Shape::from(x.dims()) } else { x.clone() })
        }

        fn saved(&self, operand: usize) -> Saved {
            // For the first operand what is kept is written in another way.
            if operand == 0 { Saved::KEPT } else { Saved::KEPT.and(Saved::operand(operand)) }
        }

        fn kept_rows(&self, operands: &[Shape]) -> usize {
            operands[0].len()
        }

        fn forward(&self, pass: ForwardPass<'_, T>) {
            let width = pass.tile.row_len(&pass.shapes[0]);
            for (i, kept) in pass.kept.iter_mut().enumerate() {
                let factors = pass.x.iter().zip(pass.shapes);
                let terms = factors.map(|(x, s)| if s.is_batched() { x[i] } else { x[i / width] });
                *kept = terms.sum::<T>().exp();
            }
            for (rows, y) in
                pass.kept.chunks(width).zip(pass.y.chunks_mut(pass.tile.row_len(pass.y_shape)))
            {
                match self.sums_batch {
                    true => y[0] = rows[..pass.tile.valid].iter().copied().sum(),
                    false => y.copy_from_slice(rows),
                }
            }
        }

        fn backward(&self, pass: BackwardPass<'_, T>) {
            assert!(pass.operand == 0 || !pass.x[pass.operand].is_empty(), "asked for");
            let width = pass.tile.row_len(&pass.shapes[0]);
            let is_shared = !pass.shapes[pass.operand].is_batched();
            for (i, &kept) in pass.kept.iter().enumerate() {
                if i % width < pass.tile.valid {
                    let dy = pass.dy[if self.sums_batch { i / width } else { i }];
                    pass.dx[if is_shared { i / width } else { i }] += dy * kept;
                }
            }
        }
    }

    #[test]
    fn what_a_forward_pass_keeps_is_there_in_the_backward_pass() {
        for (shapes, sums_batch) in [
            // In tiles, in a reduction over the batch, and without any.
            (vec!["N 3"; 2], false),
            (vec!["N 3", "3"], false),
            (vec!["N 3"; 5], true),
            (vec!["3"; 2], false),
            (vec!["N 1"; MAX_OPERANDS], false),
        ] {
            let inputs: Vec<_> = shapes.iter().map(|shape| uniform(shape, -0.1..0.1)).collect();
            check_op(OpCase {
                build: both_precisions!(|g, x| g.push(ExpProduct { sums_batch }, x)),
                reference: |x| {
                    let sum = x[1..].iter().fold(x[0].clone(), |a, b| zip(&a, b, |a, b| a + b));
                    let y = sum.map(f64::exp);
                    if sums_batch { reduce(&y, &[0], |group| group.iter().sum()) } else { y }
                },
                inputs: &inputs,
            });
        }
    }

    #[test]
    fn an_op_may_keep_a_value_from_an_untiled_stage_to_the_backward_pass() {
        // The gradient of the untiled op reads nothing but what it keeps, and comes after all tiles.
        let mut g = Graph::<f64>::new();
        let x = g.input("x", Shape::batch([2]));
        let power = g.parameter("power", [2]);
        let factor = g.push(ExpProduct { sums_batch: false }, &[power]).unwrap();
        let y = g.mul(x, factor).unwrap();
        let in_tiles = g.sum_all(y).unwrap();
        let untiled = g.sum_all(factor).unwrap();
        let loss = g.add(in_tiles, untiled).unwrap();
        let options = Compile { batch: 3, loss: Some(loss), ..Compile::default() };
        let mut program = Program::new(g, &options).unwrap();
        let values = Tensor::new([3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        for (power, e) in [(0.0, 1.0), (1.0, 1f64.exp())] {
            let (parameters, inputs) = (&[power; 2][..], &Tensors(&[&values]));
            program.run(&RunArgs { parameters, inputs, ..RunArgs::default() });
            let want = [10.0 * e, 13.0 * e];
            let found = program.gradients();
            assert!(found.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        }
    }

    #[test]
    fn a_tile_is_as_wide_as_documented() {
        // Of whole vectors, which are of different lengths on different machines.
        let whole = |samples: usize| samples.next_multiple_of(kernels::Isa::current().lanes());
        for (batch, tile, widths) in [
            (1, None, &[1][..]),
            (5, None, &[5]),
            (20, None, &[whole(10); 2]),
            (100, None, &[whole(50); 2]),
            (5, Some(2), &[2, 2, 2]),
        ] {
            let tiles = Arc::new(Mutex::new(Vec::new()));
            let mut g = Graph::new();
            let x = g.input("x", Shape::batch([3]));
            let y = g.push(TileProbe(Arc::clone(&tiles)), &[x]).unwrap();
            let options = Compile { batch, tile, keep: vec![y], ..Compile::default() };
            let mut program = Program::new(g, &options).unwrap();
            let values = Tensor::full([batch, 3], 1.0);
            program.run(&RunArgs { inputs: &Tensors(&[&values]), ..RunArgs::default() });
            let tiles = tiles.lock().unwrap();
            assert_eq!(tiles.iter().map(|tile| tile.width).collect::<Vec<_>>(), widths, "{batch}");
            assert_eq!(tiles.iter().map(|tile| tile.valid).sum::<usize>(), batch);
            assert!(tiles.iter().all(|tile| (1..=tile.width).contains(&tile.valid)), "{batch}");
        }
    }

    #[test]
    fn without_a_loss_the_last_of_an_odd_number_of_tiles_is_halved() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", Shape::batch([3]));
        let y = g.relu(x);
        for (batch, tile, samples) in [
            (1000, None, [&[112; 4][..], &[52]].concat().repeat(2)),
            (226, None, vec![112, 1, 112, 1]),
            (225, None, vec![75, 75, 75]),
            (7, Some(2), vec![2, 2, 2, 1]),
            (9, Some(3), vec![3, 2, 3, 1]),
            (3, Some(3), vec![3]),
        ] {
            let options = Compile { batch, tile, keep: vec![y], ..Compile::default() };
            let program = Program::new(g.clone(), &options).unwrap();
            let tiles: Vec<_> = program.tiles().collect();
            assert_eq!(tiles.iter().map(ExactSizeIterator::len).collect::<Vec<_>>(), samples);
            assert!(tiles.windows(2).all(|tiles| tiles[0].end == tiles[1].start), "{batch}");
            assert_eq!((tiles[0].start, tiles[tiles.len() - 1].end), (0, batch));
        }
    }
}
