//! Data as named columns: what every reader of own data returns.

mod cells;
mod date;
mod decide;
mod difference;
mod draw;
mod kind;
mod memory;
mod notation;
mod number;
mod options;
mod profile;
mod reading;
mod source;
mod typed;
mod wanted;
mod written;

pub use cells::{Cells, Column, MISSING, Table};
pub use date::{DateFormat, date_text};
pub use decide::ColumnUse;
pub use difference::TableDifference;
pub use draw::DrawnRows;
pub use kind::{ColumnDescription, ColumnKind, Finding, TableDescription};
pub use memory::MemoryTable;
pub use notation::CellNotation;
pub use number::{NumberForm, NumberNotation};
pub use options::{Encoding, TableOptions, Target};
pub use profile::{NumberProfile, TextProfile};
pub use source::{TableBlocks, TableSource};
pub use wanted::RowName;

pub(crate) use cells::number_text;
pub(crate) use date::CalendarDate;
pub(crate) use kind::keep_a_feature;
pub(crate) use profile::DecidedColumn;
pub(crate) use reading::{TextReading, is_missing_mark};
pub(crate) use source::row_blocks;
pub(crate) use typed::{DecidedTyped, TEXTS_ADVICE, TypedProfile, TypedReading};
#[cfg(feature = "files")]
pub(crate) use wanted::{RowBlock, WantedCells, WantedColumn};
pub(crate) use written::WrittenNumbers;
