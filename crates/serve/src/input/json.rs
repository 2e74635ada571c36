//! Rows as JSON: `{"rows":[{"column":value,…},…]}`, `{"rows":[[value,…],…]}`, or `{"pictures":["BASE64",…]}`.
//!
//! Each cell becomes features as soon as it is read.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::columns::ColumnKind;
use data::{CellValue, RowBuffer};
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{InputRows, Reading, pictures};
use crate::error::RequestError;

/// The most numbers of a list in a cell that takes none.
const SHOWN_NUMBERS: usize = 16;

pub(super) fn read(reading: &Reading<'_>, body: &[u8]) -> Result<InputRows, RequestError> {
    let columns = reading.model.transforms().columns();
    let mut reader = RowReader {
        reading,
        is_array: columns.len() == 1 && columns[0].kind == ColumnKind::Array,
        rows: InputRows::default(),
        is_given: vec![false; columns.len()],
        elements: Vec::new(),
        buffer: RowBuffer::default(),
        refusal: None,
    };
    let mut text = serde_json::Deserializer::from_slice(body);
    let read = text.deserialize_map(BodyVisitor(&mut reader)).and_then(|()| text.end());
    match (reader.refusal, read) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(RequestError::bad(format!("body: {error}"))),
        (None, Ok(())) => Ok(reader.rows),
    }
}

/// What is known while a body is read.
struct RowReader<'a> {
    reading: &'a Reading<'a>,
    /// Whether the only column has arrays, so that a list is such an array.
    is_array: bool,
    rows: InputRows,
    /// Which columns the row has so far.
    is_given: Vec<bool>,
    /// The numbers of a list.
    elements: Vec<f32>,
    buffer: RowBuffer,
    /// Why the request is refused, if that is not for its form.
    refusal: Option<RequestError>,
}

impl RowReader<'_> {
    /// Ends the reading with an error that is not of the form of the text.
    fn refuse<T, E: serde::de::Error>(&mut self, refusal: RequestError) -> Result<T, E> {
        self.refusal = Some(refusal);
        Err(E::custom("refused"))
    }

    fn begin_row<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if let Err(refusal) = self.reading.check_rows(self.rows.rows + 1) {
            return self.refuse(refusal);
        }
        self.rows.rows += 1;
        self.is_given.fill(false);
        let width = self.reading.model.transforms().width();
        self.rows.features.resize(self.rows.rows * width, 0.0);
        Ok(())
    }

    fn set<E: serde::de::Error>(&mut self, column: usize, value: CellValue<'_>) -> Result<(), E> {
        let model = self.reading.model;
        let row = self.rows.rows;
        let start = (row - 1) * model.transforms().width();
        let features = &mut self.rows.features[start..];
        let name = &model.transforms().columns()[column].name;
        if std::mem::replace(&mut self.is_given[column], true) {
            let message = format!("row {row}: found the column `{name}` twice, expected it once");
            return self.refuse(RequestError::bad(message));
        }
        match model.encoder.encode(column, value, &mut self.buffer, features) {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.rows.warn(|| {
                    format!("row {row}, column `{name}`: found {}, which training does not have: as no category", shown(value))
                });
                Ok(())
            }
            Err(fault) => {
                let message = format!("row {row}, column `{name}`: {fault}");
                self.refuse(RequestError::bad(message))
            }
        }
    }

    fn end_row<E: serde::de::Error>(&mut self) -> Result<(), E> {
        let Some(missing) = self.is_given.iter().position(|is_given| !is_given) else {
            return Ok(());
        };
        let column = &self.reading.model.transforms().columns()[missing];
        let (row, name, expected) = (self.rows.rows, &column.name, expected(column.kind));
        let message = format!("row {row}: found no column `{name}`, expected {expected}");
        self.refuse(RequestError::bad(message))
    }

    /// The most numbers that a list of a column may have, behind which no more are read.
    fn most_elements(&self, column: usize) -> usize {
        let column = &self.reading.model.transforms().columns()[column];
        match column.kind {
            ColumnKind::Array => column.shape.iter().product(),
            _ => SHOWN_NUMBERS,
        }
    }

    fn set_elements<E: serde::de::Error>(&mut self, column: usize) -> Result<(), E> {
        let elements = std::mem::take(&mut self.elements);
        self.set(column, CellValue::Elements(&elements))?;
        self.elements = elements;
        Ok(())
    }
}

/// What a row should have for a column.
fn expected(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Category | ColumnKind::WholeCategory => "a category, or null if it is missing",
        ColumnKind::Date => "a date, or null if it is missing",
        ColumnKind::Array => "a list of numbers",
        _ => "a number, or null if it is missing",
    }
}

/// A category in a message.
fn shown(value: CellValue<'_>) -> String {
    const MOST: usize = 40;
    match value {
        CellValue::Text(text) => format!("{:?}", text.chars().take(MOST).collect::<String>()),
        CellValue::Number(number) => number.to_string(),
        CellValue::Elements(_) | CellValue::Missing => "another value".to_owned(),
    }
}

/// What a body contains.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum BodyField {
    Rows,
    Pictures,
}

struct BodyVisitor<'r, 'a>(&'r mut RowReader<'a>);

impl<'de> Visitor<'de> for BodyVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `rows` or `pictures`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_key()? {
            Some(BodyField::Rows) => map.next_value_seed(RowsSeed(self.0))?,
            Some(BodyField::Pictures) => map.next_value_seed(PicturesSeed(self.0))?,
            None => {
                return Err(A::Error::custom(
                    "found an empty object, expected `rows` or `pictures`",
                ));
            }
        }
        match map.next_key::<BodyField>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("expected `rows` or `pictures` once")),
        }
    }
}

/// The list of rows.
struct RowsSeed<'r, 'a>(&'r mut RowReader<'a>);

impl<'de> DeserializeSeed<'de> for RowsSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        while rows.next_element_seed(RowSeed(self.0))?.is_some() {}
        Ok(())
    }
}

/// A row: an object with its cells by the names of their columns, a list of them in the order of the columns, or the elements
/// of the only array.
struct RowSeed<'r, 'a>(&'r mut RowReader<'a>);

impl<'de> DeserializeSeed<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row: an object with columns, or a list of cells")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        let Self(reader) = self;
        reader.begin_row()?;
        while let Some(column) = cells.next_key_seed(ColumnName(reader))? {
            match column {
                Some(column) => cells.next_value_seed(CellSeed { reader, column })?,
                // What the model does not use, such as the target.
                None => drop(cells.next_value::<IgnoredAny>()?),
            }
        }
        reader.end_row()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        let Self(reader) = self;
        reader.begin_row()?;
        if reader.is_array {
            reader.elements.clear();
            let most = reader.most_elements(0);
            let elements = &mut reader.elements;
            while cells.next_element_seed(ElementsSeed { elements, most })?.is_some() {}
            return reader.set_elements(0);
        }
        let columns = reader.reading.model.transforms().columns();
        for column in 0..columns.len() {
            if cells.next_element_seed(CellSeed { reader, column })?.is_none() {
                return reader.end_row();
            }
        }
        if cells.next_element::<IgnoredAny>()?.is_some() {
            let names: Vec<_> = columns.iter().map(|column| &*column.name).collect();
            let (row, n, names) = (reader.rows.rows, names.len(), names.join(", "));
            let message =
                format!("row {row}: found more than {n} cells, expected those of {names}");
            return reader.refuse(RequestError::bad(message));
        }
        Ok(())
    }
}

/// The name of a column, whose position it becomes.
struct ColumnName<'r, 'a>(&'r RowReader<'a>);

impl<'de> DeserializeSeed<'de> for ColumnName<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for ColumnName<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.reading.model.encoder.position(name))
    }
}

/// A cell of a column.
struct CellSeed<'r, 'a> {
    reader: &'r mut RowReader<'a>,
    column: usize,
}

impl<'de> DeserializeSeed<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for CellSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, null or a list of numbers")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        self.reader.set(self.column, CellValue::Number(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.visit_str(if value { "true" } else { "false" })
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        self.reader.set(self.column, CellValue::Text(value))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.reader.set(self.column, CellValue::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, cells: A) -> Result<(), A::Error> {
        let Self { reader, column } = self;
        reader.elements.clear();
        let most = reader.most_elements(column);
        ElementsSeed { elements: &mut reader.elements, most }.visit_seq(cells)?;
        reader.set_elements(column)
    }
}

/// The elements of an array: numbers, and lists of them. One more than there may be is kept, to be refused.
struct ElementsSeed<'r> {
    elements: &'r mut Vec<f32>,
    most: usize,
}

impl<'de> DeserializeSeed<'de> for ElementsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ElementsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a list of numbers")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        if self.elements.len() > self.most {
            let most = self.most;
            return Err(E::custom(format!(
                "found more than {most} numbers in a list, expected {most}"
            )));
        }
        self.elements.push(value as f32);
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { elements, most } = self;
        while list.next_element_seed(ElementsSeed { elements, most })?.is_some() {}
        Ok(())
    }
}

/// A list of pictures in base64.
struct PicturesSeed<'r, 'a>(&'r mut RowReader<'a>);

impl<'de> DeserializeSeed<'de> for PicturesSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PicturesSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pictures in base64")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self(reader) = self;
        while let Some(text) = list.next_element::<String>()? {
            let name = format!("picture {}", reader.rows.rows + 1);
            let read = STANDARD
                .decode(text)
                .map_err(|error| RequestError::bad(format!("{name}: {error}, expected base64")))
                .and_then(|picture| {
                    pictures::read(reader.reading, &name, &picture, &mut reader.rows)
                });
            if let Err(refusal) = read {
                return reader.refuse(refusal);
            }
        }
        Ok(())
    }
}
