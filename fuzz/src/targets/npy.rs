//! An array of NumPy.

use gradus::data::columns::TableOptions;
use gradus::data::readers::npy::ArrayTable;

pub(crate) fn run(bytes: &[u8]) {
    super::read_table(ArrayTable::from_bytes(&[("x.npy", bytes)], &TableOptions::default()));
}
