//! Predictions as the body of an answer.

use std::fmt::Write as _;

use data::readers::csv::csv_line;
use hyper::StatusCode;
use runs::RowPrediction;

use crate::error::RequestError;
use crate::model::ServedModel;

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerForm {
    Json,
    Csv,
}

impl AnswerForm {
    /// The form that a header `Accept` prefers; JSON without one.
    pub(crate) fn of(accept: Option<&str>) -> Result<Self, RequestError> {
        let Some(accept) = accept else { return Ok(Self::Json) };
        let ranges = accept.split(',').filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let form = match parts.next()? {
                "application/json" | "application/*" | "*/*" => Self::Json,
                "text/csv" | "text/*" => Self::Csv,
                _ => return None,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
            Some((form, quality.unwrap_or(1.0_f64))).filter(|(_, quality)| *quality > 0.0)
        });
        // The first of equals.
        let best = ranges.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(form, _)| form).ok_or_else(|| {
            RequestError::new(
                StatusCode::NOT_ACCEPTABLE,
                "Accept: expected application/json or text/csv",
            )
        })
    }

    /// The content type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// Writes predictions in the order of their rows. CSV has no warnings.
    pub(crate) fn write(
        self,
        model: &ServedModel,
        predictions: &[RowPrediction],
        warnings: &[String],
    ) -> String {
        match self {
            Self::Json => json(model, predictions, warnings),
            Self::Csv => csv(model, predictions),
        }
    }
}

fn json(model: &ServedModel, predictions: &[RowPrediction], warnings: &[String]) -> String {
    // A name needs no escapes.
    let mut out = format!("{{\"model\":\"{}\",\"predictions\":[", model.name);
    for (i, prediction) in predictions.iter().enumerate() {
        out.push_str(if i > 0 { ",{" } else { "{" });
        model.text.push_json_fields(prediction, &mut out);
        out.push('}');
    }
    out.push(']');
    if !warnings.is_empty() {
        let _ = write!(out, ",\"warnings\":{}", serde_json::json!(warnings));
    }
    out.push('}');
    out
}

fn csv(model: &ServedModel, predictions: &[RowPrediction]) -> String {
    let Some(first) = predictions.first() else { return String::new() };
    let line = |first: String, cells: Vec<String>| {
        csv_line(std::iter::once(first).chain(cells).collect::<Vec<_>>())
    };
    let mut out = line("row".to_owned(), model.text.headings(first));
    for (row, prediction) in (1..).zip(predictions) {
        let cells = model.text.cells(prediction, |number| format!("{number:?}"));
        out += &line(i32::to_string(&row), cells);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_preferred() {
        for (accept, expected) in [
            (None, Ok(AnswerForm::Json)),
            (Some("*/*"), Ok(AnswerForm::Json)),
            (Some("text/csv"), Ok(AnswerForm::Csv)),
            (Some("text/html, text/csv;q=0.5, application/json;q=0.4"), Ok(AnswerForm::Csv)),
            (Some("text/csv;q=0.1,application/json"), Ok(AnswerForm::Json)),
            (Some("text/csv;q=0"), Err(StatusCode::NOT_ACCEPTABLE)),
            (Some("text/html"), Err(StatusCode::NOT_ACCEPTABLE)),
            (Some(""), Err(StatusCode::NOT_ACCEPTABLE)),
        ] {
            let found = AnswerForm::of(accept).map_err(|error| error.status);
            assert_eq!(found, expected, "{accept:?}");
        }
    }
}
