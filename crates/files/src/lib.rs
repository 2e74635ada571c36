//! Files that others may have written, opened and read within limits, and files that are written whole or not at all.
//!
//! Whoever may write in a folder of runs can put a pipe there, for whose other end an open waits without end, a link to a
//! device without end, or a file that is a terabyte of zeros and takes no place. So whatever a path names is opened by
//! [`open`] and read by [`read`].

mod regular;
mod some;
mod whole;

pub use regular::{open, open_to_write, read};
pub use some::write_some;
pub use whole::{TEMPORARY, sync_folder_of, write_whole, write_whole_with};
