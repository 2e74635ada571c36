//! How the values of each column are distributed: of each class of the target, or of all rows.

use std::collections::HashMap;

use super::{TableReport, block_rows};
use crate::columns::{Cells, ColumnDescription, ColumnKind, Table, TableSource};
use crate::{DataError, DataFault};

/// Classes that are told apart; of more the less frequent ones are one group.
const MOST_GROUPS: usize = 8;
/// Bins of numbers.
const BINS: usize = 30;
/// Categories that are told apart; of more the less frequent ones are one.
const MOST_CATEGORIES: usize = 12;

/// How the values of the columns of a table are distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDistributions {
    /// The names of the groups into which rows are divided: the classes of the target, of more than eight the seven most
    /// frequent ones and the others; a single one without a name if the target is a number, or there is none.
    pub groups: Vec<String>,
    /// The columns of numbers, dates and categories, in order.
    pub columns: Vec<ColumnDistribution>,
}

/// How the values of a column are distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDistribution {
    /// The name of the column.
    pub column: String,
    /// Its kind.
    pub kind: ColumnKind,
    /// Rows without a value.
    pub missing: usize,
    /// Rows of each value and group.
    pub counts: DistributionCounts,
}

/// Rows of each value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum DistributionCounts {
    /// Numbers or dates, in bins of equal width.
    Bins {
        /// Where the first bin begins and the last one ends.
        ends: [f64; 2],
        /// Of each bin the rows of each group.
        rows: Vec<Vec<usize>>,
    },
    /// Categories, the most frequent first, with the rows of each group.
    Categories(Vec<(String, Vec<usize>)>),
}

impl TableDistributions {
    /// Reads all rows of a source that has been reported, once more. Of its columns the first `most` that can be counted are.
    ///
    /// # Errors
    ///
    /// Those of [`TableSource::blocks`], and [`DataFault::Columns`] if no column can be counted.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{DistributionCounts, TableDistributions, TableReport};
    /// # use gradus_data::columns::{TableOptions}; use gradus_data::readers::csv::CsvFile;
    /// let text = "x,kind,class\n1,u,a\n2,v,b\n4,u,a\n,u,a\n";
    /// let file = CsvFile::from_bytes("t.csv", text.as_bytes(), &TableOptions::default())?;
    /// let found = TableDistributions::of(&file, &TableReport::of(&file)?, 40)?;
    /// assert_eq!(found.groups, ["a", "b"]);
    /// assert_eq!((&*found.columns[0].column, found.columns[0].missing), ("x", 1));
    /// let kinds = [("u".to_owned(), vec![3, 0]), ("v".to_owned(), vec![0, 1])];
    /// assert_eq!(found.columns[1].counts, DistributionCounts::Categories(kinds.into()));
    /// # Ok::<(), gradus_data::DataError>(())
    /// ```
    pub fn of(
        source: &dyn TableSource,
        report: &TableReport,
        most: usize,
    ) -> Result<Self, DataError> {
        let about = &report.description;
        let target = about.target().filter(|target| target.kind.has_categories());
        let (groups, group_of) = match target {
            Some(target) => most_frequent(&target.categories, MOST_GROUPS),
            None => (vec![String::new()], HashMap::new()),
        };
        let both = about.columns.iter().zip(&report.ranges);
        let counts = both.filter_map(|(column, range)| {
            let range = range.map(|range| [range.low, range.high]);
            ColumnCounts::new(column, range, groups.len())
        });
        let mut counts: Vec<ColumnCounts> = counts.take(most).collect();
        if counts.is_empty() {
            let what = "expected a column of numbers, dates or categories, found none".to_owned();
            return Err(DataFault::Columns(what).of(&about.name));
        }
        for block in source.blocks(block_rows(about))? {
            let block = block?;
            let group = groups_of(&block, target, &group_of);
            for counts in &mut counts {
                counts.add(&block, &group);
            }
        }
        let columns = counts.into_iter().map(|counts| counts.distribution).collect();
        Ok(Self { groups, columns })
    }
}

/// Counts the values of a column.
struct ColumnCounts {
    distribution: ColumnDistribution,
    /// The place of each category.
    places: HashMap<String, usize>,
}

impl ColumnCounts {
    /// Nothing of a column that cannot be counted.
    fn new(column: &ColumnDescription, range: Option<[f64; 2]>, groups: usize) -> Option<Self> {
        let mut places = HashMap::new();
        let counts = match column.kind {
            kind if kind.has_categories() => {
                let (names, found) = most_frequent(&column.categories, MOST_CATEGORIES);
                places = found;
                let rows = names.into_iter().map(|name| (name, vec![0; groups]));
                DistributionCounts::Categories(rows.collect())
            }
            ColumnKind::Number | ColumnKind::Date => {
                let ends = range.filter(|ends| ends.iter().all(|end| end.is_finite()))?;
                let (ends, bins) = bins(ends, column.distinct);
                DistributionCounts::Bins { ends, rows: vec![vec![0; groups]; bins] }
            }
            _ => return None,
        };
        let (name, kind) = (column.name.clone(), column.kind);
        Some(Self {
            distribution: ColumnDistribution { column: name, kind, missing: 0, counts },
            places,
        })
    }

    fn add(&mut self, block: &Table, groups: &[Option<usize>]) {
        let ColumnDistribution { column, missing, counts, .. } = &mut self.distribution;
        let Some(found) = block.column(column) else { return };
        for (row, group) in groups.iter().enumerate() {
            if found.cells.is_missing(row) {
                *missing += 1;
            }
            let Some(group) = *group else { continue };
            match (&mut *counts, &found.cells) {
                (DistributionCounts::Bins { ends: [low, high], rows }, Cells::Numbers(numbers)) => {
                    // Halves, since the difference of two large numbers may overflow.
                    let share = (numbers[row] / 2.0 - *low / 2.0) / (*high / 2.0 - *low / 2.0);
                    if (0.0..=1.0).contains(&share) {
                        let bin = (share * rows.len() as f64) as usize;
                        let last = rows.len() - 1;
                        rows[bin.min(last)][group] += 1;
                    }
                }
                (DistributionCounts::Categories(rows), cells) => {
                    let place = cells.text(row).and_then(|name| self.places.get(&*name).copied());
                    if let Some(place) = place {
                        rows[place].1[group] += 1;
                    }
                }
                _ => {}
            }
        }
    }
}

/// The ends of bins between two numbers, and how many there are: of a few whole numbers one for each.
fn bins([low, high]: [f64; 2], distinct: Option<usize>) -> ([f64; 2], usize) {
    let is_few = distinct.is_some_and(|n| n <= BINS) && high - low < BINS as f64;
    if is_few && low.fract() == 0.0 && high.fract() == 0.0 {
        return ([low - 0.5, high + 0.5], (high - low) as usize + 1);
    }
    if low == high { ([low - 0.5, high + 0.5], 1) } else { ([low, high], BINS) }
}

/// The names of the most frequent categories, the most frequent first, and the place of each category among them: of more than
/// `most` the last place is that of all others.
fn most_frequent(
    categories: &[(String, usize)],
    most: usize,
) -> (Vec<String>, HashMap<String, usize>) {
    let mut sorted: Vec<&(String, usize)> = categories.iter().collect();
    sorted.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    let shown = if sorted.len() > most { most - 1 } else { sorted.len() };
    let mut names: Vec<String> = sorted[..shown].iter().map(|(name, _)| name.clone()).collect();
    if sorted.len() > shown {
        names.push(format!("{} others", sorted.len() - shown));
    }
    let places = sorted.iter().enumerate();
    (names, places.map(|(place, (name, _))| (name.clone(), place.min(shown))).collect())
}

/// The group of each row; none of a row without a class.
fn groups_of(
    block: &Table,
    target: Option<&ColumnDescription>,
    group_of: &HashMap<String, usize>,
) -> Vec<Option<usize>> {
    let Some(target) = target else { return vec![Some(0); block.len()] };
    let Some(column) = block.column(&target.name) else { return vec![None; block.len()] };
    let group = |row| column.cells.text(row).and_then(|name| group_of.get(&*name).copied());
    (0..block.len()).map(group).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::columns::TableOptions;
    use crate::readers::csv::CsvFile;

    fn of(text: &str) -> TableDistributions {
        let file = CsvFile::from_bytes("t.csv", text.as_bytes(), &TableOptions::default()).unwrap();
        TableDistributions::of(&file, &TableReport::of(&file).unwrap(), 40).unwrap()
    }

    #[test]
    fn numbers_are_counted_in_bins_that_have_all_of_them() {
        let mut text = "few,many,y\n".to_owned();
        for i in 0..90 {
            let few = if i == 5 { String::new() } else { (i % 3).to_string() };
            writeln!(text, "{few},{},{}.5", i * i, i * 7 % 80).unwrap();
        }
        let found = of(&text);
        assert_eq!(found.groups, [""]);
        let [few, many, _] = &found.columns[..] else { panic!("three columns") };
        let DistributionCounts::Bins { ends, rows } = &many.counts else { panic!("numbers") };
        assert_eq!((*ends, rows.len()), ([0.0, 7921.0], BINS));
        // Squares below a thirtieth of 7921: 0² to 16²; the last bin has the highest number.
        assert_eq!((rows[0][0], rows[BINS - 1][0]), (17, 2));
        assert_eq!(rows.iter().map(|bin| bin[0]).sum::<usize>(), 90);
        assert_eq!(few.missing, 1);
        match &few.counts {
            DistributionCounts::Bins { ends, rows } => {
                assert_eq!((*ends, &rows[..]), ([-0.5, 2.5], &[vec![30], vec![30], vec![29]][..]));
            }
            DistributionCounts::Categories(rows) => {
                assert_eq!(rows.iter().map(|(_, rows)| rows[0]).collect::<Vec<_>>(), [30, 30, 29]);
            }
        }
    }

    #[test]
    fn classes_and_categories_beyond_the_most_frequent_are_others() {
        let mut text = "kind,class\n".to_owned();
        for i in 0..200_usize {
            // Class 0 has most rows, and category 0.
            let (kind, class) = (i % 20 * (i % 2), i % 10 * (i % 3).min(1));
            writeln!(text, "k{kind:02},c{class}").unwrap();
        }
        let found = of(&text);
        assert_eq!(found.groups.len(), MOST_GROUPS);
        assert_eq!((&*found.groups[0], &*found.groups[7]), ("c0", "3 others"));
        let DistributionCounts::Categories(rows) = &found.columns[0].counts else {
            panic!("categories")
        };
        let kinds = rows.iter().map(|(name, _)| name.as_str());
        assert_eq!(kinds.clone().next(), Some("k00"));
        assert!(kinds.len() <= MOST_CATEGORIES);
        assert_eq!(rows.iter().flat_map(|(_, rows)| rows).sum::<usize>(), 200);
    }
}
