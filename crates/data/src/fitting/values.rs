//! A row that a program gives by the names of its columns.

use super::FittedTransforms;
use crate::columns::{Cells, Column, ColumnKind, Table};
use crate::{DataError, Features};

/// A cell of a row that a program gives.
///
/// # Examples
///
/// ```
/// # use gradus_data::CellValue;
/// assert_eq!(CellValue::from(2.5), CellValue::Number(2.5));
/// assert_eq!(CellValue::from("red"), CellValue::Text("red"));
/// assert_eq!(CellValue::from(None::<f64>), CellValue::Missing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CellValue<'a> {
    /// A number, the seconds of a date since 1970, or a whole number that is a category.
    Number(f64),
    /// A category.
    Text(&'a str),
    /// The elements of an array, such as the pixels of a picture from 0 to 255.
    Elements(&'a [f32]),
    /// Nothing.
    Missing,
}

macro_rules! from {
    ($($from:ty => |$value:ident| $cell:expr;)*) => {
        $(
            impl<'a> From<$from> for CellValue<'a> {
                fn from($value: $from) -> Self {
                    $cell
                }
            }
        )*
    };
}

from! {
    f64 => |value| Self::Number(value);
    f32 => |value| Self::Number(value.into());
    i32 => |value| Self::Number(value.into());
    &'a str => |value| Self::Text(value);
    &'a [f32] => |value| Self::Elements(value);
}

impl<'a, V: Into<CellValue<'a>>> From<Option<V>> for CellValue<'a> {
    fn from(value: Option<V>) -> Self {
        value.map_or(Self::Missing, Into::into)
    }
}

impl FittedTransforms {
    /// A table with one row, of cells by the names of their columns, in any order; others are left out.
    /// [`encode`](Self::encode) says which columns are not there, or have cells of another form.
    ///
    /// # Errors
    ///
    /// As [`Table::new`].
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::{TransformPlan, columns::TableOptions, readers::csv::CsvFile};
    /// let text = "size,kind,class\n1.5,a,x\n2.5,b,y\n";
    /// let train = CsvFile::from_bytes("train.csv", text.as_bytes(), &TableOptions::default())?;
    /// let fitted = TransformPlan::default().fit(&train, &|_| true)?;
    /// let row = fitted.row([("kind", "b".into()), ("size", 2.0.into())])?;
    /// let mut features = [0.0; 3];
    /// fitted.encode(&row, [0], &mut features)?;
    /// assert_eq!(features, [0.0, 0.0, 1.0]);
    /// # Ok::<(), gradus_data::DataError>(())
    /// ```
    pub fn row<'a>(
        &self,
        cells: impl IntoIterator<Item = (&'a str, CellValue<'a>)>,
    ) -> Result<Table, DataError> {
        let mut columns = Vec::new();
        for (name, value) in cells {
            let fitted = self.columns().iter().find(|column| column.name == name);
            let Some(fitted) = fitted else { continue };
            let cells = match value {
                CellValue::Number(number) => Cells::Numbers(vec![number]),
                CellValue::Text(text) => Cells::Texts(vec![Some(text.to_owned())]),
                CellValue::Missing if fitted.kind.has_categories() => Cells::Texts(vec![None]),
                CellValue::Missing if fitted.kind == ColumnKind::Array => continue,
                CellValue::Missing => Cells::Numbers(vec![f64::NAN]),
                CellValue::Elements(values) => {
                    let is_whole = fitted.shape.iter().product::<usize>() == values.len();
                    let shape = if is_whole { fitted.shape.clone() } else { vec![values.len()] };
                    Cells::Arrays { shape, values: Features::F32(values.to_vec()) }
                }
            };
            columns.push(Column { name: name.to_owned(), cells });
        }
        Table::new("the row", 1, columns)
    }
}
