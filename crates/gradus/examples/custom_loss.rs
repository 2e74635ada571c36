//! A loss and a schedule of your own, and the gradient check of the network that uses them.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::graph::gradient_check::GradCheckOptions;
use gradus::nn::losses::BuildLoss;
use gradus::nn::registry::{one_or_more, positive};
use gradus::nn::schedule::{LearningRate, Schedule, StepOf};
use gradus::prelude::*;
use gradus::train::gradient_check::gradient_check;

gradus::settings! {
    /// `ln cosh(y − t)`, the mean over the batch: smooth, and less sensitive to outliers than a square.
    pub(crate) struct LogCosh {}
}

impl<T: Float> BuildLoss<T> for LogCosh {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        // ln cosh d = d + softplus(−2·d) − ln 2
        let error = g.sub(y, t)?;
        let factor = g.scalar(-2.0);
        let twice = g.mul(error, factor)?;
        let soft = g.softplus(twice);
        let sum = g.add(error, soft)?;
        let constant = g.scalar(2.0_f64.ln());
        let costs = g.sub(sum, constant)?;
        g.mean(costs, &[0, 1])
    }
}

gradus::settings! {
    /// A rate that falls by the square root of the steps.
    pub(crate) struct InverseRoot {
        /// The first rate, above 0.
        start: f64 = 0.05, positive;
        /// Steps after which half is left of a fourth of them, 1 or more.
        every: u64 = 10, one_or_more;
    }
}

impl LearningRate for InverseRoot {
    fn learning_rate(&self, at: StepOf) -> f64 {
        self.start / (1.0 + at.step as f64 / self.every as f64).sqrt()
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    Loss::register::<LogCosh>("log_cosh")?;
    Schedule::register::<InverseRoot>("inverse_root")?;

    // y = x₁·x₂ at points of a square.
    let point = |i: usize| [(i % 31) as f32 / 15.0 - 1.0, (i % 29) as f32 / 14.0 - 1.0];
    let (x, y) = (0..899).map(|i| (point(i), point(i)[0] * point(i)[1])).unzip::<_, _, Vec<_>, _>();
    let targets = Targets::Values { values: y, width: 1 };
    let set = Dataset::new("products", [2], Features::F32(x.concat()), targets)?;

    let network = Network::builder([2]).linear(20).tanh().linear(1).build()?;
    let experiment = Experiment::builder(network)
        .memory()
        .loss(LogCosh {})
        .schedule(InverseRoot::default())
        .batch(50)
        .epochs(60.0)
        .build()?;
    for (parameter, report) in gradient_check(&experiment, &set, &GradCheckOptions::default())? {
        println!("{}: gradient error {:.1e}", parameter.path, report.error().unwrap_or(f64::NAN));
        if !report.passes(1e-6) {
            return Err("a gradient should be that of the finite differences".into());
        }
    }
    let split = Split { train: set.clone(), test: set };
    let finished = Trainer::new(experiment, split, Pool::new(1))?.run(None, &mut []);
    let error = finished.summary.test.get("mean_absolute_error");
    println!("mean absolute error {error:.3?}");
    if error > Some(0.05) {
        return Err("a product of two numbers should be learned".into());
    }
    Ok(())
}
