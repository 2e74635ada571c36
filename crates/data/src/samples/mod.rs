//! Rows of any data as samples of a model, by the transforms of the model.
//!
//! This is how everything that answers reads data that the model was not trained on: in blocks, so that a file of any length
//! takes bounded memory, and without looking at more than the first rows before.

mod matching;
mod pictures;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use self::matching::{FoundColumns, MatchedColumns};
use self::pictures::PictureRows;
use crate::columns::{
    ColumnKind, DrawnRows, RowBlock, RowName, Table, TableBlocks, TableOptions, TableSource, Target,
};
use crate::fitting::{MISSING_CELL, MissingFeature};
use crate::input::{Input, unpack};
use crate::mistakes::{CellMistake, RowMistakes, quoted};
use crate::open::{DataFormat, open};
use crate::readers::csv::CsvStream;
use crate::readers::pictures::PictureTree;
use crate::{
    DataError, DataFault, Dataset, FeatureWriter, Features, FittedTarget, FittedTransforms,
    Targets, UnseenCategory,
};

/// Categories of a column that training does not have which are shown.
const SHOWN: usize = 3;
/// Rows that are read at a time for a dataset.
const ROWS: usize = 1000;
const NO_ROWS: &str = "has no rows, expected one or more";
/// What to do about rows that cannot be used.
const ADVICE: &str = "mend them, or leave such rows out (`skip_bad_rows`)";

/// Rows of a file, a folder or a stream, which the transforms of a model make samples of.
///
/// # Examples
///
/// ```
/// # use gradus_data::{Features, SampleSource, TransformPlan, columns::TableOptions, readers::csv::CsvFile};
/// let text = "size,kind,class\n1.5,a,x\n2.5,b,y\n";
/// let train = CsvFile::from_bytes("train.csv", text.as_bytes(), &TableOptions::default())?;
/// let fitted = TransformPlan::default().fit(&train, &|_| true)?;
///
/// // In another order, and without the target.
/// let rows: &[u8] = b"kind,size\nb,2.0\n";
/// let mut source = SampleSource::of_reader("new.csv", rows, &TableOptions::default(), &fitted, false)?;
/// let blocks: Vec<_> = source.blocks(100)?.collect::<Result<_, _>>()?;
/// assert_eq!(blocks[0].features, Features::F32(vec![0.0, 0.0, 1.0]));
/// # Ok::<(), gradus_data::DataError>(())
/// ```
pub struct SampleSource<'a> {
    name: String,
    fitted: &'a FittedTransforms,
    rows: ForeignRows,
    columns: Option<MatchedColumns>,
    needs_target: bool,
    skip_bad_rows: bool,
    counts: RowCounts,
}

/// Samples of a block of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleBlock {
    /// Their features, as those of a [`Dataset`] that the transforms have made: numbers of an array that are only divided are
    /// not divided yet, see [`FittedTransforms::divisor`].
    pub features: Features,
    /// Their targets, if they were asked for.
    pub targets: Option<Targets>,
    /// What each row is called.
    pub names: Vec<RowName>,
    /// The rows before the transforms, in the columns that the model takes, and the target if the data has it.
    pub table: Table,
}

/// Where rows come from.
enum ForeignRows {
    Text(Box<CsvStream>),
    Pictures(Box<PictureRows>),
    Table(Box<dyn TableSource>),
}

/// What is counted while rows are read.
#[derive(Default)]
struct RowCounts {
    /// Missing cells of each column.
    missing: Vec<usize>,
    /// For each column the rows with a category that training does not have, and some of these.
    unseen: BTreeMap<String, (usize, Vec<String>)>,
    without_target: usize,
    mistakes: RowMistakes,
}

impl<'a> SampleSource<'a> {
    /// Looks at a file or a folder of any format that [`open`](crate::open) knows, a picture, or a folder or archive of pictures
    /// without classes. A table as text is not read further than its first rows.
    ///
    /// Columns are found by name, in any order; the target has to be there if it is needed. Columns of a table without names
    /// are those of training by position. What `options` says of kinds and the target does not count.
    ///
    /// # Errors
    ///
    /// [`DataFault::Columns`] with the name of a column that is not there or has another form; and those of the readers.
    pub fn open(
        path: &Path,
        options: &TableOptions,
        fitted: &'a FittedTransforms,
        needs_target: bool,
    ) -> Result<Self, DataError> {
        match DataFormat::of(path)? {
            DataFormat::Text => {
                let input = Input::Path(path.to_owned());
                Self::of_reader(&input.name(), input.open()?, options, fitted, needs_target)
            }
            format @ (DataFormat::Folder | DataFormat::PictureArchive | DataFormat::Picture) => {
                let tree = match format {
                    DataFormat::Picture => PictureTree::Disk(path.to_owned()),
                    _ => PictureTree::open(path)?,
                };
                let name = tree.label();
                let rows =
                    ForeignRows::Pictures(Box::new(PictureRows::open(tree, options, fitted)?));
                Self::new(name, rows, None, options, fitted, needs_target)
            }
            _ => {
                let plain = TableOptions {
                    target: Target::Absent,
                    kinds: BTreeMap::new(),
                    ..options.clone()
                };
                Self::of_table(open(path, &plain)?, options, fitted, needs_target)
            }
        }
    }

    /// A picture by the bytes of its file, which is called `name` in messages.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_picture(
        name: &str,
        bytes: impl Into<Arc<[u8]>>,
        options: &TableOptions,
        fitted: &'a FittedTransforms,
    ) -> Result<Self, DataError> {
        let tree = PictureTree::Bytes(name.into(), bytes.into());
        let rows = ForeignRows::Pictures(Box::new(PictureRows::open(tree, options, fitted)?));
        Self::new(name.to_owned(), rows, None, options, fitted, false)
    }

    /// Looks at the beginning of a table as text, gzipped or not, that comes from an input of this name.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_reader(
        name: &str,
        bytes: impl Read + Send + 'static,
        options: &TableOptions,
        fitted: &'a FittedTransforms,
        needs_target: bool,
    ) -> Result<Self, DataError> {
        let (bytes, _) = unpack(bytes).map_err(|error| DataFault::Io(error).of(name))?;
        let mut columns = None;
        let stream = CsvStream::open(name, bytes, options, |names, has_header| {
            let found = FoundColumns { names, has_header, has_arrays: false };
            let matched = MatchedColumns::new(fitted, &found, needs_target)?;
            Ok(columns.insert(matched).wanted.clone())
        })?;
        let rows = ForeignRows::Text(Box::new(stream));
        Self::new(name.to_owned(), rows, columns, options, fitted, needs_target)
    }

    /// The rows of a table, whose kinds do not count.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn of_table(
        table: Box<dyn TableSource>,
        options: &TableOptions,
        fitted: &'a FittedTransforms,
        needs_target: bool,
    ) -> Result<Self, DataError> {
        let about = table.description();
        let names: Vec<String> = about.columns.iter().map(|column| column.name.clone()).collect();
        let has_arrays = about.columns.iter().any(|column| column.kind == ColumnKind::Array);
        let found = FoundColumns { names: &names, has_header: false, has_arrays };
        let columns = MatchedColumns::new(fitted, &found, needs_target)
            .map_err(|fault| fault.of(&about.name))?;
        let name = about.name.clone();
        let rows = ForeignRows::Table(table);
        Self::new(name, rows, Some(columns), options, fitted, needs_target)
    }

    fn new(
        name: String,
        rows: ForeignRows,
        columns: Option<MatchedColumns>,
        options: &TableOptions,
        fitted: &'a FittedTransforms,
        needs_target: bool,
    ) -> Result<Self, DataError> {
        if let (true, Some(FittedTarget::Numbers { column, scales, .. })) =
            (needs_target, fitted.target())
            && scales.len() > 1
        {
            let n = scales.len();
            let what = format!(
                "the target `{column}` of the model has {n} numbers, which are not read from data"
            );
            return Err(DataFault::Columns(what).of(name));
        }
        let missing = vec![0; fitted.columns().len()];
        let counts = RowCounts { missing, ..RowCounts::default() };
        let skip_bad_rows = options.skip_bad_rows;
        Ok(Self { name, fitted, rows, columns, needs_target, skip_bad_rows, counts })
    }

    /// The file, the folder or the stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a user should know of how the columns were found.
    pub fn notes(&self) -> &[String] {
        self.columns.as_ref().map_or(&[], |columns| &columns.notes)
    }

    /// Reads the rows, so many at a time; all blocks but the last have about as many. A text can be read once.
    ///
    /// # Errors
    ///
    /// Those of the readers. The blocks end with [`DataFault::Rows`] behind the first bad row, unless such rows are left out:
    /// then all others have been looked at, so that the error counts all.
    pub fn blocks(
        &mut self,
        rows: usize,
    ) -> Result<impl Iterator<Item = Result<SampleBlock, DataError>> + '_, DataError> {
        let Self { name, fitted, rows: source, columns, needs_target, skip_bad_rows, counts } =
            self;
        let mut next: Box<dyn FnMut() -> Result<Option<RowBlock>, DataError> + '_> = match source {
            ForeignRows::Text(stream) => Box::new(move || stream.next(rows)),
            ForeignRows::Pictures(pictures) => Box::new(move || pictures.next(rows)),
            ForeignRows::Table(table) => {
                let mut blocks = selected(table.blocks(rows)?, columns.as_ref());
                Box::new(move || blocks.next().transpose())
            }
        };
        let encode = Encode { fitted, columns: columns.as_ref(), needs_target: *needs_target };
        let mut has_ended = false;
        Ok(std::iter::from_fn(move || {
            while !has_ended {
                let block = next().and_then(|block| match block {
                    Some(block) => encode.samples(block, counts).map(Some),
                    None => Ok(None),
                });
                let is_failed = !counts.mistakes.is_empty() && !*skip_bad_rows;
                match block {
                    Ok(Some(block)) if block.names.is_empty() || is_failed => {}
                    Ok(Some(block)) => return Some(Ok(block)),
                    Ok(None) => {
                        has_ended = true;
                        let fault = || DataFault::Rows(counts.mistakes.clone().with_advice(ADVICE));
                        return is_failed.then(|| Err(fault().of(&*name)));
                    }
                    Err(error) => {
                        has_ended = true;
                        return Some(Err(error));
                    }
                }
            }
            None
        }))
    }

    /// Rows that were left out since they could not be read or used.
    pub fn mistakes(&self) -> &RowMistakes {
        &self.counts.mistakes
    }

    /// What was found in the rows that were read: missing cells, categories that training does not have, rows without a
    /// target; and what was made of them.
    pub fn findings(&self) -> Vec<String> {
        let RowCounts { missing, unseen, without_target, .. } = &self.counts;
        let mut findings = Vec::new();
        for (column, &n) in self.fitted.columns().iter().zip(missing) {
            if let (1.., Some(made)) = (n, column.missing_become()) {
                let name = &column.name;
                findings.push(format!("column `{name}`: {}, {made}", count(n, "missing cell")));
            }
        }
        for (column, (n, examples)) in unseen {
            let shown: Vec<_> = examples.iter().map(|category| quoted(category)).collect();
            findings.push(format!(
                "column `{column}`: {} with a category that training does not have, such as {}: as no category",
                count(*n, "row"),
                shown.join(", ")
            ));
        }
        if *without_target > 0 {
            findings.push(format!("{} without a target left out", count(*without_target, "row")));
        }
        findings
    }

    /// Reads all rows, and draws at most `most` of them by a seed: the columns that the model takes before its transforms, and the
    /// target if the data has it.
    ///
    /// # Errors
    ///
    /// As [`dataset`](Self::dataset).
    pub fn draw(&mut self, most: usize, seed: u64) -> Result<Table, DataError> {
        let (name, mut drawn) = (self.name.clone(), DrawnRows::new(most, seed));
        for block in self.blocks(ROWS)? {
            let block = block?.table;
            drawn.add(&block, &Vec::from_iter(0..block.len()));
        }
        drawn.finish().ok_or_else(|| DataFault::Columns(NO_ROWS.to_owned()).of(name))
    }

    /// Reads all rows as a dataset, with their targets.
    ///
    /// # Errors
    ///
    /// As [`blocks`](Self::blocks); [`DataFault::Columns`] if there is no row.
    ///
    /// # Panics
    ///
    /// Unless the source was opened with the target.
    pub fn dataset(&mut self) -> Result<Dataset, DataError> {
        assert!(self.needs_target, "opened without the target");
        let (name, fitted) = (self.name.clone(), self.fitted);
        let (mut features, mut all) = (FeatureWriter::default(), None::<Targets>);
        for block in self.blocks(ROWS)? {
            let block = block?;
            features.extend(&block.features)?;
            let targets = block.targets.expect("asked for");
            match &mut all {
                None => all = Some(targets),
                Some(all) => all.append(targets),
            }
        }
        let targets = all.ok_or_else(|| DataFault::Columns(NO_ROWS.to_owned()).of(&name))?;
        fitted.dataset(name, features.finish()?, targets)
    }
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// The blocks of a table with the columns that are wanted, and the numbers of their rows.
fn selected<'a>(
    blocks: TableBlocks<'a>,
    columns: Option<&'a MatchedColumns>,
) -> impl Iterator<Item = Result<RowBlock, DataError>> + 'a {
    let mut first = 1;
    blocks.map(move |block| {
        let mut table = block?;
        if let Some(columns) = columns {
            table = columns.select(table)?;
        }
        let names = (first..).take(table.len()).map(RowName::Row).collect();
        first += table.len() as u64;
        Ok(RowBlock { table, names, mistakes: RowMistakes::default() })
    })
}

/// How rows become samples.
struct Encode<'a> {
    fitted: &'a FittedTransforms,
    columns: Option<&'a MatchedColumns>,
    needs_target: bool,
}

impl Encode<'_> {
    fn samples(&self, block: RowBlock, counts: &mut RowCounts) -> Result<SampleBlock, DataError> {
        let RowBlock { mut table, mut names, mistakes } = block;
        counts.mistakes.append(mistakes);
        if let Some(columns) = self.columns {
            table = columns.put_together(table)?;
        }
        let target = self.fitted.target().filter(|_| self.needs_target);
        let mut rows: Vec<usize> = (0..names.len()).collect();
        let mut left_out = vec![false; names.len()];
        let mut targets = None;
        if let Some(target) = target {
            let (found, unknown) = target.encode_known(&table, &rows)?;
            targets = Some(found);
            for unknown in unknown {
                left_out[unknown.row] = true;
                match unknown.found {
                    None => counts.without_target += 1,
                    Some(found) => {
                        let column = target.column();
                        counts.bad(&names[unknown.row], column, found, target.expected_cell());
                    }
                }
            }
        }
        let (mut features, mut unseen, gaps) = self.features(&table, &rows)?;
        for gap in gaps {
            left_out[gap.row] = true;
            let name = &self.fitted.columns()[gap.column].name;
            counts.bad(&names[gap.row], name, MISSING_CELL.to_owned(), "a number");
        }
        if left_out.contains(&true) {
            rows.retain(|&row| !left_out[row]);
            table = table.select(&rows);
            names = rows.iter().map(|&row| names[row].clone()).collect();
            rows = (0..rows.len()).collect();
            (features, unseen, _) = self.features(&table, &rows)?;
            targets =
                target.map(|target| target.encode(&table, rows.iter().copied())).transpose()?;
        }
        for (column, missing) in self.fitted.columns().iter().zip(&mut counts.missing) {
            if let Some(found) = table.column(&column.name) {
                *missing += rows.iter().filter(|&&row| found.cells.is_missing(row)).count();
            }
        }
        for UnseenCategory { column, category, rows } in unseen {
            let (n, examples) = counts.unseen.entry(column).or_default();
            *n += rows;
            if examples.len() < SHOWN && !examples.contains(&category) {
                examples.push(category);
            }
        }
        Ok(SampleBlock { features, targets, names, table })
    }

    fn features(
        &self,
        table: &Table,
        rows: &[usize],
    ) -> Result<(Features, Vec<UnseenCategory>, Vec<MissingFeature>), DataError> {
        let (features, unseen, mut gaps) = self.fitted.encode_known_rows(table, rows)?;
        if let (Some(_), Features::F32(values)) = (self.fitted.divisor(), &features) {
            let rows_of = values.chunks_exact(self.fitted.width()).zip(rows);
            let bad = rows_of.filter(|(values, _)| values.iter().any(|x| !x.is_finite()));
            gaps.extend(bad.map(|(_, &row)| MissingFeature { row, column: 0 }));
        }
        Ok((features, unseen, gaps))
    }
}

impl RowCounts {
    /// Counts a cell that cannot be used.
    fn bad(&mut self, row: &RowName, column: &str, found: String, expected: &str) {
        self.mistakes.add(CellMistake {
            order: match row {
                RowName::Row(number) => *number,
                RowName::File(_) => 0,
            },
            place: row.to_string(),
            column: Some(column.to_owned()),
            found,
            expected: expected.to_owned(),
        });
    }
}
