//! Tables that are made instead of read, to learn and to try out networks.

use data::columns::{MemoryTable, TableOptions};
use data::made::{circle, gaussians, mnist1d, moons, spiral, xor};
use nn::registry::{not_negative, within_limit};
use serde::{Deserialize, Serialize};

use super::*;

/// The most rows that are made.
const MOST_ROWS: usize = 10_000_000;

/// Which table is made: see [`data::made`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeName {
    /// A disc, and a ring around it.
    #[default]
    Circle,
    /// Quadrants: the class is the sign of the product.
    Xor,
    /// Two clouds.
    Gaussians,
    /// Two arms.
    Spiral,
    /// Two half circles that reach into each other.
    Moons,
    /// Ten shapes of forty numbers.
    Mnist1d,
}

settings! {
    /// A made table; a fifth of its rows, or `data.test` of them, are the test set.
    pub struct MadeTable {
        /// Which table.
        table: MadeName = MadeName::Circle;
        /// Rows: 1 to 10,000,000.
        samples: usize = 1000, |name, &samples| within_limit(name, samples, MOST_ROWS);
        /// The standard deviation of what is added to coordinates, 0 or more; not of `mnist1d`.
        noise: f64 = 0.1, not_negative;
        /// The seed of the table, below 2⁶³; not that of a run.
        seed: u64 = 0;
    }
}

impl ReadSource for MadeTable {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let Self { table, samples, noise, seed } = *self;
        let table = match table {
            MadeName::Circle => circle::make(samples, noise, seed),
            MadeName::Xor => xor::make(samples, noise, seed),
            MadeName::Gaussians => gaussians::make(samples, noise, seed),
            MadeName::Spiral => spiral::make(samples, noise, seed),
            MadeName::Moons => moons::make(samples, noise, seed),
            MadeName::Mnist1d => mnist1d::make(samples, seed),
        };
        let train = Box::new(MemoryTable::new(table, &TableOptions::default())?);
        Ok(SourceData::Tables(TableSplit { train, test: None }))
    }
}
