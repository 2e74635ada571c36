//! A graph of your own, minimised by a loop of your own: a line through points, by Adam.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;

use gradus::graph::Shape;
use gradus::nn::optim::{Adam, Optimizer, StepInfo};
use gradus::prelude::*;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut g = Graph::<f64>::new();
    let (x, t) = (g.input("x", Shape::batch([1])), g.input("t", Shape::batch([1])));
    let (slope, offset) = (g.parameter("slope", [1, 1]), g.parameter("offset", [1]));
    let product = g.matmul(x, slope)?;
    let y = g.add(product, offset)?;
    let error = g.sub(y, t)?;
    let squares = g.mul(error, error)?;
    let loss = g.mean(squares, &[0, 1])?;

    let points =
        Tensor::new([50, 1], (0..50).map(|i| f64::from(i) / 25.0 - 1.0).collect::<Vec<_>>());
    let targets = points.map(|x| 3.0 * x - 0.5);
    let inputs = Tensors(&[&points, &targets]);
    let mut program =
        Program::new(g, &Compile { batch: 50, loss: Some(loss), ..Compile::default() })?;

    let optimizer = Optimizer::from(Adam::default());
    let (mut parameters, mut first, mut second) = ([0.0; 2], [0.0; 2], [0.0; 2]);
    let run = RunArgs { inputs: &inputs, ..RunArgs::default() };
    for step in 1..=2000 {
        let vectors = [&mut parameters[..], &mut first, &mut second];
        program.step(&run, vectors, |_, gradients, [parameters, first, second]| {
            let state = [first, second, &mut [], &mut []];
            optimizer.as_dyn().update(&StepInfo::new(0.01, step), parameters, gradients, state);
        });
    }
    let [slope, offset] = parameters;
    println!("{slope:.4}·x + {offset:.4}, loss {:.1e}", program.scalar(loss));
    if (slope - 3.0).abs() > 1e-3 || (offset + 0.5).abs() > 1e-3 {
        return Err("the line is 3·x − 0.5".into());
    }
    Ok(())
}
