//! Arrays of the crate `ndarray` as data, parameters and predictions: the feature `ndarray`.
//!
//! ```
//! use gradus::arrays;
//! use gradus::prelude::*;
//! use ndarray::{Array1, Array2};
//!
//! // Is the first number larger than the second?
//! let samples = Array2::from_shape_fn((200, 2), |(i, j)| ((i * 37 + j * 61) % 100) as f32 / 100.0);
//! let labels: Array1<u32> = samples.rows().into_iter().map(|row| u32::from(row[0] > row[1])).collect();
//! let set = arrays::labelled("pairs", samples.view(), labels.view(), 2)?;
//!
//! let network = Network::builder([2]).linear(2).build()?;
//! let experiment = Experiment::builder(network).memory().learning_rate(0.05).steps(300).build()?;
//! let mut trainer = Trainer::new(experiment, Split { train: set.clone(), test: set }, Pool::new(1))?;
//! trainer.run(None, &mut []);
//!
//! assert_eq!(arrays::parameters(trainer.saved())?["1.linear.weight"].shape(), [2, 2]);
//! let mut predictor = Predictor::new(trainer.saved().clone(), 200)?;
//! let scores = arrays::predict(&mut predictor, samples.view())?;
//! assert_eq!(scores.dim(), (200, 2));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use ::ndarray::{ArrayView, ArrayView1, ArrayView2, ArrayViewD, Dimension};
use data::{DataError, Dataset, Features, Targets};
use graph::{Float, Tensor};
use nn::NetworkError;
use runs::{Predictor, SampleMismatch, SavedModel};

/// A number of which samples are made.
pub trait Feature: Copy {
    /// Numbers of this type as features.
    fn features(values: Vec<Self>) -> Features;
}

impl Feature for u8 {
    fn features(values: Vec<Self>) -> Features {
        Features::U8(values)
    }
}

impl Feature for f32 {
    fn features(values: Vec<Self>) -> Features {
        Features::F32(values)
    }
}

/// A dataset of samples `[n, ..]` with the class of each.
///
/// # Errors
///
/// If there are not as many labels as samples, or a label is not below `classes`.
pub fn labelled<A: Feature, D: Dimension>(
    name: impl Into<String>,
    samples: ArrayView<'_, A, D>,
    labels: ArrayView1<'_, u32>,
    classes: usize,
) -> Result<Dataset, DataError> {
    dataset(name, samples, Targets::Labels { values: labels.iter().copied().collect(), classes })
}

/// A dataset of samples `[n, ..]` with the values `[n, width]` that belong to them.
///
/// # Errors
///
/// If there are not as many rows of values as samples.
pub fn valued<A: Feature, D: Dimension>(
    name: impl Into<String>,
    samples: ArrayView<'_, A, D>,
    values: ArrayView2<'_, f32>,
) -> Result<Dataset, DataError> {
    let width = values.ncols();
    dataset(name, samples, Targets::Values { values: values.iter().copied().collect(), width })
}

fn dataset<A: Feature, D: Dimension>(
    name: impl Into<String>,
    samples: ArrayView<'_, A, D>,
    targets: Targets,
) -> Result<Dataset, DataError> {
    // A single number has no axis of samples; a shape with an empty axis is refused.
    let shape = samples.shape().get(1..).unwrap_or(&[0]);
    Dataset::new(name, shape, A::features(samples.iter().copied().collect()), targets)
}

/// The predictions `[n, outputs]` for samples `[n, ..]`, as many as the predictor takes at a time.
///
/// # Errors
///
/// If there are not as many numbers as its samples have.
pub fn predict<'a, A: Feature + Into<f32>, D: Dimension>(
    predictor: &'a mut Predictor,
    samples: ArrayView<'_, A, D>,
) -> Result<ArrayView2<'a, f32>, SampleMismatch> {
    let samples: Vec<f32> = samples.iter().map(|&value| value.into()).collect();
    let n_samples = predictor.batch();
    let predictions = predictor.predict(&samples)?;
    let shape = (n_samples, predictions.len() / n_samples);
    Ok(ArrayView2::from_shape(shape, predictions).expect("a row for each sample"))
}

/// The parameters of a model by their paths, where they are.
///
/// # Errors
///
/// If the network does not fit in itself.
pub fn parameters(
    model: &SavedModel,
) -> Result<BTreeMap<String, ArrayViewD<'_, f32>>, NetworkError> {
    let specs = model.model()?.parameters.into_iter();
    let views = specs.filter_map(|spec| {
        let values = model.parameters.get(spec.range)?;
        Some((spec.path, view_of(&spec.shape, values)))
    });
    Ok(views.collect())
}

/// A tensor as an array, where it is.
pub fn view<T: Float>(tensor: &Tensor<T>) -> ArrayViewD<'_, T> {
    view_of(tensor.shape(), tensor.values())
}

/// An array as a tensor.
pub fn tensor<T: Float, D: Dimension>(array: ArrayView<'_, T, D>) -> Tensor<T> {
    Tensor::new(array.shape(), array.iter().copied().collect::<Vec<_>>())
}

fn view_of<'a, T>(shape: &[usize], values: &'a [T]) -> ArrayViewD<'a, T> {
    ArrayViewD::from_shape(shape, values).expect("as many numbers as the shape says")
}

#[cfg(test)]
mod tests {
    use ::ndarray::{Array1, Array2, Array3, Axis, Slice};

    use super::*;

    #[test]
    fn any_view_becomes_samples_in_its_own_order() {
        let images = Array3::from_shape_fn((4, 2, 3), |(n, i, j)| (100 * n + 10 * i + j) as f32);
        let labels = Array1::from_vec(vec![0, 1, 1, 0]);
        // Every second sample, mirrored.
        let every_second = Slice::new(0, None, 2);
        let mut view = images.slice_axis(Axis(0), every_second);
        view.invert_axis(Axis(2));
        let set = labelled("mirrored", view, labels.slice_axis(Axis(0), every_second), 2).unwrap();
        assert_eq!(set.sample_shape(), [2, 3]);
        let first = [2.0, 1.0, 0.0, 12.0, 11.0, 10.0];
        let all = [first, first.map(|value| value + 200.0)].concat();
        assert_eq!(set.features(), Some(&Features::F32(all)));
        let values = Array2::from_elem((3, 1), 0.5);
        let error = valued("short", images.view(), values.view()).unwrap_err().to_string();
        assert_eq!(error, "short: 4 samples but 3 targets");
        let alone = ::ndarray::arr0(1.0_f32);
        assert!(labelled("alone", alone.view(), labels.view(), 2).is_err());
    }

    #[test]
    fn tensors_and_arrays_are_the_same_numbers() {
        let array = Array2::from_shape_fn((2, 3), |(i, j)| (i * 3 + j) as f64);
        let tensor = tensor(array.view());
        assert_eq!((tensor.shape(), tensor.values()[4]), (&[2, 3][..], 4.0));
        assert_eq!(view(&tensor), array.into_dyn());
    }
}
