//! Which columns of a table are those that a model takes.

use super::count;
use crate::columns::{
    CellNotation, Cells, Column, ColumnKind, DateFormat, NumberNotation, Table, WantedCells,
    WantedColumn, is_missing_mark,
};
use crate::fitting::listed;
use crate::{DataError, DataFault, Features, FittedTarget, FittedTransforms};

/// The columns of a table as it is found.
pub(super) struct FoundColumns<'a> {
    pub(super) names: &'a [String],
    /// Whether the names are those of a header, and not given by a reader.
    pub(super) has_header: bool,
    /// Whether a column has arrays.
    pub(super) has_arrays: bool,
}

/// The columns of a table that a model takes, and its target.
#[derive(Clone, Debug)]
pub(super) struct MatchedColumns {
    /// Those that become features, in their order, then the target if it is there.
    pub(super) wanted: Vec<WantedColumn>,
    /// The array that the features are the elements of, if the table has its elements as columns: name and shape.
    array: Option<(String, Vec<usize>)>,
    /// What a user should know.
    pub(super) notes: Vec<String>,
}

/// A column that a model takes, or its target.
struct NeededColumn {
    name: String,
    /// What its cells are, in messages.
    expected: String,
    cells: WantedCells,
}

impl MatchedColumns {
    /// Finds the columns by their names or, if the table or the model has none, by position.
    pub(super) fn new(
        fitted: &FittedTransforms,
        found: &FoundColumns<'_>,
        needs_target: bool,
    ) -> Result<Self, DataFault> {
        let FoundColumns { names, has_header, .. } = *found;
        let array = match fitted.columns() {
            [column] if column.kind == ColumnKind::Array && !found.has_arrays => {
                Some((column.name.clone(), column.shape.clone()))
            }
            _ => None,
        };
        let needed = needed(fitted, array.is_some());
        let target = fitted.target().map(|target| needed_target(fitted, target));
        let table: Vec<String> = match array {
            Some(_) => needed.iter().chain(&target).map(|column| column.name.clone()).collect(),
            None => fitted.table().into_iter().map(|column| column.name).collect(),
        };
        let has_names = array.is_none() && !table.iter().enumerate().all(is_number_of_column);
        let by_name = |name: &String| names.iter().position(|other| other == name);
        let missing = needed.iter().find(|column| by_name(&column.name).is_none());
        let at = target.as_ref().and_then(|target| by_name(&target.name));
        let mut notes = Vec::new();
        let (indices, at): (Vec<usize>, Option<usize>) = match (missing, at) {
            (None, at) if has_names => {
                let is_new = |name: &&String| !table.contains(name);
                let more: Vec<String> = names.iter().filter(is_new).cloned().collect();
                if !more.is_empty() {
                    notes.push(format!("columns that the model does not use: {}", listed(&more)));
                }
                (needed.iter().filter_map(|column| by_name(&column.name)).collect(), at)
            }
            (Some(column), _) if has_header && has_names => {
                return Err(missing_column(column, names));
            }
            (_, Some(at)) if array.is_some() && names.len() == table.len() => {
                ((0..names.len()).filter(|&i| i != at).collect(), Some(at))
            }
            (_, None) if array.is_some() && names.len() == table.len() => {
                let (n, name) = (needed.len(), target.map_or(String::new(), |target| target.name));
                return Err(DataFault::Columns(format!(
                    "found {} columns, expected {n} for the numbers of a row; call the target `{name}` in a header, or \
                     take it away",
                    names.len()
                )));
            }
            _ => {
                if has_names && !found.has_arrays {
                    let needed: Vec<_> = needed.iter().map(|column| column.name.clone()).collect();
                    notes.push(format!(
                        "columns are taken by position, since their names are not those of training: {}",
                        listed(&needed)
                    ));
                }
                by_position(&needed, target.as_ref(), &table, names.len())?
            }
        };
        if let (true, None, Some(target)) = (needs_target, at, &target) {
            return Err(missing_column(target, names));
        }
        let target = at.zip(target);
        let columns = indices.into_iter().zip(needed).chain(target);
        let wanted =
            |(index, NeededColumn { name, cells, .. })| WantedColumn { index, name, cells };
        Ok(Self { wanted: columns.map(wanted).collect(), array, notes })
    }

    /// The columns of a block with all columns of the table.
    pub(super) fn select(&self, block: Table) -> Result<Table, DataError> {
        let (name, rows) = (block.name().to_owned(), block.len());
        let mut columns: Vec<_> = block.into_columns().into_iter().map(Some).collect();
        let select = |wanted: &WantedColumn| {
            let column = columns[wanted.index].take()?;
            Some(Column {
                name: wanted.name.clone(),
                cells: converted(column.cells, &wanted.cells),
            })
        };
        Table::new(name, rows, self.wanted.iter().filter_map(select).collect())
    }

    /// A block with the columns that are wanted, in which the elements of an array are put together.
    pub(super) fn put_together(&self, block: Table) -> Result<Table, DataError> {
        let Some((array, shape)) = &self.array else { return Ok(block) };
        let (name, rows) = (block.name().to_owned(), block.len());
        let len: usize = shape.iter().product();
        let mut values = vec![0.0; rows * len];
        let mut columns = block.into_columns();
        let rest = columns.split_off(len);
        for (at, column) in columns.iter().enumerate() {
            let Cells::Numbers(numbers) = &column.cells else {
                let found = format!("column `{}`: found texts, expected numbers", column.name);
                return Err(DataFault::Columns(found).of(name));
            };
            let elements = values.iter_mut().skip(at).step_by(len);
            elements.zip(numbers).for_each(|(element, &number)| *element = number as f32);
        }
        let cells = Cells::Arrays { shape: shape.clone(), values: Features::F32(values) };
        let array = Column { name: array.clone(), cells };
        Table::new(name, rows, std::iter::once(array).chain(rest).collect())
    }
}

/// The columns that become features, or the elements of the only one.
fn needed(fitted: &FittedTransforms, as_elements: bool) -> Vec<NeededColumn> {
    let table = fitted.table();
    let notation = |name: &str| table.iter().find(|column| column.name == name)?.notation;
    let of_number = |notation| match notation {
        Some(CellNotation::Number(notation)) => notation,
        _ => NumberNotation::default(),
    };
    let mut needed = Vec::new();
    for column in fitted.columns() {
        let (name, expected) = (column.name.clone(), column.expected_cells());
        let notation = notation(&name);
        let cells = match column.kind {
            ColumnKind::Array if as_elements => {
                let elements: usize = column.shape.iter().product();
                needed.extend((0..elements).map(|i| NeededColumn {
                    name: format!("{name}[{i}]"),
                    expected: "numbers".to_owned(),
                    cells: WantedCells::Numbers(NumberNotation::default()),
                }));
                continue;
            }
            ColumnKind::Array => WantedCells::Arrays(column.shape.clone()),
            ColumnKind::Category => {
                let has_marks = column.categories.iter().any(|name| is_missing_mark(name));
                WantedCells::Categories { marks_are_missing: !has_marks }
            }
            ColumnKind::Date => WantedCells::Dates(match notation {
                Some(CellNotation::Date(format)) => format,
                _ => DateFormat::YearFirst,
            }),
            _ => WantedCells::Numbers(of_number(notation)),
        };
        needed.push(NeededColumn { name, expected, cells });
    }
    needed
}

fn needed_target(fitted: &FittedTransforms, target: &FittedTarget) -> NeededColumn {
    let name = target.column();
    let table = fitted.table();
    let notation = table.iter().find(|column| column.name == name).and_then(|found| found.notation);
    let cells = match (target, notation) {
        (FittedTarget::Classes { .. }, _) => {
            let has_marks = target.labels().iter().any(|name| is_missing_mark(name));
            WantedCells::Categories { marks_are_missing: !has_marks }
        }
        (_, Some(CellNotation::Number(notation))) => WantedCells::Numbers(notation),
        (_, Some(CellNotation::Date(format))) => WantedCells::Dates(format),
        _ => WantedCells::Numbers(NumberNotation::default()),
    };
    let expected = match target {
        FittedTarget::Classes { .. } => "the target with its classes",
        FittedTarget::Numbers { .. } => "the target with its numbers",
    };
    NeededColumn { name: name.to_owned(), expected: expected.to_owned(), cells }
}

/// Whether a name is what a reader calls a column without one, counted from 0.
fn is_number_of_column((i, name): (usize, &String)) -> bool {
    *name == format!("column {}", i + 1)
}

/// The positions of the columns and of the target in a table of so many columns without names: all columns of training, all
/// but the target, or those that become features.
fn by_position(
    needed: &[NeededColumn],
    target: Option<&NeededColumn>,
    table: &[String],
    found: usize,
) -> Result<(Vec<usize>, Option<usize>), DataFault> {
    let position = |name: &String| table.iter().position(|other| other == name);
    let target = target.and_then(|target| position(&target.name));
    let without_target = table.len() - usize::from(target.is_some());
    let all: Vec<usize> = needed.iter().filter_map(|column| position(&column.name)).collect();
    if found == table.len() {
        return Ok((all, target));
    }
    if found == without_target {
        let behind = |at: usize| at - usize::from(target.is_some_and(|target| target < at));
        return Ok((all.into_iter().map(behind).collect(), None));
    }
    if found == needed.len() {
        return Ok(((0..found).collect(), None));
    }
    let mut counts = vec![table.len(), without_target, needed.len()];
    counts.dedup();
    let counts: Vec<_> = counts.iter().map(ToString::to_string).collect();
    Err(DataFault::Columns(format!(
        "found {}, expected {} as in training ({}); take away or add columns, or give them a header with \
         these names",
        count(found, "column"),
        counts.join(" or "),
        listed(table)
    )))
}

fn missing_column(column: &NeededColumn, names: &[String]) -> DataFault {
    let NeededColumn { name, expected, .. } = column;
    DataFault::Columns(format!(
        "has no column `{name}`, expected {expected} as in training, found {}; add it, or name it so; if the first row \
         has no names, set header = false",
        listed(names)
    ))
}

/// Cells as they are wanted, or as they are if they are of another form.
fn converted(cells: Cells, wanted: &WantedCells) -> Cells {
    match (cells, wanted) {
        // Whole numbers that a reader has taken for names.
        (
            Cells::Categories { codes, categories },
            WantedCells::Numbers(_) | WantedCells::Dates(_),
        ) => {
            let numbers: Option<Vec<f64>> =
                categories.iter().map(|name| name.parse().ok()).collect();
            let Some(numbers) = numbers else { return Cells::Categories { codes, categories } };
            let number = |&code: &u32| numbers.get(code as usize).copied().unwrap_or(f64::NAN);
            Cells::Numbers(codes.iter().map(number).collect())
        }
        (Cells::Arrays { shape, values }, WantedCells::Arrays(wanted)) => {
            let axes = |shape: &[usize]| -> Vec<usize> {
                shape.iter().copied().filter(|&axis| axis != 1).collect()
            };
            let same = axes(&shape) == axes(wanted);
            Cells::Arrays { shape: if same { wanted.clone() } else { shape }, values }
        }
        (cells, _) => cells,
    }
}
