//! An archive of arrays of NumPy.

use gradus::data::columns::TableOptions;
use gradus::data::readers::npz;

pub(crate) fn run(bytes: &[u8]) {
    super::read_table(npz::from_bytes("x.npz", bytes, &TableOptions::default()));
}
