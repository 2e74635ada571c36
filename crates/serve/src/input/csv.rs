//! Rows as a table in a text.

use std::io::Cursor;

use data::SampleSource;
use hyper::StatusCode;
use hyper::body::Bytes;

use super::{InputRows, Reading};
use crate::error::RequestError;

/// How a gzipped file begins.
const GZIP: &[u8] = &[0x1f, 0x8b];
/// Rows, and numbers, that are read at a time.
const ROWS: usize = 256;
const NUMBERS: usize = 1 << 20;

pub(super) fn read(reading: &Reading<'_>, body: &Bytes) -> Result<InputRows, RequestError> {
    if body.starts_with(GZIP) {
        let message = "found a gzipped table, expected CSV as text";
        return Err(RequestError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let model = reading.model;
    let bad = |error| RequestError::bad(diagnostics::chain(&error));
    let (bytes, fitted) = (Cursor::new(body.clone()), model.transforms());
    let mut source =
        SampleSource::of_reader("body", bytes, &model.options, fitted, false).map_err(bad)?;
    let mut rows = InputRows::default();
    let at_a_time = (NUMBERS / fitted.width().max(1)).clamp(1, ROWS);
    for block in source.blocks(at_a_time).map_err(bad)? {
        let block = block.map_err(bad)?;
        rows.rows += block.names.len();
        reading.check_rows(rows.rows)?;
        rows.features.extend(block.features.into_reals());
    }
    let found = source.notes().iter().cloned().chain(source.findings());
    found.for_each(|found| rows.warn(|| found));
    Ok(rows)
}
