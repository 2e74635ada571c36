//! Data as named columns: what every reader of own data returns.

mod cells;
mod date;
mod decide;
mod kind;
mod memory;
mod number;
mod profile;
mod reading;
mod source;

pub use cells::{Cells, Column, MISSING, Table};
pub use date::DateFormat;
pub use decide::ColumnUse;
pub use kind::{ColumnDescription, ColumnKind, Finding, TableDescription};
pub use memory::MemoryTable;
pub use number::{NumberForm, NumberNotation};
pub use profile::{NumberProfile, TextProfile};
pub use source::{TableOptions, TableSource, Target};

pub(crate) use kind::keep_a_feature;
pub(crate) use profile::{DecidedColumn, WrittenNumbers};
pub(crate) use reading::TextReading;
