//! A test file as a table with the columns of a training table.

use std::path::Path;

use crate::columns::{
    ColumnKind, Finding, TableBlocks, TableDescription, TableDifference, TableOptions, TableSource,
    Target,
};
use crate::mistakes::RowMistakes;
use crate::{DataError, open};

/// A test file that is read as the columns of a training table: by their names or, if none of them is the same, by position.
pub struct TestTable {
    source: Box<dyn TableSource>,
    description: TableDescription,
    by_position: bool,
    /// Whether a full stop is taken away at the end of each class.
    strips_stops: bool,
    /// What differs from the training table: columns that are not there, or classes that training never sees.
    pub differences: Vec<TableDifference>,
}

/// Opens a test file for a training table, whose description says what its columns are used as.
///
/// # Errors
///
/// As [`open`].
pub fn open_test(
    path: &Path,
    options: &TableOptions,
    train: &TableDescription,
) -> Result<TestTable, DataError> {
    // What it is by itself, before the columns of the training table are looked for in it.
    let alone = TableOptions { kinds: [].into(), target: Target::Last, ..options.clone() };
    let alone = open(path, &alone)?.description().clone();
    let by_position = train.is_same_by_position(&alone);
    let name_of = |i: usize| match by_position {
        true => Some(&alone.columns[i].name),
        false => alone.column(&train.columns[i].name).map(|column| &column.name),
    };
    let is_decided = |kind: ColumnKind| kind.is_feature() && kind != ColumnKind::Array;
    let kinds = train.columns.iter().enumerate().filter(|(_, column)| is_decided(column.kind));
    let kinds = kinds.filter_map(|(i, column)| Some((name_of(i)?.clone(), column.kind))).collect();
    let target =
        train.columns.iter().position(|column| Some(&column.name) == train.target.as_ref());
    let target =
        target.and_then(name_of).map_or(Target::Absent, |name| Target::Named(name.clone()));
    let source = open(path, &TableOptions { kinds, target, ..options.clone() })?;
    let mut description = source.description().clone();
    if by_position {
        description.target.clone_from(&train.target);
        for (column, like) in description.columns.iter_mut().zip(&train.columns) {
            column.name.clone_from(&like.name);
        }
    }
    let classes = |table: &TableDescription| -> Vec<String> {
        let target = table.target().into_iter().flat_map(|target| &target.categories);
        target.map(|(class, _)| class.clone()).collect()
    };
    let (known, found) = (classes(train), classes(&description));
    let strips_stops = found.iter().any(|class| !known.contains(class))
        && found.iter().all(|class| known.iter().any(|known| known == without_stop(class)));
    if let (true, Some(target)) = (strips_stops, &train.target) {
        let stops = "without the full stop at the end of each class of the target";
        description.findings.push(Finding::new("classes", stops, ""));
        let columns = description.columns.iter_mut().filter(|column| column.name == *target);
        for (class, _) in columns.flat_map(|column| &mut column.categories) {
            *class = without_stop(class).to_owned();
        }
    }
    let differences = train.differences(&description);
    Ok(TestTable { source, description, by_position, strips_stops, differences })
}

fn without_stop(class: &str) -> &str {
    class.strip_suffix('.').unwrap_or(class)
}

impl TableSource for TestTable {
    fn description(&self) -> &TableDescription {
        &self.description
    }

    fn mistakes(&self) -> &RowMistakes {
        self.source.mistakes()
    }

    fn blocks(&self, rows: usize) -> Result<TableBlocks<'_>, DataError> {
        let names: Vec<String> =
            self.description.columns.iter().map(|column| column.name.clone()).collect();
        let target = self.description.target.clone().filter(|_| self.strips_stops);
        Ok(Box::new(self.source.blocks(rows)?.map(move |block| {
            let mut block = block?;
            if self.by_position {
                block = block.renamed(&names)?;
            }
            if let Some(target) = &target {
                block.map_categories(target, without_stop);
            }
            Ok(block)
        })))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{Targets, TransformPlan};

    #[test]
    fn columns_without_names_are_those_of_the_same_position_with_their_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let train = "size,kind,class\n1.5,a,x\n2.5,b,y\n3.5,a,x\n4.5,b,y\n";
        let train = open(&write("train.csv", train), &TableOptions::default()).unwrap();
        let fitted = TransformPlan::default().fit(&*train, &|_| true).unwrap();
        // One value of each category, and whole numbers: alone they would be something else.
        let test = write("test.csv", "3,b,y\n2,b,y\n");
        let test = open_test(&test, &TableOptions::default(), train.description()).unwrap();
        let table = test.read().unwrap();
        let mut features = vec![0.0; 2 * fitted.width()];
        let unseen = fitted.encode(&table, 0..2, &mut features).unwrap();
        assert!(unseen.is_empty());
        assert_eq!((features[0], &features[1..3]), (0.0, &[0.0, 1.0][..]));
        let targets = fitted.target().unwrap().encode(&table, 0..2).unwrap();
        assert_eq!(targets, Targets::Labels { values: vec![1, 1], classes: 2 });
        // By name, in another order, and with one column more.
        let test = write("named.csv", "class,more,kind,size\ny,1,b,3\nx,2,a,2\n");
        let test = open_test(&test, &TableOptions::default(), train.description()).unwrap();
        let table = test.read().unwrap();
        fitted.encode(&table, 0..2, &mut features).unwrap();
        assert_eq!(features[..3], [0.0, 0.0, 1.0]);
        assert_eq!(test.differences[0].about, "columns");
        // The classes of Adult's test file end in a full stop.
        let test = write("stops.csv", "size,kind,class\n3,b,y.\n2,a,x.\n");
        let test = open_test(&test, &TableOptions::default(), train.description()).unwrap();
        let targets = fitted.target().unwrap().encode(&test.read().unwrap(), 0..2).unwrap();
        assert_eq!(targets, Targets::Labels { values: vec![1, 0], classes: 2 });
        assert!(test.differences.is_empty(), "{:?}", test.differences);
    }
}
