//! Runs ONNX files in rten: `rten-files CASES.json ANSWERS.json`.
//!
//! For each file the largest difference of all batches is written, as a share of the largest expected value of an output, or
//! what went wrong.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use rten::{Model, NodeId, Value, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    file: String,
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    inputs: BTreeMap<String, Array>,
    expected: BTreeMap<String, Array>,
}

#[derive(Deserialize)]
struct Array {
    shape: Vec<usize>,
    values: Elements,
}

/// `null` is NaN.
#[derive(Deserialize)]
#[serde(untagged)]
enum Elements {
    Numbers(Vec<Option<f32>>),
    Texts(Vec<String>),
}

impl Array {
    fn numbers(&self) -> Result<Vec<f32>, Box<dyn Error>> {
        match &self.values {
            Elements::Numbers(numbers) => {
                Ok(numbers.iter().map(|number| number.unwrap_or(f32::NAN)).collect())
            }
            Elements::Texts(texts) => Err(format!("rten has no texts, such as {texts:?}").into()),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let [_, asked, answered] = &std::env::args().collect::<Vec<_>>()[..] else {
        return Err("expected CASES.json ANSWERS.json".into());
    };
    let cases: Vec<Case> = serde_json::from_str(&fs::read_to_string(asked)?)?;
    let answers =
        cases.iter().map(|case| largest_difference(case).map_err(|error| error.to_string()));
    let answers: Vec<Result<f64, String>> = answers.collect();
    Ok(fs::write(answered, serde_json::to_string(&answers)?)?)
}

fn largest_difference(case: &Case) -> Result<f64, Box<dyn Error>> {
    let model = Model::load_file(&case.file)?;
    let mut worst = 0.0_f64;
    for batch in &case.batches {
        let inputs = batch.inputs.iter().map(|(name, array)| {
            let tensor = Tensor::from_data(&array.shape[..], array.numbers()?);
            Ok((named(&model, model.input_ids(), name)?, ValueOrView::from(Value::from(tensor))))
        });
        let inputs = inputs.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
        let outputs = batch.expected.keys().map(|name| named(&model, model.output_ids(), name));
        let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
        let found = model.run(inputs, &outputs, None)?;
        for (found, (name, expected)) in found.into_iter().zip(&batch.expected) {
            let (shape, found) = numbers(found).ok_or_else(|| format!("{name}: another type"))?;
            if shape != expected.shape {
                return Err(
                    format!("{name}: shape {shape:?}, expected {:?}", expected.shape).into()
                );
            }
            worst = worst.max(difference(&found, &expected.numbers()?));
        }
    }
    Ok(worst)
}

/// The input or output of a name; operators may have the same.
fn named(model: &Model, ids: &[NodeId], name: &str) -> Result<NodeId, Box<dyn Error>> {
    let is_named = |id: &&NodeId| model.node_info(**id).is_some_and(|node| node.name() == Some(name));
    Ok(*ids.iter().find(is_named).ok_or_else(|| format!("no value {name}"))?)
}

/// The shape of a value, and its elements as numbers.
fn numbers(value: Value) -> Option<(Vec<usize>, Vec<f64>)> {
    let shape = value.shape().to_vec();
    let numbers = match value {
        Value::FloatTensor(tensor) => tensor.iter().map(|&number| number.into()).collect(),
        Value::Int32Tensor(tensor) => tensor.iter().map(|&number| number.into()).collect(),
        _ => return None,
    };
    Some((shape, numbers))
}

fn difference(found: &[f64], expected: &[f32]) -> f64 {
    let scale = expected.iter().fold(1e-30, |scale, number| f64::from(number.abs()).max(scale));
    let differences = found.iter().zip(expected).map(|(found, &number)| {
        let difference = (found - f64::from(number)).abs();
        if difference.is_nan() { f64::INFINITY } else { difference }
    });
    differences.fold(0.0, f64::max) / scale
}
