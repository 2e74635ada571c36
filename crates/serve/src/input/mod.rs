//! The rows of a request as features of a model.

mod csv;
mod json;
mod pictures;

use hyper::StatusCode;
use hyper::body::Bytes;

use crate::error::RequestError;
use crate::limits::{MAX_NUMBERS, ServeLimits};
use crate::model::ServedModel;

/// The most warnings of an answer.
const MAX_WARNINGS: usize = 10;

/// The form of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyForm {
    Json,
    Csv,
    Picture,
}

/// Rows as features of a model.
#[derive(Debug, Default)]
pub(crate) struct InputRows {
    /// As [`runs::Predictor::predict_samples`] takes them.
    pub(crate) features: Vec<f32>,
    pub(crate) rows: usize,
    /// What the client should know of them.
    pub(crate) warnings: Vec<String>,
}

/// How rows are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) model: &'a ServedModel,
    pub(crate) limits: &'a ServeLimits,
    /// Whether pictures of another size are scaled and cut.
    pub(crate) scales: bool,
}

impl BodyForm {
    /// The form that a content type names; JSON without one.
    pub(crate) fn of(content_type: Option<&str>) -> Result<Self, RequestError> {
        let named = content_type.unwrap_or("application/json");
        let kind = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*kind {
            "application/json" => Ok(Self::Json),
            "text/csv" => Ok(Self::Csv),
            "image/png" | "image/jpeg" => Ok(Self::Picture),
            _ => Err(RequestError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "Content-Type: found {kind:?}, expected application/json, text/csv, image/png or image/jpeg"
                ),
            )),
        }
    }
}

impl Reading<'_> {
    /// Reads the rows of a body.
    pub(crate) fn read(&self, form: BodyForm, body: &Bytes) -> Result<InputRows, RequestError> {
        match form {
            BodyForm::Json => json::read(self, body),
            BodyForm::Csv => csv::read(self, body),
            BodyForm::Picture => pictures::read_body(self, body),
        }
    }

    /// An error unless a request may have so many rows.
    fn check_rows(&self, rows: usize) -> Result<(), RequestError> {
        let most = self.limits.max_rows.min(MAX_NUMBERS / self.model.transforms().width().max(1));
        if rows > most.max(1) {
            return Err(RequestError::too_large("rows", format!("{rows} or more"), most));
        }
        Ok(())
    }
}

impl InputRows {
    fn warn(&mut self, warning: impl FnOnce() -> String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning());
        }
    }
}
