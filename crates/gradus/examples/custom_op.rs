//! A custom op: `y = x · sigmoid(x)`, checked against finite differences before it is used.
//!
//! `cargo run --release -p gradus --example custom_op`

use std::error::Error;
use std::io::{self, Write};

use gradus::graph::op::{BackwardPass, ForwardPass, Op, Saved};
use gradus::graph::testing::{OpCase, both_precisions, check_op, uniform};
use gradus::kernels::{Float, inlined};
use gradus::prelude::*;

/// The sigmoid linear unit of Elfwing, Uchibe, Doya (2017), "Sigmoid-weighted linear units for neural
/// network function approximation in reinforcement learning".
struct Silu;

impl<T: Float> Op<T> for Silu {
    fn name(&self) -> &'static str {
        "silu"
    }

    /// The gradient is written in `x`, so `x` has to be kept for it.
    fn saved(&self, _operand: usize) -> Saved {
        Saved::FIRST
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(inlined!(|x| x * x.sigmoid()));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        // (x σ)' = σ + x σ (1 − σ)
        pass.map(inlined!(|x| {
            let sigmoid = x.sigmoid();
            sigmoid + x * sigmoid * (T::ONE - sigmoid)
        }));
    }
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    gradus::warn_unless_optimized();
    check_op(OpCase {
        build: both_precisions!(|g, x| g.push(Silu, &[x[0]])),
        reference: |x| x[0].map(|x| x / (1.0 + (-x).exp())),
        inputs: &[uniform("N 5", -4.0..4.0)],
    });

    // Where is its smallest value? Descend from 0 along the op's own gradient.
    let mut g = Graph::<f64>::new();
    let x = g.parameter("x", []);
    let y = g.push(Silu, &[x])?;
    let mut program = Program::new(g, &Compile { loss: Some(y), ..Compile::default() })?;
    let mut at = [0.0];
    for _ in 0..1000 {
        program.run(&RunArgs { parameters: &at, ..RunArgs::default() });
        at[0] -= 0.5 * program.gradients()[0];
    }
    writeln!(io::stdout(), "smallest at x = {:.4}, where it is {:.4}", at[0], program.scalar(y))?;
    if (at[0] + 1.278_464_5).abs() > 1e-6 {
        return Err("the minimum lies at −1.2785".into());
    }
    Ok(())
}
