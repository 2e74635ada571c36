//! The weights of another program as safetensors, for a small network.

use gradus::nn::{Mode, Network, Objective};
use gradus::weights::{NameScheme, WeightPlan, read_safetensors};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(tensors) = read_safetensors(bytes) else { return };
    let network = Network::builder([2, 2, 2])
        .conv2d(2, 1)
        .named("conv")
        .batch_norm()
        .flatten()
        .linear(2)
        .build()
        .expect("a network");
    let target = gradus::graph::Shape::batch([]);
    let model = network.model::<f32>(Mode::Evaluate, &Objective::default(), 2, target);
    let model = model.expect("a network");
    for scheme in NameScheme::ALL {
        let plan =
            WeightPlan::new(&network, &model, scheme).expect("layers that all programs have");
        if let Ok(taken) = plan.take(&tensors) {
            assert_eq!(taken.parameters.len(), model.graph.n_parameters());
        }
    }
}
