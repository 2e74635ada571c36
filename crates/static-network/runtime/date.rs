//! Dates.

/// A date by the Gregorian calendar, in UTC; all parts are NaN if it is missing.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "a model reads the parts that its features are made of")]
pub(crate) struct Date {
    pub(crate) year: f64,
    /// 1 to 12.
    pub(crate) month: f64,
    /// Day of the month, from 1.
    pub(crate) day: f64,
    /// Days since the beginning of 1970.
    days: f64,
    /// Seconds since midnight.
    seconds: f64,
}

#[allow(dead_code, reason = "as above")]
impl Date {
    /// The date of so many seconds since the beginning of 1970, from the year 0 to the year 9999.
    pub(crate) fn new(seconds: f64) -> Self {
        let seconds = seconds.clamp(-62_167_219_200.0, 253_402_300_799.0);
        let days = floor(seconds / 86_400.0);
        // Years begin in March, so that a leap day is the last of its year, in eras of 400 of them.
        let since = days + 719_468.0;
        let era = floor(since / 146_097.0);
        let day = since - era * 146_097.0;
        let leap_days = floor(day / 1460.0) - floor(day / 36_524.0) + floor(day / 146_096.0);
        let year_of_era = floor((day - leap_days) / 365.0);
        let before = 365.0 * year_of_era + floor(year_of_era / 4.0) - floor(year_of_era / 100.0);
        let day_of_year = day - before;
        let shifted = floor((5.0 * day_of_year + 2.0) / 153.0);
        let day = day_of_year - floor((153.0 * shifted + 2.0) / 5.0) + 1.0;
        let month = if shifted < 10.0 { shifted + 3.0 } else { shifted - 9.0 };
        let year = year_of_era + era * 400.0 + f64::from(u8::from(month <= 2.0));
        Self { year, month, day, days, seconds: seconds - days * 86_400.0 }
    }

    /// Days since the beginning of 1970, with a fraction.
    pub(crate) fn days(self) -> f64 {
        self.days + self.seconds / 86_400.0
    }

    /// 0 for Monday to 6 for Sunday.
    pub(crate) fn weekday(self) -> f64 {
        // 1970 began on a Thursday.
        let since = self.days + 3.0;
        since - 7.0 * floor(since / 7.0)
    }

    /// Hours since midnight, with a fraction.
    pub(crate) fn hour(self) -> f64 {
        self.seconds / 3600.0
    }
}

/// The largest whole number that is not above `x`.
fn floor(x: f64) -> f64 {
    let whole = x as i64 as f64;
    if x.is_nan() { x } else { whole - f64::from(u8::from(whole > x)) }
}
