//! The whole-matrix part of Muon: momentum, and its direction made orthogonal.

use std::mem::swap;

use kernels::gemm::{GemmSize, Layout, MAX_BLOCK_ROWS, MatrixA, MatrixB, MatrixC, gemm};
use kernels::{sum_of_squares, transpose};

use super::super::{adam::FINE, *};
use super::Muon;

/// Added to the norm, against a division by zero.
const EPSILON: f64 = 1e-7;
/// Iterations, and the factors of `X`, `X³` and `X⁵` in each. They bring singular values above 0.01 of the norm between 0.6 and
/// 1.2, where more exact ones need more iterations: found by the author of Muon.
const ITERATIONS: usize = 5;
const FACTORS: [f64; 3] = [3.4445, -4.7750, 2.0315];
/// Rows of a matrix that one thread computes at a time.
const ROWS: usize = 4 * MAX_BLOCK_ROWS;

/// Brings the singular values of all matrices near 1, by the iteration of Newton and Schulz:
/// `X ← a·X + b·X·(Xᵀ·X) + c·X·(Xᵀ·X)²`, from a matrix over its Frobenius norm.
///
/// It works on tall matrices, wide ones are transposed, so that `Xᵀ·X` is the smaller of the two squares. Of
/// `A = Xᵀ·X` and of `B = a·I + b·A + c·A²`, which are symmetric, about half is computed; then `X ← X·B`.
/// All matrices take each part of an iteration together, in blocks of rows that do not depend on the threads.
#[derive(Debug)]
pub struct Orthogonalizer<T> {
    muon: Muon,
    matrices: Vec<MuonMatrix>,
    /// All matrices, tall, one after the other; and the next ones.
    x: Vec<T>,
    next: Vec<T>,
    /// The squares of all matrices: the blocks on and right of the diagonal, and the whole ones.
    upper: Vec<T>,
    square: Vec<T>,
    parameter_blocks: RowBlocks,
    x_blocks: RowBlocks,
    square_blocks: RowBlocks,
}

#[derive(Debug)]
struct MuonMatrix {
    rule: ParameterRule,
    rows: usize,
    columns: usize,
    /// Its elements of `x`, and of the squares.
    x: Range<usize>,
    square: Range<usize>,
    /// One over the norm of the direction.
    scale: f64,
}

impl MuonMatrix {
    fn is_wide(&self) -> bool {
        self.rows < self.columns
    }

    fn long(&self) -> usize {
        self.rows.max(self.columns)
    }

    fn short(&self) -> usize {
        self.rows.min(self.columns)
    }
}

/// Blocks of rows of matrices that lie in a vector, one behind the other, with gaps or without.
#[derive(Debug)]
struct RowBlocks {
    bounds: Vec<usize>,
    /// Matrix and rows of each block; none for a gap.
    blocks: Vec<Option<(usize, Range<usize>)>>,
}

impl RowBlocks {
    /// From the beginning and the shape of each matrix.
    fn new(matrices: impl Iterator<Item = (usize, [usize; 2])>) -> Self {
        let (mut bounds, mut blocks): (Vec<usize>, Vec<_>) = (Vec::new(), Vec::new());
        for (matrix, (start, [rows, columns])) in matrices.enumerate() {
            match bounds.last() {
                Some(&end) if end == start => {}
                Some(_) => {
                    blocks.push(None);
                    bounds.push(start);
                }
                None => bounds.push(start),
            }
            for first in (0..rows).step_by(ROWS) {
                let end = rows.min(first + ROWS);
                blocks.push(Some((matrix, first..end)));
                bounds.push(start + end * columns);
            }
        }
        Self { bounds, blocks }
    }

    /// Calls `run` with matrix, rows and elements of each block, on all threads.
    fn run<T: Float, const N: usize>(
        &self,
        pool: &Pool,
        values: &mut [T],
        others: [&mut [T]; N],
        run: impl Fn(usize, Range<usize>, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        pool.split(values, others, &self.bounds, |i, values, others| {
            if let Some((matrix, rows)) = self.blocks[i].clone() {
                run(matrix, rows, values, others);
            }
        });
    }
}

impl<T: Float> Orthogonalizer<T> {
    /// Takes the memory for all parameters that have a matrix: twice their size, and two squares of the shorter side of each.
    pub fn new(muon: Muon, parameters: &[ParameterRule]) -> Self {
        let (mut x_end, mut square_end) = (0, 0);
        let matrices = parameters.iter().filter_map(|rule| {
            let [rows, columns] = rule.matrix?;
            let x = x_end..x_end + rows * columns;
            let square = square_end..square_end + rows.min(columns).pow(2);
            (x_end, square_end) = (x.end, square.end);
            Some(MuonMatrix { rule: rule.clone(), rows, columns, x, square, scale: 0.0 })
        });
        let matrices: Vec<_> = matrices.collect();
        let blocks =
            |of: fn(&MuonMatrix) -> (usize, [usize; 2])| RowBlocks::new(matrices.iter().map(of));
        Self {
            muon,
            x: vec![T::ZERO; x_end],
            next: vec![T::ZERO; x_end],
            upper: vec![T::ZERO; square_end],
            square: vec![T::ZERO; square_end],
            parameter_blocks: blocks(|m| (m.rule.range.start, [m.rows, m.columns])),
            x_blocks: blocks(|m| (m.x.start, [m.long(), m.short()])),
            square_blocks: blocks(|m| (m.square.start, [m.short(); 2])),
            matrices,
        }
    }

    /// `x`, from the direction of each matrix.
    fn begin(&mut self, pool: &Pool, direction: &[T]) {
        pool.each(&mut self.matrices, |_, matrix| {
            let squares = sum_of_squares(&direction[matrix.rule.range.clone()]);
            matrix.scale = 1.0 / (squares.sqrt() + EPSILON);
        });
        let matrices = &self.matrices;
        self.x_blocks.run(pool, &mut self.x, [], |i, rows, x, []| {
            let matrix = &matrices[i];
            let direction = &direction[matrix.rule.range.clone()];
            let (long, short) = (matrix.long(), matrix.short());
            if matrix.is_wide() {
                transpose((&direction[rows.start..], long), [short, rows.len()], (x, short));
            } else {
                x.copy_from_slice(&direction[rows.start * short..][..x.len()]);
            }
            let scale = T::from_f64(matrix.scale);
            vectorize(inlined!(|| x.iter_mut().for_each(|x| *x *= scale)));
        });
    }

    /// One iteration, from `x` to `x`.
    fn iterate(&mut self, pool: &Pool) {
        let Self { matrices, x, next, upper, square, x_blocks, square_blocks, .. } = self;
        // A = Xᵀ·X.
        square_blocks.run(pool, upper, [], |i, rows, a, []| {
            let (matrix, start) = (&matrices[i], rows.start);
            let (values, short) = (&x[matrix.x.clone()], matrix.short());
            gemm(
                size([rows.len(), short - start, matrix.long()], &[[start; 2]]),
                MatrixA { values, layout: Layout::ColumnMajor, lda: short },
                MatrixB { values, ldb: short, batch_stride: 0 },
                MatrixC::new(&mut a[start..], short, false),
            );
        });
        square_blocks.run(pool, square, [], |i, rows, a, []| mirror(&matrices[i], rows, upper, a));
        // B = a·I + b·A + c·A².
        square_blocks.run(pool, upper, [], |i, rows, b, []| {
            let (matrix, start) = (&matrices[i], rows.start);
            let (values, short) = (&square[matrix.square.clone()], matrix.short());
            gemm(
                size([rows.len(), short - start, short], &[[start * short, start]]),
                MatrixA { values, layout: Layout::RowMajor, lda: short },
                MatrixB { values, ldb: short, batch_stride: 0 },
                MatrixC::new(&mut b[start..], short, false),
            );
            let [of_x, of_a, of_square] = FACTORS.map(T::from_f64);
            let values = values[start * short..].chunks_exact(short);
            for ((row, b), a) in rows.zip(b.chunks_exact_mut(short)).zip(values) {
                vectorize(inlined!(|| {
                    for (b, &a) in b[start..].iter_mut().zip(&a[start..]) {
                        *b = of_a * a + of_square * *b;
                    }
                }));
                b[row] += of_x;
            }
        });
        square_blocks.run(pool, square, [], |i, rows, b, []| mirror(&matrices[i], rows, upper, b));
        // X·B.
        x_blocks.run(pool, next, [], |i, rows, next, []| {
            let (matrix, short) = (&matrices[i], matrices[i].short());
            gemm(
                size([rows.len(), short, short], &[[rows.start * short, 0]]),
                MatrixA { values: &x[matrix.x.clone()], layout: Layout::RowMajor, lda: short },
                MatrixB { values: &square[matrix.square.clone()], ldb: short, batch_stride: 0 },
                MatrixC::new(next, short, false),
            );
        });
        swap(x, next);
    }
}

impl<T: Float> UpdateWhole<T> for Orthogonalizer<T> {
    fn update(
        &mut self,
        pool: &Pool,
        step: &StepInfo,
        params: &mut [T],
        grads: &[T],
        [momentum, direction, ..]: OptimizerState<'_, T>,
    ) {
        let kept = step.momentum.unwrap_or(self.muon.momentum);
        let [kept, fresh, fine] = [kept, 1.0 - kept, FINE].map(T::from_f64);
        let matrices = &self.matrices;
        self.parameter_blocks.run(pool, momentum, [&mut *direction], |i, rows, m, [direction]| {
            let MuonMatrix { rule, columns, .. } = &matrices[i];
            let grads = &grads[rule.range.start + rows.start * columns..][..m.len()];
            vectorize(inlined!(|| {
                for ((m, direction), &g) in m.iter_mut().zip(direction).zip(grads) {
                    *m = (kept * *m + fresh * g + fine) - fine;
                    *direction = fresh * g + kept * *m;
                }
            }));
        });
        self.begin(pool, direction);
        for _ in 0..ITERATIONS {
            self.iterate(pool);
        }
        let Self { muon, matrices, x, .. } = self;
        self.parameter_blocks.run(pool, params, [direction], |i, rows, params, [direction]| {
            let matrix = &matrices[i];
            let (x, long, short) = (&x[matrix.x.clone()], matrix.long(), matrix.short());
            let direction = if matrix.is_wide() {
                transpose((&x[rows.start..], short), [long, rows.len()], (direction, long));
                &*direction
            } else {
                &x[rows.start * short..][..params.len()]
            };
            let step = matrix.rule.step(step);
            let shrink = T::from_f64(step.shrink(muon.weight_decay, muon.decay_all));
            let scale = (matrix.columns as f64 / matrix.rows as f64).max(1.0).sqrt();
            let rate = T::from_f64(step.learning_rate * scale);
            vectorize(inlined!(|| {
                for (w, &direction) in params.iter_mut().zip(direction) {
                    *w = shrink * *w - rate * direction;
                }
            }));
        });
    }
}

fn size<'a>([m, n, k]: [usize; 3], k_segments: &'a [[usize; 2]]) -> GemmSize<'a> {
    GemmSize { m, n, k_segments, segment_len: k, batch_count: 1 }
}

/// Some rows of a symmetric matrix, from its blocks on and right of the diagonal.
fn mirror<T: Float>(matrix: &MuonMatrix, rows: Range<usize>, upper: &[T], to: &mut [T]) {
    let (upper, short, start) = (&upper[matrix.square.clone()], matrix.short(), rows.start);
    transpose((&upper[start..], short), [start, rows.len()], (&mut *to, short));
    for (row, to) in rows.zip(to.chunks_exact_mut(short)) {
        to[start..].copy_from_slice(&upper[row * short + start..][..short - start]);
    }
}
