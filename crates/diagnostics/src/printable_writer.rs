//! Output in which nothing moves the cursor.

use std::io::{self, Write};

use crate::printable;

/// A writer of text that shows a mark in place of each control character but tabs and line breaks: names and lines of
/// foreign files must not reach the terminal as commands to it.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// let mut out = gradus_diagnostics::PrintableWriter(Vec::new());
/// write!(out, "name\t{}\n", "\u{1b}]0;owned\u{7}")?;
/// assert_eq!(String::from_utf8_lossy(&out.0), "name\t\u{fffd}]0;owned\u{fffd}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct PrintableWriter<W>(pub W);

impl<W: Write> Write for PrintableWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(printable(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
