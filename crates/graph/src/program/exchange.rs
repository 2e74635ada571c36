//! How processes that have some shards each make sums over all of them.
//!
//! Each process adds up the largest branches of the tree that it has all shards of. These sums are exchanged, and the rest of
//! the tree is added up from them: every number is made of the same two as in one process. A small sum is made by each
//! process; the gradients of the parameters are, a piece by each, which then updates that piece of the parameters.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kernels::Float;

use super::plan::Plan;
use super::shards::{self, SumTree};
use crate::process_group::ProcessGroup;
use crate::rows::add;

/// The other processes of a program, and who has what.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) group: Arc<dyn ProcessGroup>,
    /// Where the samples of each shard begin, and the last one's end.
    bounds: Vec<usize>,
    /// The shards and the samples of each branch, in order.
    branches: Vec<Range<usize>>,
    samples: Vec<Range<usize>>,
    /// The branches that each process has.
    of_rank: Vec<Range<usize>>,
    /// The chunks of gradients that each process combines, and where they lie in the vector of gradients.
    chunks: Vec<Range<usize>>,
    pieces: Vec<Range<usize>>,
}

impl Exchange {
    /// # Panics
    ///
    /// If a process has no sample.
    pub(super) fn new(group: Arc<dyn ProcessGroup>, plan: &Plan) -> Self {
        let bounds = shards::bounds(plan.batch, plan.shards);
        let tree = SumTree { bounds: &bounds, known: &[] };
        let (mut branches, mut of_rank) = (Vec::new(), Vec::new());
        for (rank, shards) in group.shares(plan.shards).iter().enumerate() {
            let first = branches.len();
            branches.extend(tree.within(shards));
            assert!(branches.len() > first, "process {rank} has no sample of {}", plan.batch);
            of_rank.push(first..branches.len());
        }
        let chunks = equal_parts(&plan.chunk_bounds, group.size());
        let at = |chunk: usize| plan.chunk_bounds.get(chunk).copied().unwrap_or(0);
        let pieces = chunks.iter().map(|chunks| at(chunks.start)..at(chunks.end)).collect();
        let samples = branches.iter().map(|shards| bounds[shards.start]..bounds[shards.end]);
        Self { samples: samples.collect(), group, bounds, branches, of_rank, chunks, pieces }
    }

    /// The shards of each branch of this process.
    pub(super) fn own_branches(&self) -> &[Range<usize>] {
        &self.branches[self.of_rank[self.group.rank()].clone()]
    }

    /// The chunks that this process combines.
    pub(super) fn own_chunks(&self) -> Range<usize> {
        self.chunks[self.group.rank()].clone()
    }

    /// Elements for the sums of all branches of a value of `len` elements.
    pub(super) fn sums_len(&self, len: usize) -> usize {
        self.branches.len().saturating_mul(len)
    }

    /// Elements for the gradients of this process's branches, and for those of all branches for its chunks.
    pub(super) fn gradient_lens(&self) -> [usize; 2] {
        let n_parameters = self.pieces.last().map_or(0, |piece| piece.end);
        let piece = self.pieces[self.group.rank()].len();
        [self.own_branches().len().saturating_mul(n_parameters), self.sums_len(piece)]
    }

    /// Sets `out` to what all shards have together, of which `own` has the bounds of this process's: see
    /// [`SumTree::combine`]. `scratch` has space for [`sums_len`](Self::sums_len) elements more.
    pub(super) fn combine<T: Float>(
        &self,
        own: &[usize],
        out: &mut [T],
        scratch: &mut [T],
        leaf: &impl Fn(Range<usize>, &mut [T], &mut [T]),
        join: &impl Fn([Range<usize>; 2], &mut [T], &[T], &mut [T]),
    ) {
        let len = out.len();
        let (sums, scratch) = scratch.split_at_mut(self.sums_len(len));
        for branch in self.of_rank[self.group.rank()].clone() {
            let Range { start, end } = self.branches[branch];
            let tree = SumTree { bounds: &own[start..=end], known: &[] };
            tree.combine(&mut sums[branch * len..][..len], scratch, leaf, join);
        }
        let parts = self.of_rank.iter().map(|branches| branches.start * len..branches.end * len);
        self.group.all_gather(sums, &parts.collect::<Vec<_>>());
        let known = |samples: Range<usize>, out: &mut [T], _: &mut [T]| {
            out.copy_from_slice(&sums[self.branch_of(&samples) * len..][..len]);
        };
        self.tree().combine(out, scratch, &known, join);
    }

    /// Adds to `out` the sum over all shards, as [`combine`](Self::combine) makes it; `leaf` is that of [`SumTree::sum`].
    pub(super) fn add_sum<T: Float>(
        &self,
        own: &[usize],
        out: &mut [T],
        scratch: &mut [T],
        leaf: impl Fn(Range<usize>, bool, &mut [T]),
    ) {
        let (all, scratch) = scratch.split_at_mut(out.len());
        let set = |samples: Range<usize>, out: &mut [T], _: &mut [T]| leaf(samples, false, out);
        let join = |_: [Range<usize>; 2], out: &mut [T], other: &[T], _: &mut [T]| add(out, other);
        self.combine(own, all, scratch, &set, &join);
        add(out, all);
    }

    /// Receives the gradients of the other processes' branches for the chunks of this one; `own` has those of its branches.
    pub(super) fn exchange_gradients<T: Float>(&self, own: &[T], received: &mut [T]) {
        let rank = self.group.rank();
        let piece = self.pieces[rank].len();
        let n_parameters = own.len() / self.own_branches().len();
        let most = self.of_rank.iter().map(ExactSizeIterator::len).max().unwrap_or(0);
        for round in 0..most {
            let sends = round < self.of_rank[rank].len();
            let to = |(of, piece): (usize, &Range<usize>)| match sends && of != rank {
                true => round * n_parameters + piece.start..round * n_parameters + piece.end,
                false => 0..0,
            };
            let from = |(of, branches): (usize, &Range<usize>)| match round < branches.len()
                && of != rank
            {
                true => (branches.start + round) * piece..(branches.start + round + 1) * piece,
                false => 0..0,
            };
            let to: Vec<_> = self.pieces.iter().enumerate().map(to).collect();
            let from: Vec<_> = self.of_rank.iter().enumerate().map(from).collect();
            self.group.all_to_all(own, &to, received, &from);
        }
    }

    /// Adds to `dx`, `offset` elements into this process's piece, the sum over all branches, its own and those that it has
    /// received, or sets it to that.
    pub(super) fn sum_branches<T: Float>(
        &self,
        [own, received]: [&[T]; 2],
        offset: usize,
        adds: bool,
        dx: &mut [T],
        scratch: &mut [T],
    ) {
        let rank = self.group.rank();
        let (piece, own_branches) = (&self.pieces[rank], &self.of_rank[rank]);
        let n_parameters = own.len() / own_branches.len();
        self.tree().sum(adds, dx, scratch, |samples, adds, dx| {
            let branch = self.branch_of(&samples);
            let all = match own_branches.contains(&branch) {
                true => &own[(branch - own_branches.start) * n_parameters + piece.start..],
                false => &received[branch * piece.len()..],
            };
            let of_branch = &all[offset..][..dx.len()];
            match adds {
                true => add(dx, of_branch),
                false => dx.copy_from_slice(of_branch),
            }
        });
    }

    /// Collects a vector like the parameters, a piece from each process.
    pub(super) fn gather_pieces<T: Float>(&self, vector: &mut [T]) {
        self.group.all_gather(vector, &self.pieces);
    }

    /// Collects a number of each chunk, an `f64` as its bits.
    pub(super) fn gather_squares(&self, of_chunks: &[AtomicU64]) {
        let bits = of_chunks.iter().map(|square| square.load(Ordering::Relaxed));
        let mut squares: Vec<f64> = bits.map(f64::from_bits).collect();
        self.group.all_gather(&mut squares, &self.chunks);
        for (square, collected) in of_chunks.iter().zip(squares) {
            square.store(collected.to_bits(), Ordering::Relaxed);
        }
    }

    /// Collects the rows of all samples, of which each process has those of its own.
    pub(super) fn gather_samples<T: Float>(&self, rows: &mut [T]) {
        let len = rows.len() / self.bounds[self.bounds.len() - 1];
        let first = |branch: usize| {
            self.samples.get(branch).map_or(rows.len(), |branch| branch.start * len)
        };
        let parts = self.of_rank.iter().map(|branches| first(branches.start)..first(branches.end));
        let parts: Vec<_> = parts.collect();
        self.group.all_gather(rows, &parts);
    }

    /// The whole tree, whose branches are known.
    fn tree(&self) -> SumTree<'_> {
        SumTree { bounds: &self.bounds, known: &self.samples }
    }

    fn branch_of(&self, samples: &Range<usize>) -> usize {
        self.samples.partition_point(|branch| branch.start < samples.start)
    }
}

/// Consecutive chunks for each of `n` processes, of about as many elements each.
fn equal_parts(chunk_bounds: &[usize], n: usize) -> Vec<Range<usize>> {
    let len = chunk_bounds.last().copied().unwrap_or(0);
    let first = |part: usize| match part < n {
        true => chunk_bounds.partition_point(|&bound| bound < part * len / n),
        false => chunk_bounds.len().saturating_sub(1),
    };
    (0..n).map(|part| first(part)..first(part + 1)).collect()
}
