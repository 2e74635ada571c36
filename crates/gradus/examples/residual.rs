//! A residual network by chained calls: a layer that was named is taken again further on.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::nn::NetworkBuilder;
use gradus::nn::layers::Conv2d;
use gradus::prelude::*;

/// Two convolutions, and around them the output of the layer `from`.
fn block(network: NetworkBuilder, from: &str, to: &str) -> NetworkBuilder {
    let network = network.layer(Conv2d::new(8, 3).same()).batch_norm().relu();
    network.layer(Conv2d::new(8, 3).same()).batch_norm().add([from]).relu().named(to)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    let stem = Network::builder([28, 28, 1]).layer(Conv2d::new(8, 3).same()).max_pool2d(4);
    let network = block(block(stem.named("a"), "a", "b"), "b", "c").flatten().linear(10).build()?;
    println!("{} parameters", network.n_parameters()?);

    let experiment = Experiment::builder(network).learning_rate(0.003).steps(150).build()?;
    let mut trainer = Trainer::new(experiment, gradus::mnist()?, Pool::new(2))?;
    let accuracy = trainer.run(None, &mut []).summary.test.get("accuracy");
    println!("test accuracy {accuracy:.3?}");
    if accuracy < Some(0.9) {
        return Err("a residual network should tell digits apart".into());
    }
    Ok(())
}
