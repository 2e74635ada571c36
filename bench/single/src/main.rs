//! Measures a prediction for one sample on one thread: `single-sample MODEL.safetensors MODEL.onnx`.
//!
//! Prints the seconds of Gradus and of tract as a line of JSON.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context as _;
use gradus::runs::SavedModel;
use serde_json::json;
use tract_onnx::prelude::*;

/// Measurements, of which the median counts.
const ROUNDS: usize = 51;
/// Seconds of a measurement.
const SECONDS: f64 = 2e-3;

fn main() -> anyhow::Result<()> {
    let mut files = std::env::args().skip(1);
    let mut file = || files.next().context("expected MODEL.safetensors MODEL.onnx");
    let (saved, onnx) = (SavedModel::read(file()?)?, file()?);
    let shape = saved.experiment.model.input.clone();
    let features: Vec<f32> = (0..shape.iter().product()).map(|i: usize| (i % 7) as f32 / 7.0).collect();

    let mut predictor = saved.predictor()?;
    let gradus = seconds(|| drop(black_box(predictor.predict(black_box(&features)))));

    // The file has images with their channels first.
    let shape = match shape[..] {
        [rows, columns, channels] => vec![1, channels, rows, columns],
        _ => [&[1], &shape[..]].concat(),
    };
    let model = tract_onnx::onnx()
        .model_for_path(onnx)?
        .with_input_fact(0, f32::fact(&shape).into())?
        .into_optimized()?
        .into_runnable()?;
    let sample = Tensor::from_shape(&shape, &features)?;
    let tract = seconds(|| drop(black_box(model.run(tvec!(black_box(&sample).clone().into())))));
    println!("{}", json!({ "gradus": gradus, "tract": tract }));
    Ok(())
}

/// The median seconds of a call.
fn seconds(mut call: impl FnMut()) -> f64 {
    let mut measure = |calls: u32| {
        let start = Instant::now();
        (0..calls).for_each(|_| call());
        start.elapsed().as_secs_f64()
    };
    let mut calls = 1;
    while measure(calls) < SECONDS {
        calls *= 2;
    }
    let mut times: Vec<f64> = (0..ROUNDS).map(|_| measure(calls) / f64::from(calls)).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}
