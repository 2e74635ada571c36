//! The values of a column, whatever its type in the file is.

use ::parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::DataType;
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::ColumnDescriptor;

/// Whole numbers up to here are told apart in `f64`.
const MOST_EXACT: i128 = 1 << 53;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ValueContent {
    /// Numbers, to be divided by this.
    Numbers(f64),
    /// Whole numbers without a sign.
    Unsigned,
    Booleans,
    Texts,
    /// Days since 1970.
    Days,
    /// Points in time since 1970, so many of their unit a second.
    Instants(f64),
}

/// Values of some rows.
pub(super) enum ReadValues {
    /// NaN if missing.
    Numbers(Vec<f64>),
    /// Empty if missing.
    Texts(Vec<String>),
}

impl ValueContent {
    /// What a column has; none if it is something else: lists, structures, or bytes that are not a text.
    pub(super) fn of(column: &ColumnDescriptor) -> Option<Self> {
        let (logical, converted) = (column.logical_type_ref(), column.converted_type());
        let is_decimal =
            matches!(logical, Some(LogicalType::Decimal(_))) || converted == ConvertedType::DECIMAL;
        let is_text =
            matches!(logical, Some(LogicalType::String | LogicalType::Enum | LogicalType::Json));
        if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
            return None;
        }
        Some(match (column.physical_type(), logical, converted) {
            (Type::BOOLEAN, ..) => Self::Booleans,
            (Type::INT96, ..) => Self::Instants(1.0),
            _ if is_decimal => Self::Numbers(10_f64.powi(column.type_scale())),
            (Type::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Float16), _) => Self::Numbers(1.0),
            (Type::FIXED_LEN_BYTE_ARRAY, ..) => return None,
            (Type::BYTE_ARRAY, None, ConvertedType::NONE) => Self::Texts,
            (Type::BYTE_ARRAY, _, converted) => {
                use ConvertedType::{ENUM, JSON, UTF8};
                return (is_text || [UTF8, ENUM, JSON].contains(&converted)).then_some(Self::Texts);
            }
            (_, Some(LogicalType::Date), _) | (_, _, ConvertedType::DATE) => Self::Days,
            (_, Some(LogicalType::Timestamp(time)), _) => Self::Instants(match time.unit {
                TimeUnit::MILLIS => 1e3,
                TimeUnit::MICROS => 1e6,
                TimeUnit::NANOS => 1e9,
            }),
            (_, _, ConvertedType::TIMESTAMP_MILLIS) => Self::Instants(1e3),
            (_, _, ConvertedType::TIMESTAMP_MICROS) => Self::Instants(1e6),
            (_, Some(LogicalType::Integer(whole)), _) if !whole.is_signed => Self::Unsigned,
            (_, _, ConvertedType::UINT_32 | ConvertedType::UINT_64) => Self::Unsigned,
            _ => Self::Numbers(1.0),
        })
    }

    /// Reads the next `rows` values of a column, whose nulls have a level below `level`.
    pub(super) fn read(
        self,
        reader: &mut ColumnReader,
        rows: usize,
        level: i16,
    ) -> Result<ReadValues, String> {
        let whole = |value: i128| self.whole(value);
        Ok(match reader {
            ColumnReader::BoolColumnReader(reader) => {
                let texts = typed(reader, rows, level)?.into_iter();
                let text =
                    |value: Option<bool>| value.map_or_else(String::new, |is| is.to_string());
                ReadValues::Texts(texts.map(text).collect())
            }
            ColumnReader::Int32ColumnReader(reader) => {
                let unsigned = self == Self::Unsigned;
                let of =
                    |value: i32| whole(if unsigned { (value as u32).into() } else { value.into() });
                numbers(typed(reader, rows, level)?, of)?
            }
            ColumnReader::Int64ColumnReader(reader) => {
                let unsigned = self == Self::Unsigned;
                let of =
                    |value: i64| whole(if unsigned { (value as u64).into() } else { value.into() });
                numbers(typed(reader, rows, level)?, of)?
            }
            ColumnReader::Int96ColumnReader(reader) => {
                // Nanoseconds would not be exact.
                let seconds =
                    |value: ::parquet::data_type::Int96| Ok(value.to_millis() as f64 / 1e3);
                numbers(typed(reader, rows, level)?, seconds)?
            }
            ColumnReader::FloatColumnReader(reader) => {
                numbers(typed(reader, rows, level)?, |value| Ok(value.into()))?
            }
            ColumnReader::DoubleColumnReader(reader) => numbers(typed(reader, rows, level)?, Ok)?,
            ColumnReader::ByteArrayColumnReader(reader) if self == Self::Texts => {
                let text = |value: Option<::parquet::data_type::ByteArray>| match value {
                    None => Ok(String::new()),
                    Some(value) => match str::from_utf8(value.data()) {
                        Ok(text) => Ok(text.trim().to_owned()),
                        Err(_) => Err("found bytes that are not UTF-8, expected a text".to_owned()),
                    },
                };
                let texts = typed(reader, rows, level)?.into_iter().map(text);
                ReadValues::Texts(texts.collect::<Result<_, _>>()?)
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                numbers(typed(reader, rows, level)?, |value| whole(big_endian(value.data())?))?
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                let values = typed(reader, rows, level)?;
                let is_half = self == Self::Numbers(1.0);
                numbers(values, |value| match *value.data() {
                    [low, high] if is_half => Ok(half(u16::from_le_bytes([low, high]))),
                    ref bytes => whole(big_endian(bytes)?),
                })?
            }
        })
    }

    /// A whole number of the file as a number, or the seconds of a date.
    fn whole(self, value: i128) -> Result<f64, String> {
        match self {
            Self::Days => Ok(value as f64 * DAY),
            Self::Instants(units) => Ok(value as f64 / units),
            Self::Numbers(divisor) if divisor != 1.0 => Ok(value as f64 / divisor),
            _ if value.abs() > MOST_EXACT => Err(
                "found a whole number beyond 2^53, where neighbours cannot be told apart; save such names as texts"
                    .to_owned(),
            ),
            _ => Ok(value as f64),
        }
    }
}

/// The next values of a column, none where they are null.
fn typed<D: DataType>(
    reader: &mut ColumnReaderImpl<D>,
    rows: usize,
    level: i16,
) -> Result<Vec<Option<D::T>>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let optional = (level > 0).then_some(&mut levels);
    let (found, ..) = reader
        .read_records(rows, optional, None, &mut values)
        .map_err(|error: ParquetError| format!("cannot be read ({error})"))?;
    let mut values = values.into_iter();
    let all: Vec<_> = match level {
        0 => values.map(Some).collect(),
        level => levels.iter().map(|&at| if at == level { values.next() } else { None }).collect(),
    };
    match found == rows && all.len() == rows {
        true => Ok(all),
        false => Err(format!("ends after {found} of {rows} values")),
    }
}

/// Values as numbers, NaN where they are null.
fn numbers<V>(
    values: Vec<Option<V>>,
    number: impl Fn(V) -> Result<f64, String>,
) -> Result<ReadValues, String> {
    let numbers = values.into_iter().map(|value| value.map_or(Ok(f64::NAN), &number));
    Ok(ReadValues::Numbers(numbers.collect::<Result<_, _>>()?))
}

/// A whole number with its sign, the high byte first.
fn big_endian(bytes: &[u8]) -> Result<i128, String> {
    let sign = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
    let mut whole = [sign; 16];
    match 16_usize.checked_sub(bytes.len()) {
        Some(at) => {
            whole[at..].copy_from_slice(bytes);
            Ok(i128::from_be_bytes(whole))
        }
        None => Err(format!("found a decimal of {} bytes, expected at most 16", bytes.len())),
    }
}

/// A number of 16 bits (IEEE 754).
fn half(bits: u16) -> f64 {
    let (sign, exponent) = (if bits >> 15 == 1 { -1.0 } else { 1.0 }, bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f64.powi(-14),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        _ => (1.0 + fraction) * 2_f64.powi(i32::from(exponent) - 15),
    }
}
