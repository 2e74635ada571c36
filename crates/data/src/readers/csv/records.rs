//! Records: text divided at delimiters and line ends, with quotation marks taken away.

use std::io::{BufRead as _, BufReader, Read};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::DataFault;

/// Bytes of the longest row that is read: a quotation mark that is never closed would take the rest of the file.
const LONGEST_ROW: usize = 64 << 20;

/// The records of a text, one after the other; they may differ in length. Empty lines are left out.
pub(super) struct Records<R> {
    input: BufReader<R>,
    parser: Reader,
    /// The cells of a record without anything between them, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    len: usize,
    line: u64,
}

impl<R: Read> Records<R> {
    pub(super) fn new(input: R, delimiter: u8, quotes: bool) -> Self {
        let parser = ReaderBuilder::new().delimiter(delimiter).quoting(quotes).build();
        let (text, ends) = (vec![0; 1024], vec![0; 32]);
        Self {
            input: BufReader::with_capacity(64 << 10, input),
            parser,
            text,
            ends,
            len: 0,
            line: 0,
        }
    }

    /// Reads the next record; false at the end.
    pub(super) fn read(&mut self) -> Result<bool, DataFault> {
        // Empty lines one by one, so that the line is that of the record.
        while let Some(&byte @ (b'\r' | b'\n')) = self.input.fill_buf()?.first() {
            self.parser.read_record(&[byte], &mut self.text, &mut self.ends);
            self.input.consume(1);
        }
        self.line = self.parser.line();
        let (mut n_text, mut n_ends) = (0, 0);
        loop {
            let bytes = self.input.fill_buf()?;
            let (result, n_read, text, ends) =
                self.parser.read_record(bytes, &mut self.text[n_text..], &mut self.ends[n_ends..]);
            self.input.consume(n_read);
            (n_text, n_ends) = (n_text + text, n_ends + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if n_text >= LONGEST_ROW => {
                    return Err(DataFault::Columns(format!(
                        "line {}: found a row of more than {LONGEST_ROW} bytes, expected the end of a row; is a \
                         quotation mark not closed? `quotes = false` reads them as text",
                        self.line
                    )));
                }
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => {
                    self.len = n_ends;
                    return Ok(true);
                }
                ReadRecordResult::End => return Ok(false),
            }
        }
    }

    /// The line in which the record begins, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes of each cell.
    pub(super) fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends[..self.len].iter().map(move |&end| {
            let cell = &self.text[start..end];
            start = end;
            cell
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_know_their_lines_whatever_lies_between_them() {
        let text = "a,b\r\n\r\n\n1,\"x\ny\"\n\n2,\"say \"\"so\"\"\"\n";
        let mut records = Records::new(text.as_bytes(), b',', true);
        let mut found = Vec::new();
        while records.read().unwrap() {
            let cells: Vec<_> =
                records.cells().map(|cell| std::str::from_utf8(cell).unwrap()).collect();
            found.push((records.line(), cells.join("|")));
        }
        let expected = [(1, "a|b"), (4, "1|x\ny"), (7, "2|say \"so\"")];
        assert_eq!(found, expected.map(|(line, text)| (line, text.to_owned())));
    }
}
