//! The gradient check of a whole network.

use data::{DataFault, Dataset};
use graph::gradient_check::{self, GradCheckOptions, GradCheckReport};
use kernels::random::Stream;
use nn::{Model, ModelInputs, NetworkError, ParameterRole, ParameterSpec, RunningStatistics};

use runs::{BatchSource, Experiment};

use crate::trainer::TrainError;

/// Deviation of the biases during the check. Zero biases would put every blank patch of an image exactly
/// on a ReLU's kink.
const BIAS_DEVIATION: f64 = 0.1;

/// Compares the gradient of an experiment's loss with finite differences, in `f64`, one parameter at a time.
///
/// The network has the weights of its first step and random biases; weights of classes are found by `data.class_names` or, without
/// any, by the numbers of the classes. It sees the first samples of `dataset`,
/// augmented as in the first epoch, and keeps one dropout mask.
///
/// # Errors
///
/// If the network does not fit, or `dataset` has fewer samples than the check takes.
pub fn gradient_check(
    experiment: &Experiment,
    dataset: &Dataset,
    options: &GradCheckOptions,
) -> Result<Vec<(ParameterSpec, GradCheckReport)>, TrainError> {
    let experiment = &experiment.clone().checked()?;
    if dataset.len() < options.batch {
        let fault = DataFault::Batch { n_samples: dataset.len(), batch_size: options.batch };
        return Err(fault.of(experiment.train.order).into());
    }
    let class_name = |class: usize| {
        experiment.data.class_names.get(class).cloned().unwrap_or_else(|| class.to_string())
    };
    let model: Model<f64> = experiment.training_model(dataset, class_name)?;
    model.check_batch(options.batch)?;
    let mut parameters = model.initial_parameters(options.seed);
    let mut random = Stream::new(options.seed, 0x6269_6173);
    let is_bias = |role| matches!(role, ParameterRole::Bias | ParameterRole::Offset);
    for spec in model.parameters.iter().filter(|spec| is_bias(spec.role)) {
        parameters[spec.range.clone()].fill_with(|| BIAS_DEVIATION * random.normal());
    }
    let indices: Vec<u32> = (0..options.batch as u32).collect();
    // Of frozen layers, whose running statistics are inputs, as they are before the first step.
    let initial = model.running_statistics.iter().flat_map(RunningStatistics::initial);
    let running_statistics: Vec<f64> = initial.map(f64::from).collect();
    let inputs = ModelInputs {
        model: &model,
        source: BatchSource::of_training(experiment, dataset, &indices, 0),
        running_statistics: &running_statistics,
    };
    let (graph, loss) = (model.graph.clone(), model.loss);
    let report = gradient_check::gradient_check(graph, loss, &parameters, &inputs, options);
    Ok(model.parameters.into_iter().zip(report.map_err(NetworkError::from)?).collect())
}
