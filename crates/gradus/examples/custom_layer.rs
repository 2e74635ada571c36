//! A layer, an optimizer and a metric of your own, in a training loop of your own.
//!
//! Registered under a name, a kind is written into run folders and models, and read from them, like any other.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::nn::layers::BuildLayer;
use gradus::nn::optim::{Optimize, Optimizer, OptimizerState, StepInfo};
use gradus::nn::registry::positive;
use gradus::nn::{ParameterRole, init::Constant};
use gradus::prelude::*;
use gradus::runs::argmax;
use gradus::runs::metrics::{self, Metric, MetricFormula};

gradus::settings! {
    /// `x · sigmoid(β·x)` with a β that is trained: Ramachandran, Zoph, Le (2017), "Searching for activation functions".
    pub(crate) struct Swish {
        /// The first β, above 0.
        beta: f64 = 1.0, positive;
    }
}

impl<T: Float> BuildLayer<T> for Swish {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let first = Constant { value: self.beta }.into();
        let beta = builder.parameter("beta", ParameterRole::Scale, &[], first)?;
        let product = builder.graph.mul(x[0], beta)?;
        let gate = builder.graph.sigmoid(product);
        builder.graph.mul(x[0], gate)
    }
}

gradus::settings! {
    /// `w ← w − η·sign(g)`: Bernstein, Wang, Azizzadenesheli, Anandkumar (ICML 2018), "signSGD".
    pub(crate) struct SignSgd {}
}

impl<T: Float> Optimize<T> for SignSgd {
    fn state_vectors(&self) -> usize {
        0
    }

    fn update(&self, step: &StepInfo, params: &mut [T], grads: &[T], _: OptimizerState<'_, T>) {
        let rate = T::from_f64(step.learning_rate);
        for (w, &g) in params.iter_mut().zip(grads).filter(|(_, g)| **g != T::ZERO) {
            *w -= if g > T::ZERO { rate } else { -rate };
        }
    }
}

/// The share of samples whose class is at most one number away from the label.
const NEARLY: Metric = Metric {
    name: "nearly_right",
    unit: "fraction",
    higher_is_better: true,
    applies_to: |targets| matches!(targets, Targets::Labels { .. }),
    formula: MetricFormula::Mean(|predictions, targets, indices| {
        let Targets::Labels { values, classes } = targets else { return f64::NAN };
        let rows = predictions.chunks_exact(*classes).map(argmax);
        let pairs = rows.zip(indices).map(|(class, &index)| (class, values[index as usize]));
        pairs.filter(|(class, label)| class.abs_diff(*label as usize) <= 1).count() as f64
    }),
};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    LayerKind::register::<Swish>("trained_swish")?;
    Optimizer::register::<SignSgd>("sign_sgd")?;
    metrics::register(NEARLY)?;

    let network = Network::builder([28, 28, 1]).flatten().linear(30).layer(Swish { beta: 0.5 });
    let experiment = Experiment::builder(network.named("swish").linear(10).build()?)
        .optimizer(SignSgd {})
        .learning_rate(0.001)
        .steps(300);
    let mut trainer = Trainer::new(experiment.build()?, gradus::mnist()?, Pool::new(2))?;
    for _ in 0..300 {
        let step = trainer.step()?;
        if step.step == 200 {
            // What a schedule does by itself, any loop can do.
            trainer.set_learning_rate(Some(0.0003));
        }
    }
    let metrics = trainer.evaluate().test.metrics;
    println!(
        "accuracy {:.3?}, nearly {:.3?}",
        metrics.get("accuracy"),
        metrics.get("nearly_right")
    );

    // The file names the kind, and this program can read it again.
    let model = SavedModel::from_bytes(&trainer.saved().to_bytes()?)?;
    println!("{}", model.experiment.to_text());
    if metrics.get("accuracy") < Some(0.85) || model != *trainer.saved() {
        return Err("the network should learn, and come back as it was".into());
    }
    Ok(())
}
