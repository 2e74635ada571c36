//! Text for a terminal: an error with its causes, source excerpts with the mistake underlined, the nearest known name, aligned tables.

mod chain;
mod excerpt;
mod nearest;
pub mod table;

pub use chain::chain;
pub use excerpt::{Excerpt, printable};
pub use nearest::{did_you_mean, nearest};
