//! Exponentials of random matrices: a regression problem with four inputs and four targets.
//!
//! A sample is a 2 × 2 matrix `A`, row by row, its elements drawn from the normal distribution with
//! mean 0 and deviation 1; its target is `exp(A) = I + A + A²/2 + A³/6 + …`, row by row.
//!
//! With `s` half the trace, `B = A − s·I` has no trace, so that `B² = q·I` with `q = −det B`. Even
//! and odd powers of the series sum up separately:
//!
//! `exp(A) = eˢ (cosh √q · I + sinh √q / √q · B)`
//!
//! and for a negative `q`, where the roots are imaginary, with `cos √−q` and `sin √−q / √−q`.
//!
//! Source: Bernstein and So (1993), "Some explicit formulas for the matrix exponential", IEEE
//! Transactions on Automatic Control 38(8), for 2 × 2.

use crate::{Dataset, Features, Targets};

/// Elements of a 2 × 2 matrix.
const ELEMENTS: usize = 4;

/// Makes `n_samples` samples from draws of the normal distribution with mean 0 and deviation 1.
///
/// # Shapes
///
/// A sample is `[4]`, and so is its target.
///
/// # Examples
///
/// ```
/// # use gradus_data::{Targets, made::matrix_exponential};
/// // The exponential of the zero matrix is the identity.
/// let set = matrix_exponential::make("zeros", 1, || 0.0);
/// let identity = vec![1.0, 0.0, 0.0, 1.0];
/// assert_eq!(*set.targets(), Targets::Values { values: identity, width: 4 });
/// ```
pub fn make(name: &str, n_samples: usize, mut normal: impl FnMut() -> f64) -> Dataset {
    let elements: Vec<f32> = (0..ELEMENTS * n_samples).map(|_| normal() as f32).collect();
    let (matrices, _) = elements.as_chunks();
    // Of the rounded elements, so that the pair is right as the network sees it.
    let values = matrices.iter().flat_map(|a| exponential(a.map(f64::from)).map(|y| y as f32));
    let targets = Targets::Values { values: values.collect(), width: ELEMENTS };
    Dataset::new(name, [ELEMENTS], Features::F32(elements), targets)
        .expect("four elements and four values for each sample")
}

/// `exp(A)` of the matrix `[[a, b], [c, d]]`; see the [module docs](self) for the maths.
///
/// The error is that of a few roundings of the largest element of the result, which is infinite only
/// if `e` to the power of an eigenvalue is.
pub fn exponential([a, b, c, d]: [f64; ELEMENTS]) -> [f64; ELEMENTS] {
    let (s, half) = ((a + d) / 2.0, (a - d) / 2.0);
    let q = half * half + b * c;
    let root = q.abs().sqrt();
    // Either fraction tends to 1 at 0, and is exact to a rounding at any other root.
    let (even, odd) = match root {
        0.0 => (1.0, 1.0),
        _ if q > 0.0 => (libm::cosh(root), libm::sinh(root) / root),
        _ => (libm::cos(root), libm::sin(root) / root),
    };
    let scale = libm::exp(s);
    [even + odd * half, odd * b, odd * c, even - odd * half].map(|element| scale * element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(name: &str, found: [f64; 4], wanted: [f64; 4], tolerance: f64) {
        let largest = wanted.iter().fold(0.0, |largest: f64, element| largest.max(element.abs()));
        let is_close = |(f, w): (&f64, &f64)| (f - w).abs() <= tolerance * largest;
        assert!(found.iter().zip(&wanted).all(is_close), "{name}: {found:?} is not {wanted:?}");
    }

    /// The series of `A / 2¹⁰`, squared ten times.
    fn by_series(a: [f64; 4]) -> [f64; 4] {
        let product = |[a, b, c, d]: [f64; 4], [e, f, g, h]: [f64; 4]| {
            [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h]
        };
        let small = a.map(|element| element / 1024.0);
        let (mut power, mut sum) = ([1.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]);
        for n in 1..=12 {
            power = product(power, small).map(|element| element / f64::from(n));
            sum = std::array::from_fn(|i| sum[i] + power[i]);
        }
        (0..10).fold(sum, |root, _| product(root, root))
    }

    /// Numbers from −4 to 4: draws of the normal distribution are hardly ever larger.
    fn numbers() -> impl Iterator<Item = [f64; 4]> {
        let mut bits = 1_u64;
        let mut next = move || {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (bits >> 11) as f64 / 2_f64.powi(50) - 4.0
        };
        (0..1000).map(move |_| std::array::from_fn(|_| next()))
    }

    #[test]
    fn known_exponentials_are_computed() {
        let t = 2.5_f64;
        let (e, pi) = (std::f64::consts::E, std::f64::consts::PI);
        let cases = [
            ("zero", [0.0; 4], [1.0, 0.0, 0.0, 1.0]),
            ("identity", [1.0, 0.0, 0.0, 1.0], [e, 0.0, 0.0, e]),
            ("diagonal", [1.5, 0.0, 0.0, -2.0], [1.5_f64.exp(), 0.0, 0.0, (-2.0_f64).exp()]),
            ("shear", [0.0, 3.0, 0.0, 0.0], [1.0, 3.0, 0.0, 1.0]),
            ("rotation", [0.0, -t, t, 0.0], [t.cos(), -t.sin(), t.sin(), t.cos()]),
            ("half a turn", [0.0, -pi, pi, 0.0], [-1.0, 0.0, 0.0, -1.0]),
            ("boost", [0.0, t, t, 0.0], [t.cosh(), t.sinh(), t.sinh(), t.cosh()]),
        ];
        for (name, matrix, wanted) in cases {
            assert_close(name, exponential(matrix), wanted, 4.0 * f64::EPSILON);
        }
    }

    #[test]
    fn the_closed_form_agrees_with_the_series_and_its_determinant_is_the_exponential_of_the_trace()
    {
        for matrix in numbers() {
            let [a, b, c, d] = exponential(matrix);
            // Ten squarings double the rounding errors of the reference ten times.
            assert_close(&format!("{matrix:?}"), [a, b, c, d], by_series(matrix), 1e-12);
            let wanted = (matrix[0] + matrix[3]).exp();
            // Every element is off by a few roundings of the largest.
            let largest = [a, b, c, d].map(f64::abs).into_iter().fold(0.0, f64::max);
            let error = (a * d - b * c - wanted).abs();
            assert!(error < 20.0 * f64::EPSILON * largest * largest, "{matrix:?}: {error}");
        }
    }

    #[test]
    fn equal_eigenvalues_are_not_a_special_case() {
        for q in [1e-300, 1e-20, 1e-12, 1e-6].into_iter().flat_map(|q| [q, -q]) {
            let matrix = [0.0, 1.0, q, 0.0];
            assert_close(&format!("{q}"), exponential(matrix), by_series(matrix), 1e-12);
        }
    }

    #[test]
    fn samples_are_drawn_row_by_row_and_paired_with_their_exponentials() {
        let mut draws = [0.5, -1.0, 0.25, 2.0, 0.0, -1.0, 1.0, 0.0].into_iter();
        let set = make("two", 2, || draws.next().unwrap());
        let expected = Features::F32(vec![0.5, -1.0, 0.25, 2.0, 0.0, -1.0, 1.0, 0.0]);
        assert_eq!((set.len(), set.sample_shape(), set.features()), (2, &[4][..], Some(&expected)));
        let Targets::Values { values, width: 4 } = set.targets() else { panic!("{set:?}") };
        let second: [f64; 4] = std::array::from_fn(|i| values[4 + i].into());
        let (sin, cos) = 1_f64.sin_cos();
        assert_close("second", second, [cos, -sin, sin, cos], f32::EPSILON.into());
    }
}
