//! How a table is written: found from its first rows, or said.

use super::records::Records;
use crate::columns::{DateFormat, Finding, NumberForm, TableOptions};
use crate::mistakes::quoted;

/// Rows of the beginning that are looked at.
const SAMPLE_ROWS: usize = 1000;
/// In the order of preference where two fit equally well: a comma may be decimal.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// How a table is written.
#[derive(Clone, Debug)]
pub(super) struct CsvLayout {
    pub(super) delimiter: u8,
    pub(super) quotes: bool,
    /// Rows before the header.
    pub(super) skip_rows: usize,
    pub(super) header: bool,
    /// The names of the columns, each once.
    pub(super) names: Vec<String>,
    pub(super) findings: Vec<Finding>,
}

/// Rows of a sample as one delimiter divides them.
struct Divided {
    rows: Vec<Vec<String>>,
    /// The number of cells that most rows have.
    width: usize,
    /// How many rows have as many.
    fitting: usize,
}

impl Divided {
    fn new(text: &str, delimiter: u8, quotes: bool) -> Self {
        let mut records = Records::new(text.as_bytes(), delimiter, quotes);
        let cell = |cell: &[u8]| String::from_utf8_lossy(cell).trim().to_owned();
        let mut rows: Vec<Vec<String>> = Vec::new();
        while rows.len() < SAMPLE_ROWS && matches!(records.read(), Ok(true)) {
            rows.push(records.cells().map(cell).collect());
        }
        let mut counts = std::collections::BTreeMap::<usize, usize>::new();
        rows.iter().for_each(|row| *counts.entry(row.len()).or_default() += 1);
        let most = counts.iter().max_by_key(|&(width, count)| (*count, *width));
        let (width, fitting) = most.map_or((1, 0), |(&width, &count)| (width, count));
        Self { rows, width, fitting }
    }

    /// The share of rows that are divided alike, if they are divided at all.
    fn score(&self) -> f64 {
        let share = self.fitting as f64 / self.rows.len().max(1) as f64;
        if self.width > 1 { 1.0 + share } else { share }
    }
}

impl CsvLayout {
    /// Finds how a text is written from its beginning, which ends with a row.
    pub(super) fn find(text: &str, options: &TableOptions) -> Self {
        let said = options.delimiter.and_then(|c| u8::try_from(c).ok());
        let delimiters = said.map_or(DELIMITERS.to_vec(), |delimiter| vec![delimiter]);
        let best = |quotes: bool| {
            let divided = delimiters.iter().map(|&d| (d, Divided::new(text, d, quotes)));
            let score = |(_, divided): &(u8, Divided)| divided.score();
            divided.reduce(|a, b| if score(&b) > score(&a) { b } else { a }).expect("a delimiter")
        };
        let mut quotes = options.quotes.unwrap_or(true);
        let (mut delimiter, mut divided) = best(quotes);
        if options.quotes.is_none() && has_stray_marks(text, delimiter) {
            // A quotation mark for inches opens a cell that ends at the next one, somewhere.
            let other = best(false);
            if other.1.score() > 1.9 {
                ((delimiter, divided), quotes) = (other, false);
            }
        }
        if divided.width == 1 && said.is_none() {
            delimiter = b',';
        }
        let mut layout = Self {
            delimiter,
            quotes,
            skip_rows: 0,
            header: false,
            names: Vec::new(),
            findings: Vec::new(),
        };
        layout.say_signs(divided.width);
        let skipped = layout.find_first_row(&divided, options);
        layout.find_names(&divided.rows[skipped.min(divided.rows.len())..], divided.width, options);
        layout
    }

    fn say_signs(&mut self, width: usize) {
        let (name, change) = match self.delimiter {
            b'\t' => ("tab", "delimiter = \",\""),
            b';' => ("semicolon", "delimiter = \",\""),
            b',' => ("comma", "delimiter = \";\""),
            b'|' => ("|", "delimiter = \",\""),
            _ => ("as you say", ""),
        };
        let found = if width == 1 { "none: one column".to_owned() } else { name.to_owned() };
        self.findings.push(Finding::new("delimiter", found, change));
        if !self.quotes {
            let found = "mean nothing: with them rows would not have equally many cells";
            self.findings.push(Finding::new("quotation marks", found, "quotes = true"));
        }
    }

    /// Finds the first row of the table, and says which rows before it are left out.
    fn find_first_row(&mut self, divided: &Divided, options: &TableOptions) -> usize {
        let fits = |row: &Vec<String>| row.len() == divided.width || is_short_header(row, divided);
        let first = divided.rows.iter().position(fits).unwrap_or(0);
        self.skip_rows = options.skip_rows.unwrap_or(first);
        for (i, row) in divided.rows.iter().take(self.skip_rows.min(5)).enumerate() {
            let (n, width) = (row.len(), divided.width);
            let text = quoted(&row.join(&char::from(self.delimiter).to_string()));
            let found = format!("row {} left out: {text} has {n} of {width} cells", i + 1);
            self.findings.push(Finding::new("first rows", found, "skip_rows = 0"));
        }
        self.skip_rows
    }

    /// Finds the names of the columns, or gives them some.
    fn find_names(&mut self, rows: &[Vec<String>], width: usize, options: &TableOptions) {
        let Some((first, rest)) = rows.split_first() else { return };
        let (found, reason) = header_of(first, rest);
        self.header = options.header.unwrap_or(found);
        let mut names = if self.header { first.clone() } else { Vec::new() };
        if self.header && first.len() + 1 == width {
            // R writes names of rows under a header without their column.
            let ends_empty = rest.iter().all(|row| row.last().is_none_or(String::is_empty));
            names.insert(if ends_empty { first.len() } else { 0 }, String::new());
        }
        names.resize(width, String::new());
        let change = if self.header { "header = false" } else { "header = true" };
        let what = match self.header {
            true => "the first row has the names of the columns",
            false => "none: columns are numbered",
        };
        let reason = if options.header.is_some() { "as you say" } else { reason };
        self.findings.push(Finding::new("header", format!("{what} ({reason})"), change));
        for i in 0..names.len() {
            let name =
                if names[i].is_empty() { format!("column {}", i + 1) } else { names[i].clone() };
            let mut unique = name.clone();
            for n in 2.. {
                if !names[..i].contains(&unique) {
                    break;
                }
                unique = format!("{name} ({n})");
            }
            if self.header && unique != names[i] {
                let found = match names[i].is_empty() {
                    true => format!("column {} has no name, called `{unique}`", i + 1),
                    false => format!("a second `{name}`, called `{unique}`"),
                };
                self.findings.push(Finding::new("names", found, ""));
            }
            names[i] = unique;
        }
        self.names = names;
    }
}

/// Whether a quotation mark opens a cell that does not end with one.
fn has_stray_marks(text: &str, delimiter: u8) -> bool {
    let ends_cell = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    let (mut quoted, mut at_start) = (false, true);
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        match (quoted, byte) {
            (false, b'"') if at_start => quoted = true,
            (true, b'"') => match bytes.peek() {
                Some(b'"') => drop(bytes.next()),
                Some(b' ') | None => quoted = false,
                Some(&next) if ends_cell(next) => quoted = false,
                Some(_) => return true,
            },
            _ => {}
        }
        at_start = !quoted && (ends_cell(byte) || (at_start && byte == b' '));
    }
    false
}

/// Whether a row is a header without the column of row names.
fn is_short_header(row: &[String], divided: &Divided) -> bool {
    let is_text = |cell: &String| !cell.is_empty() && NumberForm::of(cell).0 == NumberForm::Other;
    divided.width > 2 && row.len() + 1 == divided.width && row.iter().all(is_text)
}

/// Whether the first row of a table has names, and why.
fn header_of(first: &[String], rest: &[Vec<String>]) -> (bool, &'static str) {
    let number = |cell: &String| cell.parse::<f64>().ok();
    let is_value = |cell: &str| {
        NumberForm::of(cell).0 != NumberForm::Other
            || DateFormat::ALL.iter().any(|format| format.parse(cell).is_some())
    };
    let numbers: Vec<f64> = first.iter().filter_map(number).collect();
    if first.iter().any(|cell| is_value(cell)) {
        let counts = numbers.len() > 2 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
        let continues = rest.first().is_some_and(|row| {
            let next: Vec<f64> = row.iter().filter_map(number).collect();
            next.len() > 2 && next.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
        });
        return match counts && !continues {
            true => (true, "its numbers count up"),
            false => (false, "the first row has numbers"),
        };
    }
    let values_below = |column: usize| {
        let cells = rest.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
        let (mut n, mut values) = (0, 0);
        cells.for_each(|cell| {
            n += 1;
            values += usize::from(is_value(cell));
        });
        n > 0 && values * 2 > n
    };
    if (0..first.len()).any(values_below) {
        return (true, "texts above numbers");
    }
    let is_new = |(column, name): (usize, &String)| {
        let again = |row: &Vec<String>| row.get(column) == Some(name);
        !name.is_empty() && !first[..column].contains(name) && !rest.iter().any(again)
    };
    match first.iter().enumerate().all(is_new) {
        true => (true, "its texts do not come again below"),
        false => (false, "its texts come again below"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str) -> CsvLayout {
        CsvLayout::find(text, &TableOptions::default())
    }

    #[test]
    fn delimiters_are_found() {
        let cases = [
            ("a,b\n1,2\n", b','),
            ("a;b;y\n1,5;2.000;ja\n2,5;3.000;nein\n", b';'),
            ("1,5;2,5\n1,5;3,5\n", b';'),
            ("a\tb\n1\tone, or two, or three\n2\tfour, five\n", b'\t'),
            ("a|b\n1|2\n", b'|'),
            ("a,b\n1,\"x;y\"\n2,\"u;v\"\n", b','),
            ("a\n1\n2\n", b','),
        ];
        for (text, delimiter) in cases {
            assert_eq!(find(text).delimiter, delimiter, "{text}");
        }
    }

    #[test]
    fn quotation_marks_that_stand_for_inches_are_text() {
        let rows: String = (0..30).map(|i| format!("{i},\"{i} inches,7\n")).collect();
        let layout = find(&format!("n,size,x\n{rows}"));
        assert_eq!((layout.quotes, layout.names.len()), (false, 3));
        assert!(find("n,size\n1,\"a\"\n2,\"b, c\"\n").quotes);
    }

    #[test]
    fn a_header_is_found_by_what_is_below_it() {
        let cases = [
            ("a,b\n1,2\n", true),
            ("1,2\n3,4\n", false),
            ("a,b\nx,y\nx,z\n", true),
            ("x,y\nx,z\nu,y\n", false),
            ("0,1,2,3\n5.5,6.5,9.5,x\n", true),
            ("city,2019,2020,2021\nBonn,5,3,7\n", true),
            ("1,2,3\n4,5,6\n", false),
            ("a,2020-01-01\nb,2020-01-02\n", false),
            ("day,x\n2020-01-01,?\n", true),
        ];
        for (text, header) in cases {
            assert_eq!(find(text).header, header, "{text}");
        }
    }

    #[test]
    fn names_are_unique_and_given_where_they_are_missing() {
        let layout = find("x,x,,x (2)\n1,2,3,4\n");
        assert_eq!(layout.names, ["x", "x (2)", "column 3", "x (2) (2)"]);
        let said: Vec<_> = layout.findings.iter().filter(|f| f.about == "names").collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert_eq!(find("1,2\n3,4\n").names, ["column 1", "column 2"]);
        assert_eq!(find("x,y,z\nr1,1,2,3\nr2,4,5,6\n").names, ["column 1", "x", "y", "z"]);
        assert_eq!(find("x,y,z\n1,2,3,\n4,5,6,\n").names, ["x", "y", "z", "column 4"]);
    }

    #[test]
    fn rows_before_the_table_are_left_out_and_said() {
        let layout = find("|1x3 Cross validator\n25, Private, 226802\n38, Private, 89814\n");
        assert_eq!((layout.skip_rows, layout.header), (1, false));
        let said = &layout.findings[1];
        let text = "row 1 left out: `|1x3 Cross validator` has 1 of 3 cells";
        assert_eq!((&*said.found, &*said.change), (text, "skip_rows = 0"));
    }
}
