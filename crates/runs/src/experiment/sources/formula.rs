//! A table that a formula of one variable makes: `y = f(x)` with noise.

use data::DataFault;
use data::columns::{MemoryTable, TableOptions};
use data::made::formula;
use explain::FormulaValue;
use explain::formula::{Formula, FormulaProgram};
use nn::registry::{InvalidSetting, not_negative, require, within_limit};

use super::*;

/// The most rows that are made.
const MOST_ROWS: usize = 10_000_000;
/// The variable.
const VARIABLE: &str = "x";

settings! {
    /// A made table with the columns `x` and `y`, which is predicted; a fifth of its rows, or `data.test` of them, are the
    /// test set.
    pub struct FormulaTable {
        /// The formula, such as `sin(x) + x/2`: see [`explain::formula`].
        formula: String, |name, text: &String| program(name, text).map(drop);
        /// The least and the largest `x`.
        range: [f64; 2] = [-1.0, 1.0], |name, [low, high]: &[f64; 2]| {
            let is_range = low.is_finite() && high.is_finite() && low < high;
            require(is_range, name, format_args!("[{low}, {high}]"), "two numbers, the lower one first")
        };
        /// Rows: 1 to 10,000,000.
        samples: usize = 1000, |name, &samples| within_limit(name, samples, MOST_ROWS);
        /// The standard deviation of what is added to `y`, 0 or more.
        noise: f64 = 0.0, not_negative;
        /// The seed of the table, below 2⁶³; not that of a run.
        seed: u64 = 0;
    }
}

fn program(name: &str, text: &str) -> Result<FormulaProgram, InvalidSetting> {
    let mistake = |expected: String| InvalidSetting::new(name, format_args!("`{text}`"), expected);
    let formula = Formula::parse(text).map_err(|error| mistake(error.to_string()))?;
    let at = [(VARIABLE.to_owned(), FormulaValue::from(0.0))];
    FormulaProgram::new(&formula, &at, &[])
        .map_err(|error| mistake(format!("a formula of `{VARIABLE}`: {error}")))
}

impl ReadSource for FormulaTable {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let Self { formula, range, samples, noise, seed } = self;
        let fault = |mistake: InvalidSetting| DataFault::Columns(mistake.to_string()).of("formula");
        let mut program = program("formula", formula).map_err(fault)?;
        let table = formula::make(*samples, *range, *noise, *seed, |x| program.value(&[x]));
        let train = Box::new(MemoryTable::new(table, &TableOptions::default())?);
        Ok(SourceData::Tables(TableSplit { train, test: None }))
    }
}
