//! Networks and batches for the tests of this crate.

use gradus_nn::Network;
use graph::{Float, Tensor};
use kernels::random::Stream;

/// The network of `layers` behind an input of given sizes, both as in an experiment file.
pub(crate) fn network(input: &str, layers: &str) -> Network {
    let text = format!("input = {input}\nlayers = [{layers}]");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}\n{error}"))
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
