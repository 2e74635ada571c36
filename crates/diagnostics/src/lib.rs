//! Text for a terminal: source excerpts with the mistake underlined, the nearest known name, aligned tables.

mod excerpt;
mod nearest;
pub mod table;

pub use excerpt::{Excerpt, printable};
pub use nearest::{did_you_mean, nearest};
