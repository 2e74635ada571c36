//! Text for a terminal: an error with its causes, source excerpts with the mistake underlined, the nearest known name, aligned tables.

mod chain;
mod excerpt;
mod nearest;
mod printable_writer;
mod shell_word;
pub mod table;

pub use chain::chain;
pub use excerpt::{Excerpt, printable};
pub use nearest::{did_you_mean, nearest};
pub use printable_writer::PrintableWriter;
pub use shell_word::shell_word;
