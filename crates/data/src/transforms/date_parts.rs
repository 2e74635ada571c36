//! A date as numbers: year, month, day and others, in UTC.
//!
//! Dates before the year 0 and after the year 9999 are as the nearest of these.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FittedTransform, Fitting,
    TransformSettings,
};
use crate::columns::CalendarDate;

/// The seconds from 1970 to the first day of the year 0, and to the last second of the year 9999.
const RANGE: [f64; 2] = [-62_167_219_200.0, 253_402_300_799.0];

/// Year, month, day and other parts of a date.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `parts` | `["year", "month", "day", "weekday", "hour"]` | the features, in this order |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DateParts {
    /// The features, in this order.
    pub parts: Vec<DatePart>,
}

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatePart {
    /// Days since the beginning of 1970, with a fraction.
    Days,
    /// The year.
    Year,
    /// 1 to 12.
    Month,
    /// Day of the month, 1 to 31.
    Day,
    /// 0 for Monday to 6 for Sunday.
    Weekday,
    /// Hours since midnight, with a fraction.
    Hour,
}

impl Default for DateParts {
    fn default() -> Self {
        use DatePart::{Day, Hour, Month, Weekday, Year};
        Self { parts: vec![Year, Month, Day, Weekday, Hour] }
    }
}

impl DatePart {
    fn name(self) -> &'static str {
        match self {
            Self::Days => "days",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::Weekday => "weekday",
            Self::Hour => "hour",
        }
    }

    fn of(self, date: CalendarDate) -> f64 {
        match self {
            Self::Days => date.days + date.seconds / 86_400.0,
            Self::Year => date.year,
            Self::Month => date.month,
            Self::Day => date.day,
            // 1970 began on a Thursday.
            Self::Weekday => (date.days + 3.0).rem_euclid(7.0),
            Self::Hour => date.seconds / 3600.0,
        }
    }
}

impl TransformSettings for DateParts {
    fn name(&self) -> &'static str {
        "date_parts"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content == CellContent::Date).then_some(CellContent::Number)
    }

    fn check(&self) -> Result<(), String> {
        let is_repeated = |i: usize| self.parts[..i].contains(&self.parts[i]);
        match (0..self.parts.len()).find(|&i| is_repeated(i)) {
            Some(i) => Err(format!("parts has `{}` twice", self.parts[i].name())),
            None if self.parts.is_empty() => {
                Err("parts is empty, expected at least one".to_owned())
            }
            None => Ok(()),
        }
    }

    fn fit(&self, _input: &ColumnValues) -> Fitting {
        FittedTransform::from(self.clone()).into()
    }
}

impl ApplyTransform for DateParts {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        let is_fitted = input.content == CellContent::Date && self.check().is_ok();
        let name = is_fitted.then(|| input.open.first())??;
        let open = self.parts.iter().map(|part| format!("{name} {}", part.name())).collect();
        Some(ColumnValues { content: CellContent::Number, open, ..input })
    }

    fn apply(&self, cell: &mut CellValues) {
        let Some(seconds) = cell.open.pop() else { return };
        // A missing date has missing parts: NaN stays NaN.
        let date = CalendarDate::of(seconds.clamp(RANGE[0], RANGE[1]));
        cell.open.extend(self.parts.iter().map(|part| part.of(date)));
    }
}
