//! Pictures as files in a body.

use data::SampleSource;
use data::columns::TableOptions;
use hyper::body::Bytes;

use super::{InputRows, Reading};
use crate::error::RequestError;

/// Reads a picture, which is called `name` in messages, as the next row.
pub(super) fn read(
    reading: &Reading<'_>,
    name: &str,
    picture: &[u8],
    rows: &mut InputRows,
) -> Result<(), RequestError> {
    let model = reading.model;
    let fitted = model.transforms();
    reading.check_rows(rows.rows + 1)?;
    let size = model.picture_shape().filter(|_| reading.scales);
    let size = size.map(|[height, width, _]| [height, width]);
    let options = TableOptions { size: size.or(model.options.size), ..model.options.clone() };
    let bad = |error| RequestError::bad(diagnostics::chain(&error));
    let mut source = SampleSource::of_picture(name, picture, &options, fitted).map_err(bad)?;
    for block in source.blocks(1).map_err(bad)? {
        rows.features.extend(block.map_err(bad)?.features.into_reals());
        rows.rows += 1;
    }
    Ok(())
}

/// Reads the picture of a file that was sent alone.
pub(super) fn read_body(reading: &Reading<'_>, body: &Bytes) -> Result<InputRows, RequestError> {
    let mut rows = InputRows::default();
    read(reading, "the picture", body, &mut rows)?;
    Ok(rows)
}
