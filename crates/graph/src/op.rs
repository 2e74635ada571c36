//! What an operation is: a name, a shape rule, a forward and a backward pass.
//!
//! One file of [`ops`](crate::ops) holds all of one op; a custom op is written in the same way outside
//! of this crate and added with [`Graph::push`](crate::Graph::push).

use std::fmt::Debug;

use kernels::vectorize;

use crate::{Float, Shape, ShapeError};

/// Which operands an op may have at most.
pub const MAX_OPERANDS: usize = 6;

/// An operation of a graph.
///
/// An op sees one tile of samples at a time ([layout](crate#batch-innermost-layout)). It must treat each
/// sample alike and alone, with one exception: an op whose operands have the batch axis and whose result
/// has not is a *reduction over the batch*. Its forward pass writes the tile's part of the result, and
/// [`finish`](Self::finish) puts the parts together.
pub trait Op<T: Float>: Debug + Send + Sync + 'static {
    /// The op's name, as the method of [`Graph`](crate::Graph) that adds it.
    fn name(&self) -> &'static str;

    /// The shape of the result, or the rule that the operands break.
    ///
    /// # Errors
    ///
    /// A [`ShapeError`] that names the op and prints the shapes.
    fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError>;

    /// What the backward pass for `operand` reads beside the gradient of the result. The planner keeps
    /// just that; anything else is an empty slice by then.
    fn saved(&self, operand: usize) -> Saved;

    /// Writes the result.
    fn forward(&self, pass: ForwardPass<'_, T>);

    /// Adds the gradient of one operand, `pass.operand`, to `pass.dx`.
    ///
    /// Add, never assign, unless [`BackwardPass::adds`] says otherwise: the operand may feed several nodes.
    /// For an operand without batch axis, sum over the tile's samples, of which the first [`Tile::valid`]
    /// count.
    fn backward(&self, pass: BackwardPass<'_, T>);

    /// Whether the backward pass for `operand` can also set `pass.dx`, whose old content then means
    /// nothing. For an op that cannot it is cleared first.
    fn sets_gradient(&self, operand: usize) -> bool {
        let _ = operand;
        false
    }

    /// For a reduction over the batch: the result from the tiles' parts, which lie one after the other;
    /// tile `i` has `samples[i]` samples. The sum, unless an op says otherwise.
    fn finish(&self, parts: &[T], samples: &[usize], y: &mut [T]) {
        let _ = samples;
        y.fill(T::ZERO);
        for part in parts.chunks_exact(y.len().max(1)) {
            for (y, &part) in y.iter_mut().zip(part) {
                *y += part;
            }
        }
    }

    /// Elements of scratch space that the forward pass needs for a tile `width` lanes wide.
    fn forward_scratch(&self, operands: &[Shape], width: usize) -> usize {
        let _ = (operands, width);
        0
    }

    /// Elements of scratch space that the backward pass for `operand` needs.
    fn backward_scratch(&self, operand: usize, operands: &[Shape], width: usize) -> usize {
        let _ = (operand, operands, width);
        0
    }

    /// Whether the forward pass can add a bias, one value for each index of the last axis, to the result:
    /// [`ForwardPass::bias`].
    fn adds_bias(&self) -> bool {
        false
    }

    /// Whether the op is the addition of a bias to its first operand: of its second one, without batch
    /// axis, one value for each index of the last axis. It is then left to the op before, if that
    /// [can](Self::adds_bias).
    fn is_bias(&self, operands: &[Shape]) -> bool {
        let _ = operands;
        false
    }

    /// Whether the op can work over its first operand, of which nobody needs the old value.
    ///
    /// Then, and only if operand and result have the same shape, a forward pass may find the operand in
    /// `pass.y` and `pass.x[0]` empty, and a backward pass for operand 0 the gradient of the result in
    /// `pass.dx` and `pass.dy` empty. [`ForwardPass::map`] and its sisters see to that.
    fn in_place(&self) -> bool {
        false
    }

    /// Whether the result is the operand itself, in another shape.
    fn is_view(&self) -> bool {
        false
    }

    /// How the op works on rows of its weight alone, if it can.
    fn split_weight(&self) -> Option<&dyn SplitWeight<T>> {
        None
    }

    /// Multiply-adds of a forward pass for one sample.
    fn multiply_adds(&self, operands: &[Shape]) -> u64 {
        let _ = operands;
        0
    }

    /// Tells `choices` every discrete choice that the forward pass made at `x` and `y` (which side of a
    /// kink, which element won), so that the gradient check can see whether a step crossed one.
    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        let _ = (pass, choices);
    }
}

/// An op that multiplies its first operand with a weight, its second one, and can do so row by row.
///
/// The gradient of a weight that is large beside the activations is made in rows over the whole batch.
/// Instead of a partial sum for each tile, which for a large weight costs more than the product itself,
/// each thread makes some rows of the gradient from all tiles in order: no partial sums, and the same
/// bytes with any number of threads.
///
/// A weight too large for the caches is read once a pass, not once a tile: then all samples are put side by
/// side, as one wide tile, and each thread makes some rows of the result.
pub trait SplitWeight<T: Float>: Sync {
    /// Elements of the workspace for the first `rows` rows of the result, which are all or a multiple of
    /// [`WORKSPACE_ROWS`], with `width` samples; it is kept from [`prepare`](Self::pack) to
    /// [`gradient_rows`](Self::gradient_rows).
    fn workspace(&self, rows: usize, width: usize) -> usize;

    /// Puts into `workspace` what the rows need of `dy`, some rows of the gradient of the result. Called once
    /// for each tile and row.
    fn pack(&self, dy: &[T], tile: Tile, workspace: &mut [T]);

    /// Adds this tile's part of row `first_row` of the weight's gradient and those after it to `dx`, or sets
    /// it, as [`SplitTile::adds`] says.
    fn gradient_rows(&self, tile: SplitTile<'_, T>, first_row: usize, dx: &mut [T]);

    /// Sets `y` to row `first_row` of the result and those after it, or adds them, as [`RowsPass::adds`] says.
    fn forward_rows(&self, pass: RowsPass<'_, T>, first_row: usize, y: &mut [T]);

    /// The same for `dx` and the gradient of the first operand.
    fn backward_rows(&self, pass: RowsPass<'_, T>, first_row: usize, dx: &mut [T]);
}

/// Which operand of a [`SplitWeight`] the weight is.
pub const WEIGHT: usize = 1;

/// Rows of a result that belong together in a workspace.
pub const WORKSPACE_ROWS: usize = 96;

/// All samples side by side, as [`SplitWeight`] sees them.
#[derive(Clone, Copy, Debug)]
pub struct RowsPass<'a, T> {
    /// The first operand, or the gradient of the result.
    pub x: &'a [T],
    /// The weight.
    pub weight: &'a [T],
    /// What to add to the result along its last axis; or empty.
    pub bias: &'a [T],
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// Lanes of a row.
    pub lanes: usize,
    /// Elements from one row to the next.
    pub stride: usize,
    /// Whether to add to what is there, or to set.
    pub adds: bool,
}

/// One tile, as [`SplitWeight::gradient_rows`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct SplitTile<'a, T> {
    /// The operands' values, where [`Op::saved`] asked for them.
    pub x: &'a [&'a [T]],
    /// What [`SplitWeight::pack`] wrote.
    pub workspace: &'a [T],
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The tile.
    pub tile: Tile,
    /// Whether to add to what other tiles have left, or to set.
    pub adds: bool,
}

/// Which samples a pass works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Number of the first sample within the batch.
    pub first: usize,
    /// Samples of the tile.
    pub valid: usize,
    /// Columns of a row, at least `valid`. The columns from `valid` on repeat the last sample, and their
    /// gradients are 0.
    ///
    /// Usually a multiple of 16, so that rows are whole vectors; but a small batch is one tile of its own
    /// size, and [`Compile::tile`](crate::Compile::tile) may ask for any. An op must accept every width.
    pub width: usize,
    /// Samples of the batch.
    pub batch: usize,
}

impl Tile {
    /// Fills the lanes of `values` behind the last sample with copies of it: as good as any sample, and
    /// never counted.
    pub fn repeat_last_sample<T: Copy>(&self, values: &mut [T]) {
        if self.valid < self.width {
            for row in values.chunks_exact_mut(self.width) {
                let last = row[self.valid - 1];
                row[self.valid..].fill(last);
            }
        }
    }

    /// The one lane of a value without batch axis.
    pub(crate) fn whole(batch: usize) -> Self {
        Self { first: 0, valid: 1, width: 1, batch }
    }

    /// Lanes of a row of a value of `shape`: 1 without batch axis.
    pub fn row_len(&self, shape: &Shape) -> usize {
        if shape.is_batched() { self.width } else { 1 }
    }
}

/// Which random numbers a pass draws: a function of seed, step, node and sample, so that neither threads
/// nor a resumed run change them.
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
    /// The result, whose old content means nothing.
    pub y: &'a mut [T],
    /// What to add to the result along its last axis; empty unless the op [can](Op::adds_bias).
    pub bias: &'a [T],
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The result's shape.
    pub y_shape: &'a Shape,
    /// The samples.
    pub tile: Tile,
    /// Where random numbers come from.
    pub random: RandomKey,
    /// [`Op::forward_scratch`] elements, whose old content means nothing.
    pub scratch: &'a mut [T],
}

impl<T: Float> ForwardPass<'_, T> {
    /// `y = f(x)`, element by element. Write `#[inline(always)]` before the closure.
    pub fn map(self, f: impl Fn(T) -> T) {
        let (x, y) = (self.x[0], self.y);
        vectorize(
            #[inline(always)]
            || {
                if x.is_empty() {
                    y.iter_mut().for_each(|y| *y = f(*y));
                } else {
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = f(x));
                }
            },
        );
    }
}

/// What a backward pass reads and writes.
#[derive(Debug)]
pub struct BackwardPass<'a, T> {
    /// Which operand the gradient is for.
    pub operand: usize,
    /// The operands' values, where [`Op::saved`] asked for them.
    pub x: &'a [&'a [T]],
    /// The result, where [`Op::saved`] asked for it.
    pub y: &'a [T],
    /// The gradient of the result.
    pub dy: &'a [T],
    /// The gradient of the operand, to be added to.
    pub dx: &'a mut [T],
    /// Whether to add to the gradient. If not, which only an op sees that [sets](Op::sets_gradient) it, its
    /// old content means nothing.
    pub adds: bool,
    /// The operands' shapes.
    pub shapes: &'a [Shape],
    /// The result's shape.
    pub y_shape: &'a Shape,
    /// The samples.
    pub tile: Tile,
    /// Where random numbers come from: the same as in the forward pass.
    pub random: RandomKey,
    /// [`Op::backward_scratch`] elements, whose old content means nothing.
    pub scratch: &'a mut [T],
}

impl<T: Float> BackwardPass<'_, T> {
    /// `dx += dy · slope(x)`, element by element. Write `#[inline(always)]` before the closure.
    pub fn map_operand(self, slope: impl Fn(T) -> T) {
        add_scaled(self.dx, self.dy, self.x[0], slope);
    }

    /// `dx += dy · slope(y)`, element by element. Write `#[inline(always)]` before the closure.
    pub fn map_result(self, slope: impl Fn(T) -> T) {
        add_scaled(self.dx, self.dy, self.y, slope);
    }
}

#[inline(always)]
fn add_scaled<T: Float>(dx: &mut [T], dy: &[T], at: &[T], slope: impl Fn(T) -> T) {
    vectorize(
        #[inline(always)]
        || {
            if dy.is_empty() {
                dx.iter_mut().zip(at).for_each(|(dx, &at)| *dx *= slope(at));
            } else {
                dx.iter_mut().zip(dy).zip(at).for_each(|((dx, &dy), &at)| *dx += dy * slope(at));
            }
        },
    );
}

/// The shape of an elementwise op with one operand: the operand's.
///
/// # Errors
///
/// None; the form is that of [`Op::infer_shape`].
pub fn same_shape(operands: &[Shape]) -> Result<Shape, ShapeError> {
    Ok(operands[0].clone())
}

/// What a backward pass reads: a set of operands, and perhaps the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Saved(u8);

impl Saved {
    /// Nothing but the gradient of the result.
    pub const NOTHING: Self = Self(0);
    /// The result.
    pub const RESULT: Self = Self(1 << 7);
    /// The first operand.
    pub const FIRST: Self = Self(1);
    /// The second operand.
    pub const SECOND: Self = Self(1 << 1);
    /// The first two operands.
    pub const BOTH: Self = Self(0b11);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the operand is in the set.
    pub const fn has_operand(self, operand: usize) -> bool {
        self.0 & (1 << operand) != 0
    }

    /// Whether the result is in the set.
    pub const fn has_result(self) -> bool {
        self.0 & Self::RESULT.0 != 0
    }
}

/// A fingerprint of discrete choices. Equal choices give equal fingerprints, and different ones
/// different ones but for one chance in 2⁶⁴.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices(u64);

impl Choices {
    /// Adds the side of zero that each value is on.
    pub fn add_signs<T: Float>(&mut self, values: &[T]) {
        for chunk in values.chunks(64) {
            let signs = chunk.iter().enumerate().map(|(i, &v)| u64::from(v > T::ZERO) << i);
            self.add(signs.sum());
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
    use crate::{Compile, Graph, Program, RunArgs, Tensor, Tensors};

    /// Notes the tiles that its forward pass is called for.
    #[derive(Debug)]
    struct TileProbe(Arc<Mutex<Vec<Tile>>>);

    impl Op<f32> for TileProbe {
        fn name(&self) -> &'static str {
            "tile_probe"
        }

        fn infer_shape(&self, operands: &[Shape]) -> Result<Shape, ShapeError> {
            same_shape(operands)
        }

        fn saved(&self, _: usize) -> Saved {
            Saved::NOTHING
        }

        fn forward(&self, pass: ForwardPass<'_, f32>) {
            assert_eq!((pass.x[0].len(), pass.y.len()), (3 * pass.tile.width, 3 * pass.tile.width));
            self.0.lock().unwrap().push(pass.tile);
            pass.y.copy_from_slice(pass.x[0]);
        }

        fn backward(&self, _: BackwardPass<'_, f32>) {}
    }

    #[test]
    fn a_tile_is_as_wide_as_documented() {
        for (batch, tile, widths) in [
            (1, None, &[1][..]),
            (5, None, &[5]),
            (20, None, &[16, 16]),
            (100, None, &[64, 64]),
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
}
