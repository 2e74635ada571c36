//! Predictions as texts: cells of a table, and fields of JSON objects.

use std::fmt::Write as _;

use data::FittedTransforms;

use crate::RowPrediction;

/// How the predictions of a model are written.
#[derive(Clone, Debug)]
pub struct PredictionText {
    classes: Vec<String>,
    /// The classes as texts of JSON.
    quoted: Vec<String>,
    /// Classes of each row that are written; all if none.
    top: Option<usize>,
    /// The probability from which on the second of two classes is predicted.
    threshold: Option<f64>,
}

impl PredictionText {
    /// Writes, of a class, the probabilities of all classes.
    pub fn new(transforms: &FittedTransforms) -> Self {
        let n = transforms.target().map_or(0, |target| target.classes().len());
        let classes: Vec<String> = (0..n).map(|class| transforms.class_name(class)).collect();
        let quoted = classes.iter().map(|name| serde_json::Value::from(&**name).to_string());
        Self { quoted: quoted.collect(), classes, top: None, threshold: None }
    }

    /// Writes the most likely classes alone, so many.
    #[must_use]
    pub fn with_top(self, top: Option<usize>) -> Self {
        Self { top: top.map(|top| top.min(self.classes.len())), ..self }
    }

    /// Predicts the second of two classes from this probability of it on.
    #[must_use]
    pub fn with_threshold(self, threshold: Option<f64>) -> Self {
        Self { threshold, ..self }
    }

    /// The names of the classes; none of numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// What each of the [cells](Self::cells) of a prediction is called.
    pub fn headings(&self, prediction: &RowPrediction) -> Vec<String> {
        let best = match prediction {
            RowPrediction::Values(values) if values.len() == 1 => {
                return vec!["predicted".to_owned()];
            }
            RowPrediction::Values(values) => {
                return (0..values.len()).map(|output| format!("predicted_{output}")).collect();
            }
            RowPrediction::Class { best, .. } => best,
        };
        let score = score_name(best.probability);
        let first = ["predicted".to_owned(), score.to_owned()];
        let more: Vec<String> = match self.top {
            Some(top) => {
                (2..=top).flat_map(|i| [format!("predicted_{i}"), format!("{score}_{i}")]).collect()
            }
            None => self.classes.iter().map(|name| format!("{score}_{name}")).collect(),
        };
        first.into_iter().chain(more).collect()
    }

    /// The cells of a prediction, with its numbers as `number` writes them.
    pub fn cells(&self, prediction: &RowPrediction, number: impl Fn(f32) -> String) -> Vec<String> {
        let scores = match prediction {
            RowPrediction::Values(values) => return values.iter().map(|&x| number(x)).collect(),
            RowPrediction::Class { scores, .. } => scores,
        };
        let ranked = self.ranked(scores);
        let (most_likely, others) = match self.top {
            Some(_) => (&ranked[..], &[][..]),
            None => (&ranked[..1], &scores[..]),
        };
        let named = most_likely
            .iter()
            .flat_map(|&class| [self.classes[class].clone(), number(scores[class] as f32)]);
        named.chain(others.iter().map(|&score| number(score as f32))).collect()
    }

    /// Appends the fields of a prediction as those of a JSON object, without the braces: `predicted`, and of a class also
    /// `probability` and `probabilities`, or `score` and `scores`.
    pub fn push_json_fields(&self, prediction: &RowPrediction, out: &mut String) {
        let (best, scores) = match prediction {
            RowPrediction::Class { best, scores } => (best, scores),
            RowPrediction::Values(values) => {
                out.push_str("\"predicted\":");
                match values[..] {
                    [value] => push_number(out, value),
                    _ => {
                        out.push('[');
                        separated(out, values, |out, &value| push_number(out, value));
                        out.push(']');
                    }
                }
                return;
            }
        };
        let ranked = self.ranked(scores);
        let score = score_name(best.probability);
        let all = if best.probability.is_some() { "probabilities" } else { "scores" };
        let _ = write!(out, "\"predicted\":{},\"{score}\":", self.quoted[ranked[0]]);
        push_number(out, scores[ranked[0]] as f32);
        let _ = write!(out, ",\"{all}\":{{");
        let push = |out: &mut String, class: usize| {
            out.push_str(&self.quoted[class]);
            out.push(':');
            push_number(out, scores[class] as f32);
        };
        match self.top {
            Some(_) => separated(out, &ranked, |out, &class| push(out, class)),
            None => separated(out, 0..scores.len(), push),
        }
        out.push('}');
    }

    /// The most likely classes, as many as are written, the first of equals first; of two classes with a threshold the predicted
    /// one first.
    fn ranked(&self, scores: &[f64]) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..scores.len()).collect();
        classes.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        if let (Some(threshold), &[first, second]) = (self.threshold, scores) {
            let is_second = second / (first + second) >= threshold;
            classes = if is_second { vec![1, 0] } else { vec![0, 1] };
        }
        classes.truncate(self.top.unwrap_or(1));
        classes
    }
}

/// A number as JSON has it: none that is not finite.
fn push_number(out: &mut String, number: f32) {
    let _ = match number.is_finite() {
        true => write!(out, "{number:?}"),
        false => write!(out, "null"),
    };
}

/// Appends items with commas between them.
fn separated<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    push: impl Fn(&mut String, T),
) {
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        push(out, item);
    }
}

fn score_name(probability: Option<f64>) -> &'static str {
    if probability.is_some() { "probability" } else { "score" }
}
