//! An ONNX file, and a prediction with its network if it is small.

use std::sync::Arc;

use gradus::data::{Dataset, Features, FittedTransforms, Targets};
use gradus::onnx::{ImportedNetwork, read_network};
use gradus::runs::sources::none::NoData;
use gradus::runs::{Experiment, Predictor, SavedModel};

/// The most multiply-adds of a sample that is predicted.
const SMALL: u64 = 1_000_000;

pub(crate) fn run(bytes: &[u8]) {
    let Ok(imported) = read_network(bytes) else { return };
    let ImportedNetwork { network, parameters, running_statistics, .. } = imported;
    let outputs = network.outputs().expect("what was read fits");
    let targets = Targets::Values { values: Vec::new(), width: outputs };
    let nothing = Dataset::new("x", &*network.input, Features::F32(Vec::new()), targets);
    let Ok(transforms) = FittedTransforms::of_dataset(&nothing.expect("no samples")) else {
        return;
    };
    let experiment = Experiment::builder(network).source(NoData {}).epochs(1.0).build();
    let experiment = experiment.expect("what was read is an experiment");
    let transforms = Arc::new(transforms);
    let model = SavedModel { experiment, transforms, parameters, running_statistics };
    let written = model.to_bytes().expect("what was read can be written");
    assert_eq!(SavedModel::from_bytes(&written).expect("what was written can be read"), model);
    let graph = model.model().expect("what was read fits");
    if graph.multiply_adds() > SMALL || graph.graph.shape(graph.input).len() > 100_000 {
        return;
    }
    if let Ok(mut predictor) = Predictor::new(model, 1) {
        let width = predictor.model().graph.shape(predictor.model().input).len();
        let _ = predictor.predict_features(&vec![0.5; width]);
    }
}
