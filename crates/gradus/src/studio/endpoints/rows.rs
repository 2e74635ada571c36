//! Rows of a table by the numbers of their samples, before any transform.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use ::studio::{Call, Endpoint, EndpointError};
use data::columns::Table;
use data::{FittedTarget, FittedTransforms};
use events::Part;
use runs::{DataSpec, TableRows};
use serde::{Deserialize, Serialize};

use super::endpoint;

/// The most rows of an answer.
const MAX_ROWS: usize = 100;
/// The most columns of a row.
const MAX_COLUMNS: usize = 30;
/// Cells of the first samples of a part that are kept, since each reading of a table begins at its start.
const KEPT_CELLS: usize = 2 << 20;
/// Parts of which they are.
const KEPT_PARTS: usize = 3;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    let kept = Mutex::default();
    vec![endpoint("rows", move |call| answer(call, &kept))]
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowsRequest {
    run: String,
    part: Part,
    /// Numbers of samples in the part.
    samples: Vec<usize>,
}

#[derive(Debug, Serialize)]
struct RowsAnswer {
    /// The name of the target.
    target: String,
    /// The names of its classes; empty if it is a number.
    classes: Vec<String>,
    /// The names of the other columns: the first of many.
    columns: Vec<String>,
    /// How many there are.
    of: usize,
    /// Each sample; null where the part has none, and where it is too far from the start of a large part.
    rows: Vec<Option<RowTexts>>,
}

#[derive(Debug, Serialize)]
struct RowTexts {
    target: String,
    cells: Vec<String>,
}

/// The first samples of a part.
struct FirstRows {
    data: DataSpec,
    part: Part,
    rows: Arc<TableRows>,
}

fn answer(call: &Call<'_>, kept: &Mutex<VecDeque<FirstRows>>) -> Result<RowsAnswer, EndpointError> {
    let RowsRequest { run, part, samples } = call.parse()?;
    if samples.len() > MAX_ROWS {
        let found = samples.len();
        let what = format!("samples: expected at most {MAX_ROWS}, found {found}");
        return Err(EndpointError::Request(what));
    }
    let (_, model) = call.run(&run)?.model(None)?;
    let transforms = &model.transforms;
    let rows = first_rows(call, &model.experiment.data, part, transforms, kept)?;
    let columns = rows.columns(transforms);
    let target = transforms.target();
    let texts = |&sample: &usize| {
        let mut cells = rows.cells(sample, transforms)?;
        cells.truncate(MAX_COLUMNS);
        let target = target.and_then(|target| rows.cell(sample, target.column(), transforms));
        Some(RowTexts { target: target.unwrap_or_default(), cells })
    };
    Ok(RowsAnswer {
        target: target.map_or("", FittedTarget::column).to_owned(),
        classes: target.map_or(&[][..], FittedTarget::classes).to_vec(),
        columns: columns.iter().take(MAX_COLUMNS).map(|&name| name.to_owned()).collect(),
        of: columns.len(),
        rows: samples.iter().map(texts).collect(),
    })
}

fn first_rows(
    call: &Call<'_>,
    data: &DataSpec,
    part: Part,
    transforms: &FittedTransforms,
    kept: &Mutex<VecDeque<FirstRows>>,
) -> Result<Arc<TableRows>, EndpointError> {
    let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
    let is_same = |first: &&FirstRows| first.part == part && first.data == *data;
    if let Some(found) = lock().iter().find(is_same) {
        return Ok(Arc::clone(&found.rows));
    }
    let most = KEPT_CELLS / (transforms.columns().len() + 1);
    let mut rows = TableRows::new((0..most).collect());
    let mut add = |block: &Table, chosen: &[usize]| match call.is_over() {
        true => ControlFlow::Break(()),
        false => rows.add(block, chosen),
    };
    let read = data.read_part(part, crate::mnist, &mut add);
    read.map_err(|error| EndpointError::NotFound(diagnostics::chain(&error)))?;
    if call.is_over() {
        return Err(EndpointError::OutOfTime);
    }
    let rows = Arc::new(rows);
    let mut kept = lock();
    kept.push_back(FirstRows { data: data.clone(), part, rows: Arc::clone(&rows) });
    if kept.len() > KEPT_PARTS {
        kept.pop_front();
    }
    Ok(rows)
}
