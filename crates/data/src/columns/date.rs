//! Dates as they are written in different countries.

use serde::{Deserialize, Serialize};

/// How the dates of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateFormat {
    /// Year, month, day: `2024-02-29`, `2024/2/29`, `2024-02-29T12:30:00.5+01:00`.
    YearFirst,
    /// Day, month, year: `29.02.2024`, `29/2/2024 12:30`.
    DayFirst,
    /// Month, day, year: `02/29/2024`.
    MonthFirst,
}

impl DateFormat {
    /// All formats, the likelier one of two that fit first: points are used where the day is first.
    pub(crate) const ALL: [Self; 3] = [Self::YearFirst, Self::MonthFirst, Self::DayFirst];

    /// What a cell is expected to be, with an example.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::YearFirst => "a date such as 2024-02-29",
            Self::MonthFirst => "a date such as 02/29/2024",
            Self::DayFirst => "a date such as 29.02.2024",
        }
    }

    /// The seconds since the beginning of 1970 in UTC, to which times without a zone belong.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::columns::DateFormat;
    /// assert_eq!(DateFormat::YearFirst.parse("1970-01-02 00:00:01.5"), Some(86_401.5));
    /// assert_eq!(DateFormat::MonthFirst.parse("29/02/2024"), None);
    /// ```
    pub fn parse(self, text: &str) -> Option<f64> {
        let (date, time) = match text.find(['T', ' ']) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let sign = date.chars().find(|c| !c.is_ascii_digit())?;
        ['-', '/', '.'].contains(&sign).then_some(())?;
        let mut parts = date.split(sign);
        let parts = [parts.next()?, parts.next()?, parts.next()?, parts.next().map_or("", |_| "?")];
        let [year, month, day] = match self {
            Self::YearFirst => [parts[0], parts[1], parts[2]],
            Self::DayFirst => [parts[2], parts[1], parts[0]],
            // "02.29.2024" is not written anywhere.
            Self::MonthFirst if sign == '.' => return None,
            Self::MonthFirst => [parts[2], parts[0], parts[1]],
        };
        if year.len() != 4 || !parts[3].is_empty() {
            return None;
        }
        let (year, month, day) = (digits(year, 4)?, digits(month, 2)? as usize, digits(day, 2)?);
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [31, 28 + u32::from(is_leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let length = *lengths.get(month.checked_sub(1)?)?;
        (1..=length).contains(&day).then_some(())?;
        let before = |year: u32| f64::from(year * 365 + year / 4 - year / 100 + year / 400);
        let days = before(year.checked_sub(1)?) - before(1969)
            + f64::from(lengths[..month - 1].iter().sum::<u32>() + day - 1);
        Some(days * 86_400.0 + time.map_or(Some(0.0), seconds)?)
    }
}

/// A point in time by the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CalendarDate {
    pub(crate) year: f64,
    /// 1 to 12.
    pub(crate) month: f64,
    /// Day of the month, from 1.
    pub(crate) day: f64,
    /// Days since the beginning of 1970.
    pub(crate) days: f64,
    /// Seconds since midnight.
    pub(crate) seconds: f64,
}

impl CalendarDate {
    /// The date of so many seconds since the beginning of 1970.
    pub(crate) fn of(seconds: f64) -> Self {
        let days = (seconds / 86_400.0).floor();
        // Years of 400 that begin in March, so that a leap day is the last of its year.
        let since = days + 719_468.0;
        let era = (since / 146_097.0).floor();
        let day = since - era * 146_097.0;
        let year_of_era = ((day - (day / 1460.0).floor() + (day / 36_524.0).floor()
            - (day / 146_096.0).floor())
            / 365.0)
            .floor();
        let day_of_year = day
            - (365.0 * year_of_era + (year_of_era / 4.0).floor() - (year_of_era / 100.0).floor());
        let shifted = ((5.0 * day_of_year + 2.0) / 153.0).floor();
        let day = day_of_year - ((153.0 * shifted + 2.0) / 5.0).floor() + 1.0;
        let month = if shifted < 10.0 { shifted + 3.0 } else { shifted - 9.0 };
        let year = year_of_era + era * 400.0 + f64::from(u8::from(month <= 2.0));
        Self { year, month, day, days, seconds: seconds - days * 86_400.0 }
    }
}

/// The date of so many seconds since the beginning of 1970, as `2024-02-29`, with the time if that is not midnight.
pub fn date_text(seconds: f64) -> String {
    let CalendarDate { year, month, day, seconds, .. } = CalendarDate::of(seconds);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let rest = seconds as u32;
    match rest {
        0 => date,
        _ => format!("{date} {:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60),
    }
}

/// A number of at most so many digits.
fn digits(text: &str, most: usize) -> Option<u32> {
    let is_number = (1..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// The seconds of a time of day in UTC: `12:30`, `12:30:15.25`, `12:30:15Z`, `12:30+01:00`.
fn seconds(time: &str) -> Option<f64> {
    let time = time.strip_suffix(['Z', 'z']).unwrap_or(time);
    let (time, offset) = match time.rfind(['+', '-']) {
        Some(at) => {
            let sign = if time[at..].starts_with('+') { 1.0 } else { -1.0 };
            let zone = &time[at + 1..];
            let (hours, minutes) = match zone.split_once(':') {
                Some(both) => both,
                None if zone.is_ascii() && zone.len() == 4 => zone.split_at(2),
                None => (zone, "0"),
            };
            let minutes = f64::from(digits(hours, 2)?) * 60.0 + f64::from(digits(minutes, 2)?);
            (&time[..at], sign * minutes * 60.0)
        }
        None => (time, 0.0),
    };
    let mut parts = time.split(':');
    let (hours, minutes) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let (second, fraction) = match parts.next() {
        Some(second) => second.split_once('.').unwrap_or((second, "0")),
        None => ("0", "0"),
    };
    let second = digits(second, 2)?;
    let divisor = 10_f64.powi(fraction.len() as i32);
    let fraction = f64::from(digits(fraction, 9)?) / divisor;
    // A leap second is the 60th.
    let is_time = hours < 24 && minutes < 60 && second <= 60 && parts.next().is_none();
    is_time.then(|| f64::from(hours * 3600 + minutes * 60 + second) + fraction - offset)
}

#[cfg(test)]
mod tests {
    use super::DateFormat::*;
    use super::date_text;

    #[test]
    fn dates_are_written_as_they_are_read() {
        for text in [
            "1970-01-01",
            "1969-12-31",
            "2000-02-29",
            "2000-03-01",
            "1900-02-28",
            "2024-12-31 23:59:59",
            "0001-01-01",
            "9999-12-31",
        ] {
            assert_eq!(date_text(YearFirst.parse(text).unwrap()), text);
        }
    }

    #[test]
    fn dates_are_seconds_since_1970() {
        let cases = [
            (YearFirst, "1970-01-01", 0.0),
            (YearFirst, "1969-12-31", -86_400.0),
            (YearFirst, "2000-03-01", 951_868_800.0),
            (YearFirst, "2024/2/29", 1_709_164_800.0),
            (YearFirst, "2024-02-29T12:30:00.5+01:00", 1_709_206_200.5),
            (YearFirst, "2024-02-29 12:30:00Z", 1_709_209_800.0),
            (YearFirst, "2024-02-29 12:30-0230", 1_709_218_800.0),
            (DayFirst, "29.02.2024", 1_709_164_800.0),
            (DayFirst, "29/02/2024 00:01", 1_709_164_860.0),
            (MonthFirst, "2/29/2024", 1_709_164_800.0),
        ];
        for (format, text, seconds) in cases {
            assert_eq!(format.parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_dates() {
        let texts = [
            "",
            "2024",
            "2024-02",
            "2024-02-30",
            "2023-02-29",
            "1900-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "24-01-01",
            "2024-01-01-01",
            "2024-01-01T",
            "2024-01-01 24:00",
            "2024-01-01 12",
            "2024-01-01 12:60",
            "2024.01-01",
            "0000-01-01",
            "١٩٧٠-01-01",
            "2024-01-01 12:30:00.1234567890",
            "2024-01-01 12:30+é1",
            "12 kg",
        ];
        for text in texts {
            assert_eq!(YearFirst.parse(text), None, "{text}");
        }
        assert_eq!(MonthFirst.parse("02.29.2024"), None);
        assert_eq!(DayFirst.parse("2/29/2024"), None);
    }
}
