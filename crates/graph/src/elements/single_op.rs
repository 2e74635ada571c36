//! One op of a program, run by itself.

use std::iter;
use std::ops::Range;

use kernels::{Float, MAX_LANES, transpose};

use super::{ElementId, Elements};
use crate::graph::NodeId;
use crate::op::{BackwardPass, ForwardPass, Op, RandomKey, Tile};
use crate::shape::Shape;

/// Indices below this one are exact in `f32` when they count from 1. In tests it is small, so that both ways are taken.
const MOST_EXACT: usize = if cfg!(test) { 64 } else { 1 << 24 };
/// The base of the digits of larger ones.
const BASE: usize = if cfg!(test) { 8 } else { 1 << 12 };

/// Columns of a tile of so many samples: not one and no whole vectors, for which convolutions have a way that rounds more.
fn width(samples: usize) -> usize {
    match samples {
        1 => 2,
        _ if samples.is_multiple_of(MAX_LANES) => samples + 1,
        _ => samples,
    }
}

/// One op of a program on some samples, with the values that the program computed. Values and gradients are as an op
/// meets them, in one tile: batch innermost.
pub(super) struct SingleOp<'a, T> {
    id: NodeId,
    op: &'a dyn Op<T>,
    operands: &'a [NodeId],
    shapes: &'a [Shape],
    y_shape: &'a Shape,
    tile: Tile,
    random: RandomKey,
    x: Vec<Vec<T>>,
}

impl<'a, T: Float> SingleOp<'a, T> {
    /// # Panics
    ///
    /// For a leaf.
    pub(super) fn new(elements: &Elements<'a, T>, id: NodeId, samples: Range<usize>) -> Self {
        let program = elements.program;
        let node = program.graph().node(id);
        let (shapes, y_shape) = (program.operand_shapes(id), node.shape());
        let is_tiled = y_shape.is_batched() || shapes.iter().any(Shape::is_batched);
        let tile = match is_tiled {
            true => Tile {
                first: samples.start,
                valid: samples.len(),
                width: width(samples.len()),
                batch: program.batch(),
            },
            false => Tile::unbatched(program.batch()),
        };
        let random =
            RandomKey { seed: elements.run.seed, step: elements.run.step, node: id.index() as u32 };
        let mut single = Self {
            id,
            op: node.op().expect("a leaf has no op"),
            operands: node.operands(),
            shapes,
            y_shape,
            tile,
            random,
            x: Vec::new(),
        };
        let x = single.operands.iter().zip(shapes);
        single.x = x
            .map(|(&operand, shape)| single.tiled(shape, |sample| elements.values(operand, sample)))
            .collect();
        single
    }

    pub(super) fn node(&self) -> NodeId {
        self.id
    }

    /// Elements of the result: of one sample, if it has the batch axis.
    pub(super) fn result_len(&self) -> usize {
        self.y_shape.len()
    }

    /// Numbers of operands and result.
    pub(super) fn len(&self) -> usize {
        let row_len = |shape: &Shape| shape.len() * self.tile.row_len(shape);
        self.shapes.iter().map(row_len).sum::<usize>() + row_len(self.y_shape)
    }

    /// The values of the operands.
    pub(super) fn operands(&self) -> &[Vec<T>] {
        &self.x
    }

    /// A value of this shape, from that of each sample.
    fn tiled(&self, shape: &Shape, of_sample: impl Fn(usize) -> Vec<T>) -> Vec<T> {
        let Tile { first, valid, width, .. } = self.tile;
        if !shape.is_batched() {
            return of_sample(0);
        }
        let samples: Vec<T> = (first..first + valid).flat_map(of_sample).collect();
        let mut tiled = vec![T::ZERO; shape.len() * width];
        transpose((&samples, shape.len()), [valid, shape.len()], (&mut tiled, width));
        self.tile.repeat_last_sample(&mut tiled);
        tiled
    }

    /// The gradients of the result for the samples.
    pub(super) fn upstream(&self, of_sample: impl Fn(usize) -> Vec<T>) -> Vec<T> {
        let Tile { valid, width, .. } = self.tile;
        let mut upstream = self.tiled(self.y_shape, of_sample);
        if self.y_shape.is_batched() {
            // Behind the last sample gradients are 0.
            upstream.chunks_exact_mut(width).for_each(|row| row[valid..].fill(T::ZERO));
        }
        upstream
    }

    /// A gradient of the result that is 1 for one element, and else 0.
    pub(super) fn one_hot(&self, of: ElementId) -> Vec<T> {
        let mut upstream = vec![T::ZERO; self.y_shape.len() * self.tile.row_len(self.y_shape)];
        upstream[self.place(self.y_shape, of)] = T::ONE;
        upstream
    }

    /// Where an element of a value of this shape lies.
    fn place(&self, shape: &Shape, of: ElementId) -> usize {
        match shape.is_batched() {
            true => of.index * self.tile.width + (of.sample - self.tile.first),
            false => of.index,
        }
    }

    /// What of an operand's values or gradients belongs to an element.
    pub(super) fn at(&self, operand: usize, values: &[T], of: ElementId) -> T {
        values[self.place(&self.shapes[operand], of)]
    }

    /// An element of an operand: of the first sample.
    pub(super) fn element(&self, operand: usize, index: usize) -> ElementId {
        let sample = if self.shapes[operand].is_batched() { self.tile.first } else { 0 };
        ElementId { node: self.operands[operand], sample, index }
    }

    /// The number of an element of an operand as formulas have it.
    pub(super) fn formula_index(&self, operand: usize, of: ElementId) -> usize {
        let shape = &self.shapes[operand];
        let is_reduction = shape.is_batched() && !self.y_shape.is_batched();
        if is_reduction { of.sample * shape.len() + of.index } else { of.index }
    }

    /// The elements of an operand with their values or gradients, sample by sample.
    pub(super) fn elements(&self, operand: usize, values: &[T]) -> Vec<(ElementId, T)> {
        self.listed(self.operands[operand], &self.shapes[operand], values)
    }

    /// The elements of the result with their values or gradients, sample by sample.
    pub(super) fn results(&self, values: &[T]) -> Vec<(ElementId, T)> {
        self.listed(self.id, self.y_shape, values)
    }

    fn listed(&self, node: NodeId, shape: &Shape, values: &[T]) -> Vec<(ElementId, T)> {
        let Tile { first, valid, .. } = self.tile;
        let samples = if shape.is_batched() { first..first + valid } else { 0..1 };
        let elements = samples.flat_map(|sample| {
            (0..shape.len()).map(move |index| ElementId { node, sample, index })
        });
        elements.map(|element| (element, values[self.place(shape, element)])).collect()
    }

    /// Values of operand `k`: 1 for one element, and else 0.
    pub(super) fn unit(&self, k: usize, of: ElementId) -> Vec<T> {
        let mut unit = vec![T::ZERO; self.x[k].len()];
        unit[self.place(&self.shapes[k], of)] = T::ONE;
        if self.shapes[k].is_batched() && of.sample + 1 == self.tile.first + self.tile.valid {
            self.tile.repeat_last_sample(&mut unit);
        }
        unit
    }

    /// Operands from which the forward pass of a linear or bilinear op gives the derivatives with respect to one element
    /// of operand `k`: that is 1. What the gradient reads is as it was, all else is 0.
    pub(super) fn unit_operands(&self, k: usize, of: ElementId) -> Vec<Vec<T>> {
        let saved = self.op.saved(k);
        let mut x: Vec<Vec<T>> = self.x.clone();
        for (operand, values) in x.iter_mut().enumerate() {
            if !saved.has_operand(operand) {
                values.fill(T::ZERO);
            }
        }
        x[k] = self.unit(k, of);
        x
    }

    /// The operands, but for one: each of its elements has its index, in digits that count from 1. Mostly one digit is
    /// enough.
    pub(super) fn numbered(&self, operand: usize) -> Vec<Vec<Vec<T>>> {
        let (len, row_len) = (self.shapes[operand].len(), self.tile.row_len(&self.shapes[operand]));
        let digits: &[fn(usize) -> usize] = match len < MOST_EXACT {
            true => &[|index| index],
            false => &[|index| index % BASE, |index| index / BASE],
        };
        let numbered = digits.iter().map(|digit| {
            let number = |index| T::from_f64((digit(index) + 1) as f64);
            let numbers = (0..len).flat_map(|index| iter::repeat_n(number(index), row_len));
            let mut numbers = Some(numbers.collect::<Vec<T>>());
            let x = self.x.iter().enumerate();
            let x = x.map(|(k, x)| if k == operand { numbers.take() } else { Some(x.clone()) });
            x.map(Option::unwrap_or_default).collect()
        });
        numbered.collect()
    }

    /// The indices that all digits are of; none where no digit arrived.
    pub(super) fn indices(&self, digits: &[Vec<(ElementId, T)>]) -> Vec<Option<usize>> {
        let [low, high @ ..] = digits else { return Vec::new() };
        let digit = |value: T| (value.to_f64().round() as usize).checked_sub(1);
        let index = |(i, &(_, low)): (usize, &(ElementId, T))| {
            let high = high.first().map_or(Some(0), |high| digit(high[i].1));
            Some(digit(low)? + high? * BASE)
        };
        low.iter().enumerate().map(index).collect()
    }

    /// The result.
    pub(super) fn forward(&self, x: &[Vec<T>]) -> Vec<T> {
        self.forward_and_keep(x).0
    }

    /// The result, and what is kept for the backward pass.
    fn forward_and_keep(&self, x: &[Vec<T>]) -> (Vec<T>, Vec<T>) {
        let Self { op, shapes, y_shape, tile, random, .. } = *self;
        let x: Vec<&[T]> = x.iter().map(Vec::as_slice).collect();
        let mut y = vec![T::ZERO; y_shape.len() * tile.row_len(y_shape)];
        let mut kept = vec![T::ZERO; op.kept_rows(shapes) * tile.width];
        let mut scratch = vec![T::ZERO; op.forward_scratch(shapes, tile.width)];
        op.forward(ForwardPass {
            x: &x,
            y: &mut y,
            bias: &[],
            packed: None,
            shapes,
            y_shape,
            tile,
            random,
            kept: &mut kept,
            scratch: &mut scratch,
        });
        if !y_shape.is_batched() && shapes.iter().any(Shape::is_batched) {
            let part = y.clone();
            op.finish(&part, &[tile.valid], &mut y);
        }
        (y, kept)
    }

    /// The gradients of an operand, from those of the result.
    pub(super) fn backward(&self, operand: usize, x: &[Vec<T>], dy: &[T]) -> Vec<T> {
        let Self { op, shapes, y_shape, tile, random, .. } = *self;
        let saved = op.saved(operand);
        let (y, kept) = match saved.has_result() || saved.has_kept() {
            true => self.forward_and_keep(x),
            false => (Vec::new(), Vec::new()),
        };
        // An op meets nothing but what it asks for.
        let x = x.iter().enumerate();
        let x: Vec<&[T]> =
            x.map(|(k, x)| if saved.has_operand(k) { x.as_slice() } else { &[] }).collect();
        let shape = &shapes[operand];
        let mut dx = vec![T::ZERO; shape.len() * tile.row_len(shape)];
        let mut scratch = vec![T::ZERO; op.backward_scratch(operand, shapes, tile.width)];
        op.backward(BackwardPass {
            operand,
            x: &x,
            y: if saved.has_result() { &y } else { &[] },
            kept: if saved.has_kept() { &kept } else { &[] },
            dy,
            dx: &mut dx,
            adds: true,
            shapes,
            y_shape,
            tile,
            random,
            scratch: &mut scratch,
        });
        dx
    }
}
