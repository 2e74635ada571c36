//! Random networks for tests: graphs with branches, merges, outputs that several layers take, and frozen layers; and
//! the random numbers to run a network on.
//!
//! ```
//! use gradus_random_networks::{RandomTrial, SEEDS, network};
//! use graph::Compile;
//! use nn::{Mode, Objective};
//!
//! for seed in SEEDS {
//!     let trial = RandomTrial::<f64>::new(&network(seed), &Objective::default(), Mode::Train, 5, seed);
//!     assert!(trial.run(&Compile::default()).scalar(trial.model.loss) > 0.0);
//! }
//! ```

mod draft;
mod trial;

use std::ops::Range;

use nn::{Layer, Mode, Network, Objective};

pub use draft::network;
pub use trial::RandomTrial;

/// Seeds whose networks have among them every kind of layer, and all that a graph can have.
pub const SEEDS: Range<u64> = 0..10;

/// The network of `layers`, written as in an experiment file, behind an input of given sizes.
///
/// # Panics
///
/// If they cannot be read.
pub fn parse(input: &[usize], layers: &str) -> Network {
    let text = format!("input = {input:?}\nlayers = [{layers}]");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The shape that a layer gives of a sample of the shape `input`, and whether it has parameters; none if it does not
/// fit, or merges.
pub fn output_of(layer: &Layer, input: &[usize]) -> Option<(Vec<usize>, bool)> {
    if layer.kind.as_dyn::<f32>().merges() {
        return None;
    }
    // Layers whose output a loss takes, whatever comes before.
    let mut network = parse(input, "'flatten', { kind = 'linear', units = 2 }");
    network.layers.insert(0, Layer::from(layer.kind.clone()));
    let target = graph::Shape::batch([]);
    let model = network.model::<f32>(Mode::Train, &Objective::default(), 2, target).ok()?;
    Some((model.layers[0].output.dims().to_vec(), model.layers[0].parameters > 0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nn::{LayerInput, LayerKind};

    use super::*;

    /// Layers that need settings, which a network is written to have. A layer that needs none gets in by itself.
    const WITH_SETTINGS: &[&str] = &[
        "linear",
        "conv2d",
        "depthwise_conv2d",
        "max_pool2d",
        "avg_pool2d",
        "dropout",
        "group_norm",
        "embedding",
    ];

    #[derive(serde::Deserialize)]
    struct Named {
        #[expect(dead_code, reason = "only whether it can be read matters")]
        layer: Layer,
    }

    #[test]
    fn the_networks_have_among_them_every_kind_of_layer_and_all_that_a_graph_can_have() {
        let mut found = BTreeSet::new();
        for seed in SEEDS {
            let network = network(seed);
            assert_eq!(network, super::network(seed), "the same for the same seed");
            assert_eq!(network.check(), Ok(()), "{network:?}");
            let trial =
                RandomTrial::<f32>::new(&network, &Objective::default(), Mode::Train, 5, seed);
            let layers = &trial.model.layers;
            let taken: Vec<_> = layers.iter().flat_map(|layer| layer.inputs.clone()).collect();
            let most = taken.iter().map(|input| taken.iter().filter(|i| *i == input).count()).max();
            let properties = [
                ("an output that several layers take", most > Some(1)),
                ("an output that four layers take", most > Some(3)),
                ("an input that several layers take", {
                    taken.iter().filter(|input| **input == LayerInput::Samples).count() > 1
                }),
                ("a merge of one output with itself", {
                    layers.iter().any(|layer| layer.inputs.windows(2).any(|two| two[0] == two[1]))
                }),
                ("a merge of three outputs", layers.iter().any(|layer| layer.inputs.len() > 2)),
                ("a frozen layer", network.layers.iter().any(|layer| layer.freeze)),
                ("frozen running statistics", { trial.model.inputs.len() > 2 }),
            ];
            let has = |layer: &Layer| layer.kind.name();
            assert!(network.layers.iter().any(|layer| ["add", "concat"].contains(&has(layer))));
            assert!(properties[0].1, "{network:?}");
            found.extend(network.layers.iter().map(has));
            found.extend(properties.iter().filter(|(_, holds)| *holds).map(|(name, _)| *name));
            if seed + 1 == SEEDS.end {
                let fits_by_name =
                    |name: &&&str| toml::from_str::<Named>(&format!("layer = '{name}'")).is_ok();
                let wanted = LayerKind::NAMES.iter().filter(fits_by_name).chain(WITH_SETTINGS);
                let wanted = wanted.chain(properties.iter().map(|(name, _)| name));
                let missing: Vec<_> = wanted.filter(|name| !found.contains(*name)).collect();
                assert!(missing.is_empty(), "{missing:?}");
            }
        }
    }
}
