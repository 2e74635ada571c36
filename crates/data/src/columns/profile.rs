//! Counts of a column's cells, kept in bounded memory while its rows pass by.

use std::collections::HashMap;
use std::sync::Arc;

use super::date::DateFormat;
use super::decide::{
    ColumnUse, NumberEvidence, have_frequent_values, kind_of_numbers, kind_of_texts,
};
use super::kind::{ColumnDescription, ColumnKind};
use super::notation::CellNotation;
use super::number::{FORMS, NumberForm, NumberNotation};
use super::reading::{Categories, TextReading, is_missing_mark, is_missing_word};
use super::written::WrittenNumbers;
use crate::mistakes::{CellMistake, quoted};

/// Bytes of different texts that are kept for each of them that is counted.
const BYTES_PER_TEXT: usize = 64;
/// Cells of another form that are kept one by one.
const KEPT: usize = 10;
/// A whole number of more digits may not be told apart from the next one in `f64`.
const EXACT_DIGITS: usize = 15;
/// A column is numbers if not more than one cell in so many is something else.
const NUMBERS_PER_MISTAKE: usize = 100;

/// What is counted of a column of texts.
#[derive(Clone, Debug)]
pub struct TextProfile {
    known: usize,
    missing: usize,
    /// Marks such as `?`, which may be missing cells or categories.
    marks: Vec<(String, usize)>,
    has_other_marks: bool,
    counts: Counts<Box<str>>,
    bytes: usize,
    forms: [usize; FORMS],
    others: Vec<(u64, String)>,
    dates: [bool; DateFormat::ALL.len()],
    leading_zero: Option<String>,
    too_long: bool,
    whole: bool,
    counter: RowCounter,
}

/// How often each value was seen, for a bounded number of values.
#[derive(Clone, Debug)]
struct Counts<K> {
    counts: HashMap<K, usize>,
    limit: usize,
    is_full: bool,
}

/// Whether numbers count the rows from 0 or 1.
#[derive(Clone, Debug, Default)]
struct RowCounter {
    last: Option<f64>,
    failed: bool,
}

/// What was decided about a column of texts.
#[derive(Clone, Debug)]
pub(crate) struct DecidedColumn {
    pub(crate) description: ColumnDescription,
    pub(crate) reading: TextReading,
    /// The cells that the reading does not fit: the first ones, and how many there are.
    pub(crate) mistakes: (Vec<CellMistake>, usize),
    /// Another reading of numbers that is as likely: an example.
    pub(crate) doubtful: Option<String>,
}

impl<K: std::hash::Hash + Eq> Counts<K> {
    fn new(limit: usize) -> Self {
        Self { counts: HashMap::new(), limit, is_full: false }
    }

    fn fill(&mut self) {
        self.is_full = true;
        self.counts = HashMap::new();
    }

    fn add(&mut self, key: K) {
        if !self.is_full {
            *self.counts.entry(key).or_default() += 1;
            if self.counts.len() > self.limit {
                self.fill();
            }
        }
    }

    fn distinct(&self) -> Option<usize> {
        (!self.is_full).then_some(self.counts.len())
    }
}

impl RowCounter {
    fn add(&mut self, number: f64) {
        self.failed |= match self.last {
            None => number != 0.0 && number != 1.0,
            Some(last) => number != last + 1.0,
        };
        self.last = Some(number);
    }
}

impl TextProfile {
    /// A profile that counts at most `limit` different texts.
    pub fn new(limit: usize) -> Self {
        Self {
            known: 0,
            missing: 0,
            marks: Vec::new(),
            has_other_marks: false,
            counts: Counts::new(limit),
            bytes: 0,
            forms: [0; FORMS],
            others: Vec::new(),
            dates: [true; DateFormat::ALL.len()],
            leading_zero: None,
            too_long: false,
            whole: true,
            counter: RowCounter::default(),
        }
    }

    /// Counts a cell, which begins in line `line`; blanks around its text mean nothing.
    pub fn add(&mut self, text: &str, line: u64) {
        if is_missing_word(text) {
            self.missing += 1;
            return;
        }
        if is_missing_mark(text) {
            match self.marks.iter_mut().find(|(mark, _)| mark == text) {
                Some((_, count)) => *count += 1,
                None => self.marks.push((text.to_owned(), 1)),
            }
            return;
        }
        self.known += 1;
        self.count(text);
        let (form, whole) = NumberForm::of(text);
        self.forms[form as usize] += 1;
        if form == NumberForm::Other {
            if self.others.len() < KEPT {
                self.others.push((line, quoted(text)));
            }
            self.has_other_marks |= !text.contains(char::is_alphanumeric);
            for (fits, format) in self.dates.iter_mut().zip(DateFormat::ALL) {
                *fits = *fits && format.parse(text).is_some();
            }
            return;
        }
        self.dates = [false; DateFormat::ALL.len()];
        self.whole &= whole;
        let digits = text.trim_start_matches(['+', '-']);
        let after_zero = digits.strip_prefix('0').and_then(|rest| rest.chars().next());
        if after_zero.is_some_and(|c| c.is_ascii_digit()) && self.leading_zero.is_none() {
            self.leading_zero = Some(quoted(text));
        }
        if form == NumberForm::Plain {
            self.too_long |= whole && digits.len() > EXACT_DIGITS;
            if !self.counter.failed {
                self.counter.add(text.parse().unwrap_or(f64::NAN));
            }
        } else {
            self.counter.failed = true;
        }
    }

    fn count(&mut self, text: &str) {
        if self.counts.is_full {
            return;
        }
        // Without a new text in memory if it is known.
        if let Some(count) = self.counts.counts.get_mut(text) {
            *count += 1;
            return;
        }
        self.bytes += text.len();
        match self.bytes > self.counts.limit * BYTES_PER_TEXT && !self.counts.counts.is_empty() {
            true => self.counts.fill(),
            false => self.counts.add(text.into()),
        }
    }

    /// The decimal sign that the column has for certain.
    pub(crate) fn decimal(&self) -> Option<char> {
        let (format, doubtful) = NumberNotation::of_column(&self.forms, None, true)?;
        let plain = self.forms[NumberForm::Plain as usize] + self.forms[NumberForm::Other as usize];
        let ambiguous = self.forms[NumberForm::PointOrThousands as usize] == self.known - plain;
        (!doubtful && !ambiguous && self.known > plain).then_some(format.decimal)
    }

    /// How the numbers are written: as in `other`, another table, where these cells do not tell.
    pub(crate) fn number_notation(
        &self,
        other: NumberNotation,
        written: WrittenNumbers,
    ) -> NumberNotation {
        let decimal = Some(written.decimal.unwrap_or(other.decimal));
        let found = || NumberNotation::of_column(&self.forms, decimal, written.thousands);
        written.format.or_else(|| Some(found()?.0)).unwrap_or(other)
    }

    /// How the dates are written: as in `other`, another table, if these cells allow it.
    pub(crate) fn date_format(&self, other: DateFormat) -> DateFormat {
        let fitting = DateFormat::ALL.into_iter().zip(self.dates).filter(|(_, fits)| *fits);
        let mut fitting = fitting.map(|(format, _)| format);
        match fitting.clone().any(|format| format == other) {
            true => other,
            false => fitting.next().unwrap_or(other),
        }
    }

    /// The first cell, with its line, if there are cells and none of them is a number.
    pub(crate) fn first_of_other_form(&self) -> Option<&(u64, String)> {
        self.others.first().filter(|_| self.known == self.forms[NumberForm::Other as usize])
    }

    /// Decides how the column is read, and what it is used as.
    pub(crate) fn decide(
        &self,
        name: &str,
        column_use: ColumnUse,
        written: WrittenNumbers,
        forced: Option<ColumnKind>,
    ) -> DecidedColumn {
        let others = self.forms[NumberForm::Other as usize];
        let numbers = self.known - others;
        let found = match written.format {
            Some(format) => Some((format, false)),
            None => NumberNotation::of_column(&self.forms, written.decimal, written.thousands),
        };
        let are_few = others * NUMBERS_PER_MISTAKE <= self.known && numbers > 0;
        let few_mistakes = others == 0 || (written.has_mistakes && are_few);
        let wanted = matches!(forced, Some(ColumnKind::Number | ColumnKind::WholeCategory));
        let are_names = self.leading_zero.is_some() || self.too_long || !few_mistakes;
        let is_number = forced != Some(ColumnKind::Category)
            && numbers > 0
            && found.is_some()
            && (wanted || !are_names);
        let date = (0..self.dates.len()).find(|&i| self.dates[i]).map(|i| DateFormat::ALL[i]);
        match (is_number, date) {
            _ if forced == Some(ColumnKind::Date) => {
                self.as_dates(name, date.unwrap_or(DateFormat::YearFirst), others)
            }
            (true, _) => self.as_numbers(name, column_use, found.unwrap_or_default(), forced),
            (false, Some(date)) if self.known > 0 && forced.is_none() => {
                self.as_dates(name, date, others)
            }
            _ => self.as_texts(name, column_use, found.is_none(), forced),
        }
    }

    fn as_numbers(
        &self,
        name: &str,
        column_use: ColumnUse,
        (format, doubtful): (NumberNotation, bool),
        forced: Option<ColumnKind>,
    ) -> DecidedColumn {
        // By value: `1` and `1.0` are one.
        let mut by_value: Vec<(f64, usize)> = Vec::new();
        let parsed = self.counts.counts.iter();
        by_value.extend(parsed.filter_map(|(text, &count)| Some((format.parse(text)?, count))));
        by_value.sort_by(|a, b| a.0.total_cmp(&b.0));
        by_value.dedup_by(|next, one| {
            let same = next.0 == one.0;
            one.1 += if same { next.1 } else { 0 };
            same
        });
        let others = self.forms[NumberForm::Other as usize];
        let column = self.column(name, !self.counts.is_full, by_value.len(), true);
        let evidence = NumberEvidence {
            known: self.known - others,
            distinct: column.distinct.map(|n| (n, range(&by_value))),
            whole: self.whole,
            counts_rows: !self.counter.failed && others == 0,
        };
        let found = match column.distinct {
            Some(1) => constant(&by_value[0].0.to_string(), self.known, column.missing),
            _ => kind_of_numbers(name, column_use, evidence),
        };
        let mut column = with_kind(column, found, forced).with_values(self.whole, &by_value);
        column.notation = Some(CellNotation::Number(format));
        let mut reading = TextReading::Number(format);
        if column.kind == ColumnKind::WholeCategory {
            column.categories = by_value.iter().map(|(n, count)| (n.to_string(), *count)).collect();
            reading = TextReading::Whole(format, Arc::new(Categories::new(&column.categories)));
        }
        if others > 0 {
            column.reason += &format!("; {others} cells are something else");
        }
        let example = self.counts.counts.keys().filter(|text| text.contains(['.', ','])).min();
        let doubtful = doubtful.then(|| example.map_or(String::new(), |text| text.to_string()));
        DecidedColumn {
            description: column,
            reading,
            mistakes: self.mistakes(name, "a number", others),
            doubtful,
        }
    }

    fn as_dates(&self, name: &str, format: DateFormat, others: usize) -> DecidedColumn {
        let column = self.column(name, !self.counts.is_full, self.counts.counts.len(), true);
        let [year, month, day] = self.dates;
        let written = match format {
            DateFormat::YearFirst => "year, month, day",
            DateFormat::MonthFirst => "month, day, year",
            DateFormat::DayFirst => "day, month, year",
        };
        let mut reason = format!("dates: {written}");
        if month && day {
            reason += ", or day, month, year: no day above 12 decides";
        }
        let fits = year || month || day;
        let mistakes = if fits { 0 } else { others };
        DecidedColumn {
            description: ColumnDescription {
                kind: ColumnKind::Date,
                reason,
                notation: Some(CellNotation::Date(format)),
                ..column
            },
            reading: TextReading::Date(format),
            mistakes: self.mistakes(name, format.example(), mistakes),
            doubtful: None,
        }
    }

    fn as_texts(
        &self,
        name: &str,
        column_use: ColumnUse,
        two_decimals: bool,
        forced: Option<ColumnKind>,
    ) -> DecidedColumn {
        // `+` beside `-` is a category, and so is `-` then.
        let marks_are_missing = !self.has_other_marks;
        let mut counts: Vec<(String, usize)> =
            self.counts.counts.iter().map(|(text, &count)| (text.to_string(), count)).collect();
        let mut known = self.known;
        if !marks_are_missing {
            counts.extend(self.marks.iter().cloned());
            known += self.marks.iter().map(|(_, count)| count).sum::<usize>();
        }
        counts.sort();
        let column = self.column(name, !self.counts.is_full, counts.len(), marks_are_missing);
        let mut found = match column.distinct {
            Some(0) => (ColumnKind::Constant, "every cell is missing".to_owned()),
            Some(1) => constant(&quoted(&counts[0].0), known, column.missing),
            distinct => kind_of_texts(name, column_use, known, distinct),
        };
        let others = self.forms[NumberForm::Other as usize];
        if self.known > others {
            found.1 += &match (&self.leading_zero, &self.others[..]) {
                (Some(text), []) => format!("; {text} begins with 0, as names do"),
                (None, []) if self.too_long => {
                    format!("; numbers of more than {EXACT_DIGITS} digits are names")
                }
                (_, []) if two_decimals => "; some have a decimal point, some a comma".to_owned(),
                (_, [(line, text), ..]) => {
                    format!("; {others} of {known} are not numbers, such as {text} in line {line}")
                }
                _ => String::new(),
            };
        }
        let mut column = with_kind(column, found, forced);
        let mut reading = TextReading::Text { marks_are_missing };
        // Too many categories to be counted are texts, whatever they are called.
        let one_value = column.kind == ColumnKind::Constant && column.distinct == Some(1);
        if (column.kind.has_categories() || one_value) && column.distinct.is_some() {
            column.categories = counts;
            let categories = Arc::new(Categories::new(&column.categories));
            reading = TextReading::Category { categories, marks_are_missing };
        }
        DecidedColumn { description: column, reading, mistakes: (Vec::new(), 0), doubtful: None }
    }

    /// The description of the column without its kind.
    fn column(
        &self,
        name: &str,
        counted: bool,
        distinct: usize,
        marks_are_missing: bool,
    ) -> ColumnDescription {
        let marks: usize = self.marks.iter().map(|(_, count)| count).sum();
        let missing = self.missing + if marks_are_missing { marks } else { 0 };
        description(name, missing, counted.then_some(distinct))
    }

    fn mistakes(&self, name: &str, expected: &str, count: usize) -> (Vec<CellMistake>, usize) {
        let mistake = |(line, found): &(u64, String)| CellMistake {
            order: *line,
            place: format!("line {line}"),
            column: Some(name.to_owned()),
            found: found.clone(),
            expected: expected.to_owned(),
        };
        (if count > 0 { self.others.iter().map(mistake).collect() } else { Vec::new() }, count)
    }
}

/// What is counted of a column of numbers, as arrays have them. NaN is a missing cell.
#[derive(Clone, Debug)]
pub struct NumberProfile {
    known: usize,
    missing: usize,
    counts: Counts<u64>,
    whole: bool,
    counter: RowCounter,
}

impl NumberProfile {
    /// A profile that counts at most `limit` different numbers.
    pub fn new(limit: usize) -> Self {
        let counts = Counts::new(limit);
        Self { known: 0, missing: 0, counts, whole: true, counter: RowCounter::default() }
    }

    /// Counts a cell.
    pub fn add(&mut self, number: f64) {
        if number.is_nan() {
            self.missing += 1;
            return;
        }
        self.known += 1;
        // 0 and −0 are one number.
        self.counts.add((number + 0.0).to_bits());
        self.whole &= number.fract() == 0.0;
        self.counter.add(number);
    }

    /// Decides what the column is used as, unless that is said.
    pub fn decide(
        &self,
        name: &str,
        column_use: ColumnUse,
        forced: Option<ColumnKind>,
    ) -> ColumnDescription {
        let counted = self.counts.counts.iter();
        let mut by_value: Vec<_> = counted.map(|(&bits, &n)| (f64::from_bits(bits), n)).collect();
        by_value.sort_by(|a, b| a.0.total_cmp(&b.0));
        let column = description(name, self.missing, self.counts.distinct());
        let evidence = NumberEvidence {
            known: self.known,
            distinct: column.distinct.map(|n| (n, range(&by_value))),
            whole: self.whole,
            counts_rows: !self.counter.failed,
        };
        let found = match column.distinct {
            Some(0) => (ColumnKind::Constant, "every cell is missing".to_owned()),
            Some(1) => constant(&by_value[0].0.to_string(), self.known, self.missing),
            _ => kind_of_numbers(name, column_use, evidence),
        };
        let mut column = with_kind(column, found, forced).with_values(self.whole, &by_value);
        if column.kind == ColumnKind::WholeCategory {
            column.categories = by_value.iter().map(|(n, count)| (n.to_string(), *count)).collect();
        }
        column
    }
}

fn description(name: &str, missing: usize, distinct: Option<usize>) -> ColumnDescription {
    ColumnDescription {
        name: name.to_owned(),
        kind: ColumnKind::Constant,
        reason: String::new(),
        missing,
        distinct,
        categories: Vec::new(),
        shape: Vec::new(),
        has_frequent_values: false,
        notation: None,
    }
}

fn with_kind(
    column: ColumnDescription,
    (kind, reason): (ColumnKind, String),
    forced: Option<ColumnKind>,
) -> ColumnDescription {
    let reason = match forced {
        Some(forced) if forced != kind => format!("as you say; found as {kind}: {reason}"),
        _ => reason,
    };
    ColumnDescription { kind: forced.unwrap_or(kind), reason, ..column }
}

impl ColumnDescription {
    /// The same with what the different numbers of the column, in order and with their rows, say beyond its kind.
    fn with_values(self, whole: bool, by_value: &[(f64, usize)]) -> Self {
        // If there are too many to be counted, there are none here.
        let has_frequent_values =
            self.kind == ColumnKind::Number && whole && have_frequent_values(by_value);
        Self { has_frequent_values, ..self }
    }
}

fn constant(value: &str, known: usize, missing: usize) -> (ColumnKind, String) {
    let rest = if missing > 0 { format!(", {missing} missing") } else { String::new() };
    (ColumnKind::Constant, format!("{value} in all {known} rows{rest}"))
}

fn range(sorted: &[(f64, usize)]) -> [f64; 2] {
    let ends = [sorted.first(), sorted.last()];
    ends.map(|end| end.map_or(f64::NAN, |(number, _)| *number))
}
