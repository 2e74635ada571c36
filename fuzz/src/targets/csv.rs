//! A table as text: the first byte says whether rows that are wrong are left out.

use gradus::data::columns::TableOptions;
use gradus::data::readers::csv::CsvFile;

pub(crate) fn run(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let options = TableOptions { skip_bad_rows: first % 2 == 1, ..TableOptions::default() };
    super::read_table(CsvFile::from_bytes("x.csv", bytes, &options));
}
