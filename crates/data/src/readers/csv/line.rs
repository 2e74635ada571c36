//! Lines of CSV files as they are written.

/// A line of a CSV file, with its end: cells between commas, quoted where that is needed.
///
/// # Examples
///
/// ```
/// # use gradus_data::readers::csv::csv_line;
/// assert_eq!(csv_line(["1.5", "say \"no\""]), "1.5,\"say \"\"no\"\"\"\n");
/// ```
pub fn csv_line<C: AsRef<str>>(cells: impl AsRef<[C]>) -> String {
    let (cells, mut writer) = (cells.as_ref(), csv_core::Writer::new());
    // At most each byte is doubled, and a cell has two quotation marks and what ends it.
    let most = |cell: &C| 2 * cell.as_ref().len() + 4;
    let mut line = vec![0; cells.iter().map(most).sum::<usize>() + 4];
    let mut end = 0;
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            end += writer.delimiter(&mut line[end..]).1;
        }
        end += writer.field(cell.as_ref().as_bytes(), &mut line[end..]).2;
    }
    end += writer.terminator(&mut line[end..]).1;
    line.truncate(end);
    String::from_utf8(line).expect("texts with quotation marks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_line_are_quoted_where_they_need_it() {
        for (cells, line) in [
            (&["a", "1.5", ""][..], "a,1.5,\n"),
            (&["a,b", "say \"no\"", "two\nlines"], "\"a,b\",\"say \"\"no\"\"\",\"two\nlines\"\n"),
            (&["\"\"\"\"", "\r", "größe"], "\"\"\"\"\"\"\"\"\"\",\"\r\",größe\n"),
            // A line without anything would be none.
            (&[""], "\"\"\n"),
        ] {
            assert_eq!(csv_line(cells), line);
        }
    }
}
