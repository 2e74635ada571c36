//! A saved network, ready to answer.

use graph::op::Tile;
use graph::{Compile, Program, Run, Source};
use nn::{Model, NetworkError};

use crate::saved::SavedModel;
use crate::sizes::average_starts;

/// A network that answers one sample at a time.
///
/// # Examples
///
/// ```no_run
/// use gradus_train::{Predictor, SavedModel, probabilities};
///
/// let saved = SavedModel::read("runs/softmax-1/checkpoints/last.safetensors".as_ref())?;
/// let mut predictor = Predictor::new(saved)?;
/// let blank = [0.0; 784];
/// let chances = probabilities(predictor.predict(&blank));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Predictor {
    saved: SavedModel,
    model: Model<f32>,
    program: Program<f32>,
    average_starts: Vec<usize>,
    prediction: Vec<f32>,
}

impl Predictor {
    /// Compiles the network.
    ///
    /// # Errors
    ///
    /// If it does not fit in itself.
    pub fn new(saved: SavedModel) -> Result<Self, NetworkError> {
        let model = saved.model()?;
        let options = Compile { keep: vec![model.prediction], ..Compile::default() };
        let program = Program::new(model.graph.clone(), &options).expect("no loss to be wrong");
        let average_starts = average_starts(&model.averages);
        Ok(Self { saved, model, program, average_starts, prediction: Vec::new() })
    }

    /// What was saved.
    pub fn saved(&self) -> &SavedModel {
        &self.saved
    }

    /// What the last layer says of a sample: scores of the classes, or values. The sample's numbers are as
    /// in the dataset, pixels from 0 to 255 for the digits.
    ///
    /// # Panics
    ///
    /// If the sample is not of the size the network takes.
    pub fn predict(&mut self, sample: &[f32]) -> &[f32] {
        let expected = self.model.graph.shape(self.model.input);
        assert_eq!(sample.len(), expected.len(), "expected a sample of {expected}");
        let inputs = OneSample {
            sample,
            divisor: self.saved.experiment.data.divisor,
            averages: &self.saved.averages,
            average_starts: &self.average_starts,
        };
        self.program.run(&Run {
            parameters: &self.saved.parameters,
            inputs: &inputs,
            ..Run::default()
        });
        self.prediction = self.program.value(self.model.prediction).expect("kept").into_values();
        &self.prediction
    }
}

/// One sample and the running averages as inputs of a graph.
struct OneSample<'a> {
    sample: &'a [f32],
    divisor: f32,
    averages: &'a [f32],
    average_starts: &'a [usize],
}

impl Source<f32> for OneSample<'_> {
    fn fill(&self, input: usize, tile: Tile, out: &mut [f32]) {
        match input {
            // A batch of one sample has one lane.
            0 => {
                debug_assert_eq!(tile.width, 1);
                out.iter_mut()
                    .zip(self.sample)
                    .for_each(|(out, value)| *out = value / self.divisor);
            }
            1 => unreachable!("a prediction needs no target"),
            average => {
                let start = self.average_starts[average - 2];
                out.copy_from_slice(&self.averages[start..start + out.len()]);
            }
        }
    }
}

/// The probability of each class, by softmax of their scores.
pub fn probabilities(scores: &[f32]) -> Vec<f64> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // The exponents are at most 0, so nothing overflows, and one of them is 0, so the sum is not 0.
    let powers: Vec<f64> = scores.iter().map(|score| f64::from(score - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::probabilities;

    #[test]
    fn probabilities_sum_to_one_for_any_scores() {
        for scores in [&[1e4, -1e4, 0.0][..], &[0.0; 10], &[3.2, 5.1, -1.7]] {
            let chances = probabilities(scores);
            assert!((chances.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{chances:?}");
        }
    }
}
