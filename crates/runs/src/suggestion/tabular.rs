//! The network for tables, RealMLP-TD-S: its architecture, its settings and its transforms.
//!
//! Source: Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024), "Better by default: strong pre-tuned MLPs and boosted trees
//! on tabular data"; `docs/decisions/0030-tabular.md` says what is equal to its published program.

use std::fmt::Write as _;

use data::Targets;
use data::columns::ColumnDescription;

use super::quoted;

/// Passes over the training set.
pub(super) const EPOCHS: f64 = 256.0;
/// Samples of a step, or all if there are fewer.
const BATCH: usize = 256;

/// `[data.transforms]`, which is [`TransformPlan::tabular`](data::TransformPlan::tabular) line by line.
pub(super) const TRANSFORMS: &str = r#"
# What makes features of columns of each kind.
[data.transforms]
numbers = [{ kind = "impute" }, { kind = "robust_scale" }]
categories = [{ kind = "one_hot", pairs_as_signs = true }, { kind = "robust_scale" }]
dates = [{ kind = "impute" }, { kind = "date_parts" }, { kind = "robust_scale" }]
"#;

/// `[data.transforms.columns]`, if one has values of its own, which that publication does not know.
pub(super) fn frequent_values<'a>(features: impl Iterator<Item = &'a ColumnDescription>) -> String {
    let mut text = String::new();
    for column in features.filter(|column| column.has_frequent_values) {
        if text.is_empty() {
            text += "\n# Whole numbers that repeat and are far from one another: each frequent one is a feature too.\n\
                     [data.transforms.columns]\n";
        }
        let _ = writeln!(
            text,
            "{} = [{{ kind = \"frequent_values\" }}, {{ kind = \"impute\" }}, {{ kind = \"robust_scale\" }}]",
            quoted(&column.name)
        );
    }
    text
}

/// `[model]` and `[train]` for samples of a shape; `epochs` is the line with their number.
pub(super) fn training(shape: &[usize], n: usize, targets: &Targets, epochs: &str) -> String {
    let (outputs, activation, loss, learning_rate) = match targets {
        Targets::Labels { classes, .. } => {
            (*classes, "selu", "{ kind = \"cross_entropy\", label_smoothing = 0.1 }", 0.04)
        }
        Targets::Values { width, .. } => (*width, "mish", "\"mean_squared_error\"", 0.07),
    };
    let flatten = if shape.len() > 1 { "  \"flatten\",\n" } else { "" };
    let hidden = format!(
        "  {{ kind = \"linear\", units = 256, parametrization = \"ntk\" }},\n  \"{activation}\",\n"
    )
    .repeat(3);
    let batch = BATCH.min(n);
    format!(
        r#"
# RealMLP-TD-S: a network for tables whose settings were chosen on 118 data sets, so that they rarely need a change.
[model]
# Features of a row, after the transforms of its columns.
input = {shape:?}
weight_init = {{ kind = "normal", deviation = 1.0 }}
bias = {{ kind = "normal", deviation = 1.0 }}
learning_rate_factors = {{ bias = 0.1 }}
layers = [
{flatten}  {{ kind = "feature_scale", learning_rate_factor = 6.0 }},
{hidden}  {{ kind = "linear", units = {outputs}, parametrization = "ntk", weight_init = "zeros", bias = 0.0 }},
]

[train]
loss = {loss}
optimizer = {{ kind = "adam", beta2 = 0.95 }}
schedule = {{ kind = "log_cosine", max_learning_rate = {learning_rate} }}
batch = {batch}
order = "shuffled_drop_last"
best_of_equal = "last"
{epochs}"#
    )
}

#[cfg(test)]
mod tests {
    use data::TransformPlan;

    use super::*;

    #[test]
    fn the_transforms_are_those_of_the_plan() {
        let text = TRANSFORMS.replace("[data.transforms]", "");
        assert_eq!(toml::from_str(&text), Ok(TransformPlan::tabular()));
    }
}
