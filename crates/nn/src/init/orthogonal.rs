//! Orthogonal: a random matrix whose columns are orthogonal to each other and of one length, or its rows, if these are
//! fewer. A layer of it then changes no length in one direction, times the gain.
//!
//! Source: Saxe, McClelland, Ganguli (ICLR 2014), "Exact solutions to the nonlinear dynamics of learning in deep linear
//! neural networks", by the QR decomposition of a normally distributed matrix. With a positive diagonal of `R`, every
//! such matrix is equally likely: Mezzadri (2007), "How to generate random matrices from the classical compact groups".

use kernels::{inlined, vectorize};

use super::*;

settings! {
    /// An orthogonal matrix times the gain: `WᵀW = gain² · I` or, with fewer rows than columns, `WWᵀ`.
    ///
    /// A weight `[.., inputs, outputs]` is the matrix with a column for each output; a bias is a single row.
    /// For `n` columns of `m` elements it takes `4 m n²` operations: some seconds for 2,000 by 2,000.
    pub struct Orthogonal {
        /// The length of a column or row, above 0: √2 before ReLU makes up for the half that it cuts.
        gain: f64 = 1.0, positive;
    }
}

impl Initialize for Orthogonal {
    fn fill(&self, size: ParameterSize<'_>, random: &mut Stream, values: &mut [f64]) {
        let columns = size.shape.last().copied().unwrap_or(1).max(1);
        let rows = values.len() / columns;
        let (n, len) = (rows.min(columns), rows.max(columns));
        // Vectors one after the other: the columns, or the rows if these are fewer.
        let mut vectors = vec![0.0; n * len];
        random.fill_normal(&mut vectors);
        orthonormalize(&mut vectors, len);
        for (i, vector) in vectors.chunks_exact(len.max(1)).enumerate() {
            for (j, &element) in vector.iter().enumerate() {
                let at = if rows < columns { i * columns + j } else { j * columns + i };
                values[at] = self.gain * element;
            }
        }
    }

    fn is_elementwise(&self) -> bool {
        false
    }
}

/// Makes vectors of `len` elements, at most as many, orthonormal by Gram and Schmidt's process.
///
/// They are the columns of `Q` in the QR decomposition, with the signs that make the diagonal of `R` positive.
fn orthonormalize(vectors: &mut [f64], len: usize) {
    /// Vectors that are made together, so that the ones before them are read from memory once for all.
    const BLOCK: usize = 16;
    for start in (0..vectors.len()).step_by((BLOCK * len).max(1)) {
        let (before, rest) = vectors.split_at_mut(start);
        let end = rest.len().min(BLOCK * len);
        let block = &mut rest[..end];
        // What rounding leaves of the others is removed by a second pass: "twice is enough" (Kahan and Parlett).
        for _ in 0..2 {
            for other in before.chunks_exact(len) {
                block.chunks_exact_mut(len).for_each(|vector| subtract_projection(vector, other));
            }
            for at in (0..end).step_by(len) {
                let (before, rest) = block.split_at_mut(at);
                let vector = &mut rest[..len];
                before.chunks_exact(len).for_each(|other| subtract_projection(vector, other));
                // Fewer vectors than elements never span a random one: its length is not 0.
                let length = dot(vector, vector).sqrt();
                vector.iter_mut().for_each(|element| *element /= length);
            }
        }
    }
}

/// Subtracts from `vector` its part along `unit`, a vector of length 1.
fn subtract_projection(vector: &mut [f64], unit: &[f64]) {
    let length = dot(vector, unit);
    vectorize(inlined!(|| {
        vector.iter_mut().zip(unit).for_each(|(element, &along)| *element -= length * along);
    }));
}

/// The dot product: partial sums, in an order that does not depend on the instruction set.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    const PARTIAL: usize = 32;
    let sums = vectorize(inlined!(|| {
        let mut sums = [0.0; PARTIAL];
        let (a, a_rest) = a.as_chunks::<PARTIAL>();
        let (b, b_rest) = b.as_chunks::<PARTIAL>();
        for (a, b) in a.iter().zip(b) {
            sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (&a, &b))| *sum += a * b);
        }
        sums.iter_mut().zip(a_rest.iter().zip(b_rest)).for_each(|(sum, (&a, &b))| *sum += a * b);
        sums
    }));
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(shape: &[usize], gain: f64) -> Vec<f64> {
        let mut values = vec![f64::NAN; shape.iter().product()];
        let size = ParameterSize { shape, fans: [1; 2] };
        Orthogonal { gain }.fill(size, &mut Stream::new(7, 3), &mut values);
        values
    }

    /// The largest distance of `WᵀW`, or `WWᵀ` for fewer rows, from `gain² · I`.
    fn distance_from_orthogonal(shape: &[usize], gain: f64) -> f64 {
        let values = filled(shape, gain);
        let columns = *shape.last().unwrap();
        let rows = values.len() / columns;
        let (n, len) = (rows.min(columns), rows.max(columns));
        let at = |i: usize, j: usize| {
            if rows < columns { values[i * columns + j] } else { values[j * columns + i] }
        };
        let mut furthest: f64 = 0.0;
        for (a, b) in (0..n).flat_map(|a| (0..n).map(move |b| (a, b))) {
            let product: f64 = (0..len).map(|j| at(a, j) * at(b, j)).sum();
            let wanted = if a == b { gain * gain } else { 0.0 };
            furthest = furthest.max((product - wanted).abs());
        }
        furthest
    }

    #[test]
    fn columns_or_fewer_rows_are_orthogonal_and_as_long_as_the_gain() {
        let shapes: [&[usize]; 8] = [
            &[1, 1],
            &[7, 1],
            &[1, 7],
            &[70, 70],
            &[33, 100],
            &[100, 33],
            &[3, 3, 4, 50],
            &[3, 3, 2, 8],
        ];
        for shape in shapes.into_iter().chain([&[5][..]]) {
            for gain in [1.0, std::f64::consts::SQRT_2, 0.1] {
                let distance = distance_from_orthogonal(shape, gain);
                // Sums of up to a hundred rounded products.
                assert!(distance < 1e-14 * gain * gain, "{shape:?}, gain {gain}: {distance:e}");
            }
        }
    }

    #[test]
    fn the_first_column_is_the_normal_one_at_length_1_with_its_signs() {
        let (values, mut random) = (filled(&[9, 4], 1.0), Stream::new(7, 3));
        let drawn: Vec<f64> = (0..9).map(|_| random.normal()).collect();
        let length = drawn.iter().map(|v| v * v).sum::<f64>().sqrt();
        for (row, drawn) in values.chunks(4).zip(drawn) {
            assert!((row[0] - drawn / length).abs() < 1e-15, "{} {}", row[0], drawn / length);
        }
    }

    #[test]
    fn the_other_columns_keep_the_signs_that_make_r_positive() {
        // R = QᵀA; its diagonal is the product of each column with the one that it was made of.
        let (q, mut random) = (filled(&[6, 6], 1.0), Stream::new(7, 3));
        for column in 0..6 {
            let drawn: Vec<f64> = (0..6).map(|_| random.normal()).collect();
            let product: f64 = (0..6).map(|row| q[row * 6 + column] * drawn[row]).sum();
            assert!(product > 0.0, "column {column}: {product}");
        }
    }
}
