//! Shards: parts of a batch whose sums begin at zero, and the tree by which these are combined.
//!
//! Shard `i` of `S` holds samples `⌊i·B/S⌋` to `⌊(i+1)·B/S⌋ − 1` of a batch of `B`, in tiles of its own. What a program
//! sums over samples is summed in each shard from zero, in the order of its tiles, and then by a binary tree over the
//! shards: the left half of `n` of them is the largest power of two below `n`. A shard without samples is left out, with
//! its branch. So the bytes depend on `S`, and not on who has computed a branch.
//!
//! Every sum over samples is begun by [`SumTree::combine`] or [`SumTree::sum`]; ops do not know of shards.

use std::ops::Range;

use kernels::Float;

use crate::rows::add;

/// The largest number of shards of a batch.
pub const MAX_SHARDS: usize = 4096;

/// The samples of shard `i` of so many.
pub(super) fn samples(batch: usize, shards: usize, i: usize) -> Range<usize> {
    let bound = |i: usize| (i as u128 * batch as u128 / shards as u128) as usize;
    bound(i)..bound(i + 1)
}

/// Where the samples of each shard begin, and the last one's end.
pub(super) fn bounds(batch: usize, shards: usize) -> Vec<usize> {
    (0..shards).map(|i| samples(batch, shards, i).start).chain([batch]).collect()
}

/// Buffers as long as the result that a tree of so many shards needs beside what its leaves need: one for each level, and
/// two for a join or the sum that is added to what is there.
pub(super) fn buffers(shards: usize) -> usize {
    if shards == 1 { 0 } else { shards.next_power_of_two().trailing_zeros() as usize + 2 }
}

/// A tree over shards. Shard `i` holds the samples from `bounds[i]` to `bounds[i + 1]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SumTree<'a> {
    pub(super) bounds: &'a [usize],
    /// The samples of branches that are known, in order; none if each shard is a leaf.
    pub(super) known: &'a [Range<usize>],
}

impl<'a> SumTree<'a> {
    /// Its samples.
    pub(super) fn samples(self) -> Range<usize> {
        self.bounds[0]..self.bounds[self.bounds.len() - 1]
    }

    /// The two branches; none of a shard, or of a branch that is known.
    fn branches(self) -> Option<[Self; 2]> {
        let n = self.bounds.len() - 1;
        if n == 1
            || self
                .known
                .binary_search_by_key(&self.samples().start, |known| known.start)
                .is_ok_and(|i| self.known[i] == self.samples())
        {
            return None;
        }
        let middle = n.next_power_of_two() / 2;
        Some(
            [&self.bounds[..=middle], &self.bounds[middle..]].map(|bounds| Self { bounds, ..self }),
        )
    }

    /// The two branches below which all samples are, both with some; or the samples of a leaf, if that has all of them.
    fn fork(self) -> Result<[Self; 2], Range<usize>> {
        let Some(branches) = self.branches() else { return Err(self.samples()) };
        match branches.map(|branch| branch.samples().is_empty()) {
            [_, true] => branches[0].fork(),
            [true, _] => branches[1].fork(),
            _ => Ok(branches),
        }
    }

    /// Sets `out` to what all shards have together.
    ///
    /// `leaf` sets its argument to what the samples of a shard, or of a branch that is known, have. `join` makes what two
    /// branches with these samples have together of what each has, in place of the first. Both get what is left of
    /// `scratch`, of which there is enough for [`buffers`] and for a leaf.
    pub(super) fn combine<T: Float>(
        self,
        out: &mut [T],
        scratch: &mut [T],
        leaf: &impl Fn(Range<usize>, &mut [T], &mut [T]),
        join: &impl Fn([Range<usize>; 2], &mut [T], &[T], &mut [T]),
    ) {
        match self.fork() {
            Err(samples) => leaf(samples, out, scratch),
            Ok(branches) => {
                branches[0].combine(out, scratch, leaf, join);
                let (second, scratch) = scratch.split_at_mut(out.len());
                branches[1].combine(second, scratch, leaf, join);
                join(branches.map(Self::samples), out, second, scratch);
            }
        }
    }

    /// Calls `visit` with the samples of each leaf, in order, and with the number of branches before it that are joined with
    /// it when it is complete, from the last to the first. The whole tree is joined with `joins` branches.
    pub(super) fn for_each_leaf(self, joins: usize, visit: &mut impl FnMut(Range<usize>, usize)) {
        match self.fork() {
            Err(samples) => visit(samples, joins),
            Ok([first, second]) => {
                first.for_each_leaf(0, visit);
                second.for_each_leaf(joins + 1, visit);
            }
        }
    }

    /// Adds to `out` the sum over all shards, or sets it to that, as `adds` says; `leaf` does so with the samples of one.
    /// With a single shard its terms are added one by one, without `scratch`.
    pub(super) fn sum<T: Float>(
        self,
        adds: bool,
        out: &mut [T],
        scratch: &mut [T],
        leaf: impl Fn(Range<usize>, bool, &mut [T]),
    ) {
        let set = |samples: Range<usize>, out: &mut [T], _: &mut [T]| leaf(samples, false, out);
        let join = |_: [Range<usize>; 2], out: &mut [T], other: &[T], _: &mut [T]| add(out, other);
        if self.bounds.len() == 2 {
            leaf(self.samples(), adds, out);
        } else if adds {
            let (all, scratch) = scratch.split_at_mut(out.len());
            self.combine(all, scratch, &set, &join);
            add(out, all);
        } else {
            self.combine(out, scratch, &set, &join);
        }
    }

    /// The largest branches that have some consecutive shards only, in order, as ranges of shards; without those that have
    /// no samples.
    pub(super) fn within(self, own: &Range<usize>) -> Vec<Range<usize>> {
        fn add(tree: SumTree<'_>, first: usize, own: &Range<usize>, found: &mut Vec<Range<usize>>) {
            let shards = first..first + tree.bounds.len() - 1;
            if tree.samples().is_empty() || shards.end <= own.start || own.end <= shards.start {
                return;
            }
            match tree.branches() {
                Some([left, right]) if shards.start < own.start || own.end < shards.end => {
                    add(left, first, own, found);
                    add(right, first + left.bounds.len() - 1, own, found);
                }
                _ => found.push(shards),
            }
        }
        let mut found = Vec::new();
        add(self, 0, own, &mut found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::shards::tree as tree_of;
    use crate::{Compile, Graph, NodeId, Program, RunArgs, Shape, ShapeError, Tensor, Tensors};

    type Reduction = fn(&mut Graph<f32>, NodeId) -> Result<NodeId, ShapeError>;

    /// A program with some of the shards that has reduced 37 samples in tiles of at most 4, and the result's node.
    fn reduced(build: Reduction, shards: usize, own: Range<usize>) -> (Program<f32>, NodeId) {
        let mut g = Graph::new();
        let x = g.input("x", Shape::batch([2, 3]));
        let y = build(&mut g, x).unwrap();
        let (tile, keep) = (Some(4), vec![y]);
        let options = Compile { batch: 37, tile, keep, shards, ..Compile::default() };
        let mut program = Program::of_shards(g.into(), &options, own).unwrap();
        let values: Vec<f32> = (0..37 * 6).map(|i| (i * i % 101) as f32 / 7.0 - 3.0).collect();
        let inputs = &Tensors(&[&Tensor::new([37, 2, 3], values)]);
        program.run(&RunArgs { inputs, ..RunArgs::default() });
        (program, y)
    }

    #[test]
    fn a_reduction_is_that_of_the_shards_alone() {
        let value =
            |(program, y): (Program<f32>, NodeId)| program.shared_value(y).unwrap().to_vec();
        let reductions: [Reduction; 3] =
            [|g, x| g.sum(x, &[0, 1]), |g, x| g.mean_all(x), |g, x| g.moments(x)];
        for build in reductions {
            let (program, y) = reduced(build, 1, 0..1);
            let join = |(a, before): (Vec<f32>, usize), (b, after): (Vec<f32>, usize)| {
                let mut out = vec![f32::NAN; a.len()];
                let op = program.graph().node(y).op().unwrap();
                op.finish(&[a, b].concat(), &[before, after], &mut out);
                (out, before + after)
            };
            let plain = program.shared_value(y).unwrap();
            for n in [2, 3, 5, 8, 40] {
                let found = value(reduced(build, n, 0..n));
                let of_shard = |i| (value(reduced(build, n, i..i + 1)), samples(37, n, i).len());
                assert_eq!(found, tree_of(37, n, of_shard, join).0, "{n} shards");
                let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-4 * (1.0 + b.abs());
                assert!(found.iter().zip(plain).all(is_close), "{n} shards: {found:?} {plain:?}");
            }
        }
    }

    #[test]
    fn shards_are_consecutive_and_as_even_as_whole_samples_allow() {
        for (batch, shards) in [(100, 8), (7, 3), (3, 8), (1, 1), (usize::MAX, MAX_SHARDS)] {
            let all: Vec<_> = (0..shards).map(|i| samples(batch, shards, i)).collect();
            assert_eq!((all[0].start, all[shards - 1].end), (0, batch));
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start), "{batch}, {shards}");
            let lens = all.iter().map(ExactSizeIterator::len);
            let (least, most) = (lens.clone().min().unwrap(), lens.max().unwrap());
            assert!(most - least <= 1 && most == batch.div_ceil(shards), "{batch}, {shards}");
        }
        assert_eq!((0..3).map(|i| samples(7, 3, i)).collect::<Vec<_>>(), [0..2, 2..4, 4..7]);
    }

    /// The tree of shards with so many tiles each, as text.
    fn tree(tiles: &[usize]) -> String {
        let mut bounds = vec![0];
        tiles.iter().for_each(|n| bounds.push(bounds[bounds.len() - 1] + n));
        let shapes = std::cell::RefCell::new(std::collections::BTreeMap::new());
        let leaf = |tiles: Range<usize>, out: &mut [f64], _: &mut [f64]| {
            out[0] = tiles.start as f64;
            shapes.borrow_mut().insert(tiles.start, format!("{}", tiles.start));
        };
        let join =
            |[left, right]: [Range<usize>; 2], out: &mut [f64], other: &[f64], _: &mut [f64]| {
                assert_eq!((out[0], other[0]), (left.start as f64, right.start as f64));
                let mut shapes = shapes.borrow_mut();
                let joined = format!("({} {})", shapes[&left.start], shapes[&right.start]);
                shapes.insert(left.start, joined);
            };
        let mut scratch = vec![f64::NAN; buffers(tiles.len())];
        let tree = SumTree { bounds: &bounds, known: &[] };
        tree.combine(&mut [f64::NAN], &mut scratch, &leaf, &join);
        let mut joined: Vec<String> = Vec::new();
        tree.for_each_leaf(0, &mut |tiles, joins| {
            let mut branch = format!("{}", tiles.start);
            for before in joined.drain(joined.len() - joins..).rev() {
                branch = format!("({before} {branch})");
            }
            joined.push(branch);
        });
        let combined = shapes.into_inner().remove(&0).unwrap();
        assert_eq!(joined, [&*combined], "{tiles:?}");
        combined
    }

    #[test]
    fn the_tree_is_that_of_powers_of_two_without_empty_shards() {
        for (tiles, expected) in [
            (&[1][..], "0"),
            (&[1, 1], "(0 1)"),
            (&[1, 1, 1], "((0 1) 2)"),
            (&[1, 1, 1, 1, 1], "(((0 1) (2 3)) 4)"),
            (&[1; 8], "(((0 1) (2 3)) ((4 5) (6 7)))"),
            // Two tiles in the second shard.
            (&[1, 2, 1], "((0 1) 3)"),
            (&[0, 1, 0, 0, 1, 0, 1, 0], "(0 (1 2))"),
            (&[0, 0, 0, 1, 0], "0"),
        ] {
            assert_eq!(tree(tiles), expected, "{tiles:?}");
        }
    }

    #[test]
    fn a_sum_is_set_or_added_and_one_shard_adds_term_by_term() {
        // 2⁵³ + 1 is rounded to 2⁵³: the order of a sum shows.
        let (big, values) = ((1_u64 << 53) as f64, [1.0, 1.0, 1.0]);
        let leaf = |tiles: Range<usize>, mut adds: bool, out: &mut [f64]| {
            for value in &values[tiles] {
                out[0] = if std::mem::replace(&mut adds, true) { out[0] + value } else { *value };
            }
        };
        for (bounds, expected) in [(&[0, 3][..], [3.0, big]), (&[0, 1, 3], [3.0, big + 4.0])] {
            let found = [(false, f64::NAN), (true, big)].map(|(adds, old)| {
                let mut out = [old];
                let tree = SumTree { bounds, known: &[] };
                tree.sum(adds, &mut out, &mut [f64::NAN; 3], leaf);
                out[0]
            });
            assert_eq!(found, expected, "{bounds:?}");
        }
    }
}
