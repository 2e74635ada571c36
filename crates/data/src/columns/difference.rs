//! What differs between the training file and the test file, with the likely repair.

use serde::Serialize;

use super::kind::{ColumnDescription, TableDescription};

/// Names that are listed of each side.
const LISTED: usize = 12;

/// A difference between two tables that are to be used together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TableDifference {
    /// What differs: `columns`, or a column.
    pub about: String,
    /// What the training table has.
    pub train: String,
    /// What the test table has.
    pub test: String,
    /// What probably mends it; empty if it is not known.
    pub repair: String,
}

impl TableDescription {
    fn same_names(&self, test: &Self) -> usize {
        self.columns.iter().filter(|column| test.column(&column.name).is_some()).count()
    }

    /// Whether columns belong together by position: there are as many, and no name is the same.
    pub(crate) fn is_same_by_position(&self, test: &Self) -> bool {
        self.same_names(test) == 0 && self.columns.len() == test.columns.len()
    }

    /// Why a test table does not go with this training table: columns, kinds, or classes that training never sees. Columns
    /// belong together by name or, if the test table has as many others, by position.
    pub fn differences(&self, test: &Self) -> Vec<TableDifference> {
        let names = |table: &Self| -> Vec<String> {
            table.columns.iter().map(|column| column.name.clone()).collect()
        };
        let n_same = self.same_names(test);
        let by_position = self.is_same_by_position(test);
        let mut differences = Vec::new();
        if !by_position && (n_same < self.columns.len() || n_same < test.columns.len()) {
            let repair = match (self.columns.len(), test.columns.len()) {
                (n, m) if n == m => {
                    "give both the same names, or take the header of one away (`header`)"
                }
                _ => "take the columns that only one has out of it",
            };
            differences.push(TableDifference {
                about: "columns".to_owned(),
                train: listed(&names(self)),
                test: listed(&names(test)),
                repair: repair.to_owned(),
            });
        }
        for (i, column) in self.columns.iter().enumerate() {
            let other = if by_position { test.columns.get(i) } else { test.column(&column.name) };
            differences.extend(other.and_then(|other| between(column, other)));
        }
        differences
    }
}

/// What differs between two columns that belong together.
fn between(train: &ColumnDescription, test: &ColumnDescription) -> Option<TableDifference> {
    let difference = |train: String, test: String, repair: &str, column: &ColumnDescription| {
        let about = format!("column `{}`", column.name);
        Some(TableDifference { about, train, test, repair: repair.to_owned() })
    };
    if train.shape != test.shape {
        let [a, b] = [train, test].map(|column| format!("arrays of shape {:?}", column.shape));
        return difference(a, b, "give both the same `size` and `channels`", train);
    }
    if !train.kind.has_categories() {
        let is_constant = |column: &ColumnDescription| !column.kind.is_feature();
        let same = train.kind == test.kind || is_constant(train) || is_constant(test);
        let [a, b] = [train, test].map(|column| format!("{} ({})", column.kind, column.reason));
        let repair = format!("kinds.{} = …", train.name);
        return if same { None } else { difference(a, b, &repair, train) };
    }
    let classes = |column: &ColumnDescription| -> Vec<String> {
        column.categories.iter().map(|(class, _)| class.clone()).collect()
    };
    let (known, found) = (classes(train), classes(test));
    if found.iter().all(|class| known.contains(class)) {
        return None;
    }
    let agrees =
        |change: &dyn Fn(&str) -> String| found.iter().all(|class| known.contains(&change(class)));
    let number = |class: &str, plus: f64| {
        class.parse::<f64>().map_or(class.to_owned(), |number| (number + plus).to_string())
    };
    let lower: Vec<String> = known.iter().map(|class| class.to_lowercase()).collect();
    let repair = match () {
        () if agrees(&|class| class.trim_end_matches('.').to_owned()) => {
            "the classes of the test file end in a full stop: take it away"
        }
        () if agrees(&|class| format!("{class}.")) => {
            "the classes of the training file end in a full stop: take it away"
        }
        () if agrees(&|class| number(class, 0.0)) => {
            "numbers are written in two ways: write both alike"
        }
        () if agrees(&|class| number(class, -1.0)) || agrees(&|class| number(class, 1.0)) => {
            "one file counts from 0 and the other from 1"
        }
        () if found.iter().all(|class| lower.contains(&class.to_lowercase())) => {
            "capitals differ: write both alike"
        }
        () => "rows of a class that training never sees are counted as mistakes",
    };
    difference(listed(&known), listed(&found), repair, train)
}

fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let rest = names.len().saturating_sub(LISTED);
    if rest > 0 { format!("{shown} and {rest} more") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{Cells, Column, MemoryTable, Table, TableOptions, TableSource as _};

    fn table(columns: &[(&str, &[&str])]) -> TableDescription {
        let column = |(name, texts): &(&str, &[&str])| Column {
            name: (*name).to_owned(),
            cells: Cells::Texts(texts.iter().map(|text| Some((*text).to_owned())).collect()),
        };
        let rows = columns[0].1.len();
        let table = Table::new("t", rows, columns.iter().map(column).collect()).unwrap();
        MemoryTable::new(table, &TableOptions::default()).unwrap().description().clone()
    }

    const X: (&str, &[&str]) = ("x", &["1.5", "2.5", "3.5"]);

    #[test]
    fn classes_that_are_written_in_two_ways_are_shown_side_by_side_with_the_repair() {
        let train = table(&[X, ("y", &["<=50K", ">50K", ">50K"])]);
        let test = table(&[("column 1", X.1), ("column 2", &["<=50K.", ">50K.", "<=50K."])]);
        let expected = TableDifference {
            about: "column `y`".into(),
            train: "<=50K, >50K".into(),
            test: "<=50K., >50K.".into(),
            repair: "the classes of the test file end in a full stop: take it away".into(),
        };
        assert_eq!(train.differences(&test), [expected]);
        let cases: [(&[&str], &[&str], &str); 4] = [
            (&["0", "1", "0"], &["1", "2", "1"], "one file counts from 0"),
            (&["Cat", "Dog", "Dog"], &["cat", "dog", "cat"], "capitals differ"),
            (&["a", "b", "b"], &["a", "c", "c"], "a class that training never sees"),
            (&["a.", "b.", "b."], &["a", "b", "a"], "training file end in a full stop"),
        ];
        for (of_train, of_test, repair) in cases {
            let differences =
                table(&[X, ("y", of_train)]).differences(&table(&[X, ("y", of_test)]));
            assert!(differences[0].repair.contains(repair), "{differences:?}");
        }
    }

    #[test]
    fn columns_and_kinds_that_differ_are_shown_and_a_part_of_the_classes_is_fine() {
        let train = table(&[X, ("y", &["a", "b", "c"])]);
        assert_eq!(train.differences(&table(&[X, ("y", &["c", "a", "c"])])), []);
        let fewer = train.differences(&table(&[("y", &["a", "b", "c"])]));
        assert_eq!((&*fewer[0].train, &*fewer[0].test), ("x, y", "y"));
        let texts = train.differences(&table(&[("x", &["u", "v", "u"]), ("y", &["a", "b", "c"])]));
        assert_eq!(texts[0].about, "column `x`");
        assert!(texts[0].train.starts_with("number (") && texts[0].test.starts_with("category ("));
    }
}
