//! Muon: momentum whose direction is made orthogonal, for matrices and kernels of convolutions.
//!
//! `m ← µ·m + (1 − µ)·g`, then `w ← (1 − η·λ)·w − η·√max(1, outputs / inputs)·O`, where `O` is the matrix
//! `(1 − µ)·g + µ·m` (Nesterov's direction) with all singular values brought near 1: see [`Orthogonalizer`].
//!
//! A kernel `[height, width, inputs, outputs]` is taken as the matrix `[height · width · inputs, outputs]`.
//! All other parameters (biases, scales, offsets, tables, weights with one input or output) are updated by
//! [AdamW](super::adamw) at a rate of their own.
//!
//! The factor of the rate is the one of the author's code: a step changes the outputs of a layer by about `η` for inputs of size 1,
//! whatever its shape, and the published rates (0.02) hold. The other one in use, `0.2·√max(inputs, outputs)`
//! (Liu et al. 2025), gives `O` the size of an AdamW step instead.
//! The published code computes `O` in 16 bits, this one in the type of the parameters.
//! What a step costs stands in `docs/decisions/0014-muon.md`.
//! Source: Jordan et al. (2024), "Muon: an optimizer for hidden layers in neural networks".

mod orthogonalizer;

pub use orthogonalizer::Orthogonalizer;

use super::{adamw::AdamW, *};

settings! {
    /// Orthogonal momentum for matrices, AdamW for the rest. See the [module docs](self) for the formula.
    pub struct Muon {
        /// `µ` in `[0, 1)`, share of the average gradient kept in each step.
        momentum: f64 = 0.95, fraction;
        /// `λ`, at least 0 and per unit of the learning rate: a step multiplies the weights by `1 − η·λ`.
        weight_decay: f64 = 0.0, not_negative;
        /// Whether biases, scales and offsets decay too.
        decay_all: bool = false;
        /// The learning rate of AdamW over that of the schedule, above 0. The default makes 0.0003 of 0.02.
        adamw_learning_rate_factor: f64 = 0.015, positive;
        /// `β₁` of AdamW in `[0, 1)`.
        beta1: f64 = 0.9, fraction;
        /// `β₂` of AdamW in `[0, 1)`.
        beta2: f64 = 0.95, fraction;
        /// Epsilon of AdamW, above 0.
        epsilon: f64 = 1e-10, positive;
    }
}

impl<T: Float> Optimize<T> for Muon {
    /// Moments of AdamW; or the momentum, and space for the direction.
    fn state_vectors(&self) -> usize {
        2
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], state: OptimizerState<'_, T>) {
        let Self { beta1, beta2, epsilon, weight_decay, decay_all, .. } = *self;
        let learning_rate = step.learning_rate * self.adamw_learning_rate_factor;
        let adamw = AdamW { beta1, beta2, epsilon, weight_decay, decay_all };
        adamw.update(&StepInfo { learning_rate, ..*step }, params, grads, state);
    }

    fn formula(&self, step: &StepInfo, rule: &ParameterRule) -> Option<StepFormula> {
        let Self { beta1, beta2, epsilon, weight_decay, decay_all, momentum, .. } = *self;
        let Some([rows, columns]) = rule.matrix else {
            let learning_rate = step.learning_rate * self.adamw_learning_rate_factor;
            let adamw = AdamW { beta1, beta2, epsilon, weight_decay, decay_all };
            return Optimize::<T>::formula(&adamw, &StepInfo { learning_rate, ..*step }, rule);
        };
        let scale = (columns as f64 / rows as f64).max(1.0).sqrt();
        let formula = StepFormula::new(step).with_state(&["m"]);
        let formula =
            formula.with("momentum", step.momentum.unwrap_or(momentum)).with("scale", scale);
        let formula = formula.line("m", "momentum * m + (1 - momentum) * g");
        let formula = formula.line("n", "(1 - momentum) * g + momentum * m");
        let decay = step.decay(weight_decay, decay_all);
        // Of `n`, made orthogonal as a whole.
        Some(StepFormula { of_matrix: Some("o"), ..formula.descend(decay, "rate * scale * o") })
    }

    fn whole(&self, parameters: &[ParameterRule]) -> Option<Box<dyn UpdateWhole<T>>> {
        Some(Box::new(Orthogonalizer::new(self.clone(), parameters)))
    }

    fn whole_len(&self, parameters: &[ParameterRule]) -> usize {
        let matrices = parameters.iter().filter_map(|rule| rule.matrix);
        let lens = matrices.map(|[rows, columns]| rows * columns + rows.min(columns).pow(2));
        2 * lens.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::random::Stream;

    /// The formulas, with plain loops over rows and columns.
    mod naive {
        pub(super) type Rows = Vec<Vec<f64>>;

        fn product(a: &Rows, b: &Rows) -> Rows {
            let columns = 0..b[0].len();
            let row = |a: &Vec<f64>| {
                let element = |j: usize| a.iter().zip(b).map(|(a, b)| a * b[j]).sum();
                columns.clone().map(element).collect()
            };
            a.iter().map(row).collect()
        }

        fn transposed(a: &Rows) -> Rows {
            (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
        }

        pub(super) fn combined<const N: usize>(terms: [(f64, &Rows); N]) -> Rows {
            let element =
                |i: usize, j: usize| terms.iter().map(|(factor, m)| factor * m[i][j]).sum();
            let (rows, columns) = (terms[0].1.len(), terms[0].1[0].len());
            (0..rows).map(|i| (0..columns).map(|j| element(i, j)).collect()).collect()
        }

        /// The author's function, for a matrix of any shape.
        pub(super) fn orthogonalized(g: &Rows) -> Rows {
            let norm = g.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
            let mut x = combined([(1.0 / (norm + 1e-7), g)]);
            for _ in 0..5 {
                let a = product(&x, &transposed(&x));
                let b = combined([(-4.7750, &a), (2.0315, &product(&a, &a))]);
                x = combined([(3.4445, &x), (1.0, &product(&b, &x))]);
            }
            x
        }

        /// One step of `w`.
        pub(super) fn step(eta: f64, w: &Rows, g: &Rows, m: &mut Rows) -> Rows {
            *m = combined([(0.95, m), (0.05, g)]);
            let o = orthogonalized(&combined([(0.05, g), (0.95, m)]));
            let scale = (w[0].len() as f64 / w.len() as f64).max(1.0).sqrt();
            combined([(1.0 - eta * 0.1, w), (-eta * scale, &o)])
        }
    }

    /// Wide, tall and square, of one block and of several; with what is not updated before, between and after.
    const SHAPES: [[usize; 2]; 7] =
        [[3, 5], [5, 3], [4, 4], [60, 7], [7, 60], [130, 50], [50, 130]];

    fn rules() -> Vec<ParameterRule> {
        let mut end = 0;
        let mut rule = |len: usize, matrix| {
            let range = end..end + len;
            end += len;
            ParameterRule { range, learning_rate_factor: 0.5, decays: true, matrix }
        };
        let matrices = SHAPES.iter().enumerate().flat_map(|(i, &[rows, columns])| {
            // Some follow each other at once.
            [
                rule(if i % 2 == 0 { 3 } else { 0 }, None),
                rule(rows * columns, Some([rows, columns])),
            ]
        });
        let mut rules: Vec<_> = matrices.collect();
        rules.push(rule(5, None));
        rules
    }

    fn draw<T: Float>(random: &mut Stream, n: usize) -> Vec<T> {
        (0..n).map(|_| T::from_f64(random.normal())).collect()
    }

    fn info(step: u64) -> StepInfo {
        StepInfo::new(0.1 / step as f64, step)
    }

    /// The parameters before and after `steps`.
    fn trained<T: Float>(
        steps: u64,
        threads: usize,
        grads: impl Fn(u64, usize) -> Vec<T>,
    ) -> [Vec<T>; 2] {
        let rules = rules();
        let n = rules.last().unwrap().range.end;
        let muon = Muon { weight_decay: 0.1, ..Muon::default() };
        let mut whole = Optimize::<T>::whole(&muon, &rules).unwrap();
        let pool = Pool::new(threads);
        let first = draw(&mut Stream::new(3, 0), n);
        let (mut params, mut momentum, mut direction) =
            (first.clone(), vec![T::ZERO; n], vec![T::ZERO; n]);
        for step in 1..=steps {
            let state = [&mut momentum[..], &mut direction, &mut [], &mut []];
            whole.update(&pool, &info(step), &mut params, &grads(step, n), state);
        }
        [first, params]
    }

    fn random_grads<T: Float>(step: u64, n: usize) -> Vec<T> {
        draw(&mut Stream::new(4, step), n)
    }

    fn follows_the_formula<T: Float>(steps: u64, epsilon: f64) {
        let [mut expected, found] = trained::<T>(steps, 2, random_grads)
            .map(|all| all.iter().map(|w| w.to_f64()).collect::<Vec<_>>());
        let rates: f64 = (1..=steps).map(|step| info(step).learning_rate * 0.5).sum();
        for rule in rules().iter() {
            if let Some([_, columns]) = rule.matrix {
                let rows = |all: &[f64]| -> naive::Rows {
                    all[rule.range.clone()].chunks(columns).map(<[f64]>::to_vec).collect()
                };
                let mut w = rows(&expected);
                let mut m = naive::combined([(0.0, &w)]);
                for step in 1..=steps {
                    let grads: Vec<f64> =
                        random_grads::<T>(step, found.len()).iter().map(|g| g.to_f64()).collect();
                    w = naive::step(info(step).learning_rate * 0.5, &w, &rows(&grads), &mut m);
                }
                expected[rule.range.clone()].copy_from_slice(&w.concat());
            }
        }
        // A rounding of the direction grows at most by 4 in each of 5 iterations, the largest slope of the polynomial
        // between singular values of 0 and 1.2; each of them adds products of sums of a hundred terms.
        let scale = (60.0f64 / 7.0).sqrt();
        let bound = epsilon * (rates * scale * 4f64.powi(5) * 10.0 + 4.0 * steps as f64);
        for (i, (found, want)) in found.iter().zip(&expected).enumerate() {
            assert!((found - want).abs() <= bound, "{} {i}: {found}, {want}, {bound}", T::NAME);
        }
    }

    #[test]
    fn every_matrix_follows_the_formula_over_100_steps_and_nothing_else_changes() {
        follows_the_formula::<f64>(100, f64::EPSILON);
        follows_the_formula::<f32>(100, f32::EPSILON.into());
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bytes() {
        let alone = trained::<f32>(3, 1, random_grads);
        assert!([2, 3, 5].iter().all(|&threads| trained(3, threads, random_grads::<f32>) == alone));
    }

    #[test]
    fn the_direction_has_singular_values_near_one_and_a_gradient_of_zero_has_none() {
        let mut random = Stream::new(5, 0);
        let g: naive::Rows = (0..20).map(|_| draw(&mut random, 8)).collect();
        let o = naive::orthogonalized(&g);
        // Their mean square, and that of a singular value of all directions together.
        let squares = o.iter().flatten().map(|o| o * o).sum::<f64>() / 8.0;
        assert!((0.5..1.3).contains(&squares), "{squares}");
        let [first, after] = trained(1, 1, |_, n| vec![0.0f64; n]);
        let rules = rules();
        for (i, (before, after)) in first.iter().zip(after).enumerate() {
            let is_matrix =
                rules.iter().any(|rule| rule.range.contains(&i) && rule.matrix.is_some());
            let want = if is_matrix { before * (1.0 - 0.05 * 0.1) } else { *before };
            assert!((after - want).abs() < 1e-15, "{i}: {after}, {want}");
        }
    }
}
