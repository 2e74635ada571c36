//! Mean absolute error: the mean of `|prediction − target|` over all values, in the unit of the targets.

use data::Targets;

use super::Metric;

/// See the [module](self).
#[derive(Debug)]
pub struct MeanAbsoluteError;

impl Metric for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mean_absolute_error"
    }

    fn unit(&self) -> &'static str {
        "target"
    }

    fn higher_is_better(&self) -> bool {
        false
    }

    fn applies_to(&self, targets: &Targets) -> bool {
        matches!(targets, Targets::Values { .. })
    }

    fn value(&self, predictions: &[f32], _outputs: usize, targets: &Targets) -> f64 {
        let Targets::Values { values, .. } = targets else { return f64::NAN };
        // Partial sums in vector code: a training batch is measured beside steps of some 400 µs.
        let mut sums = [0.0; 16];
        kernels::vectorize(kernels::inlined!(|| {
            for (y, t) in predictions.chunks(sums.len()).zip(values.chunks(sums.len())) {
                for ((sum, &y), &t) in sums.iter_mut().zip(y).zip(t) {
                    *sum += (f64::from(y) - f64::from(t)).abs();
                }
            }
        }));
        sums.iter().sum::<f64>() / values.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_signs_count() {
        let targets = Targets::Values { values: vec![1.0, 2.0, -3.0, 0.0], width: 2 };
        assert_eq!(MeanAbsoluteError.value(&[0.0, 4.0, -3.0, 1.0], 2, &targets), 1.0);
        let targets = Targets::Values { values: (0..37).map(|i| i as f32).collect(), width: 1 };
        assert_eq!(MeanAbsoluteError.value(&[0.0; 37], 1, &targets), 18.0);
    }
}
