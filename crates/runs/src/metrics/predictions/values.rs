//! Predictions of values.

/// The predicted values for all samples of a part, and their targets, in the unit of the target. If it is standardised,
/// both count from its mean.
#[derive(Clone, Copy, Debug)]
pub struct ValuePredictions<'a> {
    predictions: &'a [f32],
    targets: &'a [f32],
    width: usize,
    /// Of each value of a sample; empty if they are in their unit.
    scales: &'a [f64],
}

impl<'a> ValuePredictions<'a> {
    /// Predictions and targets, `width` of each sample, sample after sample.
    ///
    /// # Panics
    ///
    /// If there is no sample, or if there are not as many predictions as targets.
    pub fn new(predictions: &'a [f32], targets: &'a [f32], width: usize) -> Self {
        let (found, expected) = (predictions.len(), targets.len());
        assert!(found == expected && found > 0, "{found} predictions for {expected} targets");
        Self { predictions, targets, width, scales: &[] }
    }

    /// The same, of values that were divided by [scales](data::FittedTarget::scales), if there are any.
    #[must_use]
    pub fn with_scales(self, scales: &'a [f64]) -> Self {
        Self { scales, ..self }
    }

    /// Values of each sample.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Prediction and target of each value of each sample.
    pub fn pairs(self) -> impl Iterator<Item = [f64; 2]> + Clone + 'a {
        let pairs = self.predictions.iter().zip(self.targets).enumerate();
        pairs.map(move |(i, (&prediction, &target))| {
            let scale = self.scales.get(i % self.width).copied().unwrap_or(1.0);
            [prediction, target].map(|value| f64::from(value) * scale)
        })
    }

    /// Prediction and target of value number `output` of each sample.
    pub fn output(self, output: usize) -> impl Iterator<Item = [f64; 2]> + Clone + 'a {
        self.pairs().skip(output).step_by(self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_every_nth_pair() {
        let values = ValuePredictions::new(&[1., 2., 3., 4.], &[5., 6., 7., 8.], 2);
        assert_eq!(values.output(1).collect::<Vec<_>>(), [[2.0, 6.0], [4.0, 8.0]]);
        assert_eq!(values.pairs().count(), 4);
        let scaled = values.with_scales(&[1.0, 10.0]);
        assert_eq!(scaled.output(0).collect::<Vec<_>>(), [[1.0, 5.0], [3.0, 7.0]]);
        assert_eq!(scaled.output(1).collect::<Vec<_>>(), [[20.0, 60.0], [40.0, 80.0]]);
    }
}
