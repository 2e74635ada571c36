//! What a file gives for rows: classes with probabilities, or numbers in the unit of the target.

use data::FittedTarget;
use nn::losses::Prediction;

use crate::chain::OperatorChain;
use crate::proto::data_type;
use crate::writer::{GraphWriter, Setting};

/// The names of the outputs: that of a file without transforms first.
const OUTPUTS: [&str; 6] = [OUTPUT, LABEL, LABEL_INDEX, PROBABILITIES, SCORES, VALUE];
const OUTPUT: &str = "output";
const LABEL: &str = "label";
const LABEL_INDEX: &str = "label_index";
const PROBABILITIES: &str = "probabilities";
const SCORES: &str = "scores";
const VALUE: &str = "value";

/// Nothing but an output gets the name of one.
pub(crate) fn reserve_names(writer: &mut GraphWriter<'_>) {
    OUTPUTS.into_iter().for_each(|name| writer.reserve(name));
}

/// Writes what the last layer gives.
pub(crate) fn write_features(writer: &mut GraphWriter<'_>) {
    let (prediction, dims) = writer.prediction();
    writer.add_output(OUTPUT, dims, data_type::FLOAT, prediction);
}

/// Writes the outputs: of classes `label_index` and `probabilities` (or `scores`, if the loss defines none), and `label` in a
/// file that takes texts anyway; of numbers `value`.
pub(crate) fn write(
    writer: &mut GraphWriter<'_>,
    target: Option<&FittedTarget>,
    meaning: Prediction,
) {
    let (prediction, dims) = writer.prediction();
    match target {
        Some(FittedTarget::Classes { names, .. }) => {
            write_classes(writer, &prediction, dims, names, meaning);
        }
        Some(FittedTarget::Numbers { centers, scales, .. }) => {
            let mut chain = OperatorChain { writer, label: "unit" };
            let [scales, centers] = [scales, centers].map(|numbers| {
                let numbers: Vec<f32> = numbers.iter().map(|&number| number as f32).collect();
                chain.row(&numbers)
            });
            let scaled = chain.of("Mul", &[&prediction, &scales]);
            let value = chain.of("Add", &[&scaled, &centers]);
            writer.add_output(VALUE, dims, data_type::FLOAT, value);
        }
        None => writer.add_output(VALUE, dims, data_type::FLOAT, prediction),
    }
}

fn write_classes(
    writer: &mut GraphWriter<'_>,
    prediction: &str,
    dims: &[usize],
    names: &[String],
    meaning: Prediction,
) {
    let mut chain = OperatorChain { writer, label: "scores" };
    let scores = match dims {
        [1] => {
            let opposite = chain.of("Neg", &[prediction]);
            chain.with("Concat", &[&opposite, prediction], &[("axis", Setting::Whole(1))])
        }
        _ => prediction.to_owned(),
    };
    chain.label = "class";
    let axis = ("axis", Setting::Whole(1));
    let class = chain.with("ArgMax", &[&scores], &[axis, ("keepdims", Setting::Whole(0))]);
    chain.label = "probability";
    let (name, values) = match meaning {
        Prediction::Logits => {
            (PROBABILITIES, chain.with("Softmax", &[&scores], &[("axis", Setting::Whole(1))]))
        }
        Prediction::SeparateLogits => (PROBABILITIES, chain.of("Sigmoid", &[&scores])),
        Prediction::Probabilities => (PROBABILITIES, scores),
        Prediction::Scores => (SCORES, scores),
    };
    if writer.has_learning_nodes() {
        let numbers: Vec<i64> = (0..names.len() as i64).collect();
        let settings =
            [("keys_int64s", Setting::Wholes(&numbers)), ("values_strings", Setting::Texts(names))];
        let label = writer.learning_node(
            "LabelEncoder",
            "class/name",
            std::slice::from_ref(&class),
            &settings,
        );
        writer.add_output(LABEL, &[], data_type::STRING, label);
    }
    writer.add_output(LABEL_INDEX, &[], data_type::INT64, class);
    writer.add_output(name, &[names.len()], data_type::FLOAT, values);
}
