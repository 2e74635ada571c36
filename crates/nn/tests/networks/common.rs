//! Networks and batches for the tests of this crate.

use std::collections::BTreeMap;
use std::path::Path;

use gradus_nn::{Layer, LayerKind, Mode, Model, Network, Objective};
use graph::{Compile, Float, Graph, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;

/// The network of `layers` behind an input of given sizes, both as in an experiment file.
pub(crate) fn network(input: &str, layers: &str) -> Network {
    let text = format!("input = {input}\nlayers = [{layers}]");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// A network as a graph, for class numbers or one value.
pub(crate) fn model<T: Float>(network: &Network, mode: Mode, objective: &Objective) -> Model<T> {
    network.model(mode, objective, network.outputs().unwrap(), Shape::batch([])).unwrap()
}

/// A program that has run once.
pub(crate) fn run<T: Float>(
    graph: Graph<T>,
    options: &Compile,
    parameters: &[T],
    inputs: &[&Tensor<T>],
) -> Program<T> {
    let mut program = Program::new(graph, options).unwrap();
    program.run(&RunArgs { parameters, inputs: &Tensors(inputs), seed: 5, ..RunArgs::default() });
    program
}

/// Normal random numbers that are `f32` numbers, whatever `T` is.
pub(crate) fn normal<T: Float>(n: usize, deviation: f64, random: &mut Stream) -> Vec<T> {
    (0..n).map(|_| T::from_f64(f64::from((deviation * random.normal()) as f32))).collect()
}

/// `batch` random samples of a network's size.
pub(crate) fn samples<T: Float>(network: &Network, batch: usize, random: &mut Stream) -> Tensor<T> {
    let sizes = [&[batch], &network.input[..]].concat();
    Tensor::new(&sizes, normal(sizes.iter().product(), 1.0, random))
}

/// A layer and what it makes of an input: an example from the documentation of the layer's file.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Example {
    pub(crate) input: Vec<usize>,
    pub(crate) layer: Layer,
    pub(crate) output: Vec<usize>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Vec<usize>>,
    #[serde(default)]
    pub(crate) running_statistics: BTreeMap<String, Vec<usize>>,
}

/// The examples of every layer: the code blocks in TOML at the head of its file.
///
/// # Panics
///
/// If a layer has none, or one of another layer.
pub(crate) fn examples() -> Vec<Example> {
    let of_layer = |name: &&str| {
        let file = format!("src/layers/{name}.rs");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        let text = std::fs::read_to_string(path).unwrap();
        let head = text.lines().map_while(|line| line.strip_prefix("//!"));
        let head: Vec<&str> = head.map(str::trim).collect();
        let blocks = head.split(|line| *line == "```toml").skip(1);
        let blocks =
            blocks.map(|block| block.split(|line| *line == "```").next().unwrap().join("\n"));
        let examples = blocks.map(|block| {
            let example: Example = toml::from_str(&block).unwrap_or_else(|e| panic!("{file}: {e}"));
            assert_eq!(example.layer.kind.name(), *name, "{file}");
            example
        });
        let examples: Vec<_> = examples.collect();
        assert!(!examples.is_empty(), "{file} has no example: expected ```toml blocks at its head");
        examples
    };
    LayerKind::NAMES.iter().flat_map(of_layer).collect()
}
