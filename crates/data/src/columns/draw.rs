//! Rows that are drawn from a table while it is read.

use kernels::random::philox;

use super::cells::Table;

/// The draws of a row: `"rows"`.
const DRAWS: u32 = 0x726f_7773;

/// At most so many rows of a table, drawn while it is read block by block: each set of as many rows is equally likely.
///
/// A row is drawn by a random number of its own, which depends on the seed and on how many rows came before. Beside the rows
/// that are drawn as many others are kept for a while.
///
/// # Examples
///
/// ```
/// # use gradus_data::{DataError, columns::{Cells, Column, DrawnRows, Table}};
/// let mut drawn = DrawnRows::new(3, 1);
/// for block in 0..10 {
///     let numbers = (0..10).map(|i| f64::from(10 * block + i)).collect();
///     let x = Column { name: "x".into(), cells: Cells::Numbers(numbers) };
///     drawn.add(&Table::new("numbers", 10, vec![x])?, &Vec::from_iter(0..10));
/// }
/// assert_eq!(drawn.finish().map(|table| table.len()), Some(3));
/// # Ok::<(), DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DrawnRows {
    most: usize,
    seed: u64,
    count: u64,
    rows: Option<Table>,
    /// The random number of each row that is kept, and its place among all.
    keys: Vec<(u64, u64)>,
}

impl DrawnRows {
    /// At most `most` rows, at least one, by a seed.
    pub fn new(most: usize, seed: u64) -> Self {
        Self { most: most.max(1), seed, count: 0, rows: None, keys: Vec::new() }
    }

    /// Adds some rows of the next block of the table.
    ///
    /// # Panics
    ///
    /// If the block does not have one of the rows, or has other columns than one before.
    pub fn add(&mut self, block: &Table, rows: &[usize]) {
        for rows in rows.chunks(self.most) {
            let block = block.select(rows);
            match &mut self.rows {
                Some(table) => table.append(block),
                None => self.rows = Some(block),
            }
            for _ in rows {
                let [low, high] = [self.count as u32, (self.count >> 32) as u32];
                let [a, b, ..] = philox([low, high, 0, DRAWS], self.seed);
                self.keys.push((u64::from(a) << 32 | u64::from(b), self.count));
                self.count += 1;
            }
            if self.keys.len() >= 2 * self.most {
                self.keep();
            }
        }
    }

    /// How many rows were added.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The rows in the order of the table; none if no row was added.
    pub fn finish(mut self) -> Option<Table> {
        self.keep();
        self.rows
    }

    /// Keeps the rows with the smallest numbers.
    fn keep(&mut self) {
        if self.keys.len() <= self.most {
            return;
        }
        let mut kept: Vec<usize> = (0..self.keys.len()).collect();
        kept.select_nth_unstable_by_key(self.most, |&row| self.keys[row]);
        kept.truncate(self.most);
        kept.sort_unstable();
        self.keys = kept.iter().map(|&row| self.keys[row]).collect();
        self.rows = self.rows.take().map(|rows| rows.select(&kept));
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::{Cells, Column};
    use super::*;

    /// Of the numbers below 100, in blocks.
    fn drawn(block: usize, most: usize, seed: u64) -> Vec<f64> {
        let mut drawn = DrawnRows::new(most, seed);
        let numbers = Vec::from_iter((0..100).map(f64::from));
        for numbers in numbers.chunks(block) {
            let cells = Cells::Numbers(numbers.to_vec());
            let column = Column { name: "x".to_owned(), cells };
            let table = Table::new("t", numbers.len(), vec![column]).unwrap();
            drawn.add(&table, &Vec::from_iter(0..numbers.len()));
        }
        assert_eq!(drawn.count(), 100);
        let table = drawn.finish().unwrap();
        let Cells::Numbers(numbers) = &table.columns()[0].cells else { panic!("numbers") };
        numbers.clone()
    }

    #[test]
    fn the_rows_depend_on_the_seed_and_not_on_the_blocks() {
        let first = drawn(7, 10, 1);
        assert!(first.len() == 10 && first.is_sorted(), "{first:?}");
        assert_eq!(drawn(100, 10, 1), first);
        assert_eq!(drawn(1, 10, 1), first);
        assert_ne!(drawn(7, 10, 2), first);
        assert_eq!(drawn(7, 100, 1), Vec::from_iter((0..100).map(f64::from)));
        assert_eq!(DrawnRows::new(3, 0).finish(), None);
    }

    #[test]
    fn each_row_is_drawn_about_equally_often() {
        let mut counts = [0_i32; 100];
        for seed in 0..2000 {
            drawn(20, 10, seed).into_iter().for_each(|x| counts[x as usize] += 1);
        }
        // 200 each; the standard deviation is 13.4, and 67 are five of them.
        assert!(counts.iter().all(|count| (count - 200).abs() < 67), "{counts:?}");
    }
}
