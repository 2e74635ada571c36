//! Numbers as they are written in different countries.

use serde::{Deserialize, Serialize};

/// How a cell is written, as far as one cell can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberForm {
    /// Digits without a sign between them: `12`, `-3e5`.
    Plain,
    /// A decimal point: `1.5`, `1 234.567`.
    Point,
    /// A decimal point, or thousands: `2.000`.
    PointOrThousands,
    /// Thousands for certain: `1.000.000`.
    PointThousands,
    /// A decimal comma: `1,5`.
    Comma,
    /// A decimal comma, or thousands: `2,000`.
    CommaOrThousands,
    /// Thousands for certain: `1,000,000`.
    CommaThousands,
    /// A decimal comma after thousands: `1.000,5`.
    ThousandsComma,
    /// A decimal point after thousands: `1,000.5`.
    ThousandsPoint,
    /// Something else than a number.
    Other,
}

/// How many forms there are.
pub(crate) const FORMS: usize = 10;

/// How the numbers of a column are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberNotation {
    /// What separates the fraction: `.` or `,`.
    pub decimal: char,
    /// Whether the other of both separates thousands.
    pub thousands: bool,
}

impl Default for NumberNotation {
    fn default() -> Self {
        Self { decimal: '.', thousands: false }
    }
}

/// Signs between thousands that are never decimal: blanks, the narrow and the wide one that does not break, apostrophes.
const GROUP_SIGNS: [char; 5] = [' ', '\u{a0}', '\u{202f}', '\'', '’'];

/// A number in its parts.
struct Written {
    form: NumberForm,
    /// Whether the fraction is absent or all zeros, whatever the form means.
    whole: bool,
}

impl NumberForm {
    /// How a text without blanks around it is written, and whether it is a whole number.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::columns::NumberForm;
    /// assert_eq!(NumberForm::of("6739.5362"), (NumberForm::Point, false));
    /// assert_eq!(NumberForm::of("2.000"), (NumberForm::PointOrThousands, true));
    /// assert_eq!(NumberForm::of("12 kg"), (NumberForm::Other, false));
    /// ```
    pub fn of(text: &str) -> (Self, bool) {
        written(text).map_or((Self::Other, false), |written| (written.form, written.whole))
    }
}

fn written(text: &str) -> Option<Written> {
    use NumberForm::*;
    let text = text.strip_prefix(['+', '-', '−']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let is_number = (1..=4).contains(&digits.len()) && all_digits(digits);
        is_number.then_some(())?;
    }
    // The usual case needs no more than this.
    if all_digits(mantissa) {
        return (!mantissa.is_empty())
            .then_some(Written { form: Plain, whole: exponent.is_none() });
    }
    let n = |sign: char| mantissa.matches(sign).count();
    let (points, commas) = (n('.'), n(','));
    let last = mantissa.rfind(['.', ',']);
    let (whole, fraction) = match last {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, ""),
    };
    if !all_digits(fraction) {
        // A sign of groups: "1 234 567" has no fraction, and "1.234 567" is not a number.
        return None;
    }
    let zeros = exponent.is_none() && fraction.bytes().all(|digit| digit == b'0');
    let three = fraction.len() == 3 && exponent.is_none();
    let signs: Vec<char> = whole.chars().filter(|c| !c.is_ascii_digit()).collect();
    let Some(&sign) = signs.first() else {
        (!whole.is_empty() || !fraction.is_empty()).then_some(())?;
        // "0.123" and "1234.567" cannot be thousands.
        let leads = (1..=3).contains(&whole.len()) && !whole.starts_with('0');
        let form = match (points == 1, three && leads) {
            (true, false) => Point,
            (true, true) => PointOrThousands,
            (false, false) => Comma,
            (false, true) => CommaOrThousands,
        };
        return Some(Written { form, whole: zeros });
    };
    if signs.iter().any(|&other| other != sign) || !grouped(whole, sign) {
        return None;
    }
    let form = match (sign, points, commas) {
        // The last one is a group too: "1.000.000".
        ('.', _, 0) => three.then_some(PointThousands)?,
        (',', 0, _) => three.then_some(CommaThousands)?,
        ('.', _, 1) => ThousandsComma,
        (',', 1, _) => ThousandsPoint,
        (_, 0, 0) if GROUP_SIGNS.contains(&sign) => Plain,
        (_, 1, 0) if GROUP_SIGNS.contains(&sign) => Point,
        (_, 0, 1) if GROUP_SIGNS.contains(&sign) => Comma,
        _ => return None,
    };
    let whole = zeros || matches!(form, PointThousands | CommaThousands);
    Some(Written { form, whole })
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether digits are in groups of three, the first of one to three.
fn grouped(digits: &str, sign: char) -> bool {
    let mut groups = digits.split(sign);
    let first = groups.next().unwrap_or_default();
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && all_digits(first)
        && groups.all(|group| group.len() == 3 && all_digits(group))
}

impl NumberNotation {
    /// The number of a text that is written so, without blanks around it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gradus_data::columns::NumberNotation;
    /// let german = NumberNotation { decimal: ',', thousands: true };
    /// assert_eq!(german.parse("2.000,5"), Some(2000.5));
    /// assert_eq!(german.parse("6739.5362"), None);
    /// assert_eq!(NumberNotation::default().parse("6739.5362"), Some(6739.5362));
    /// ```
    pub fn parse(self, text: &str) -> Option<f64> {
        use NumberForm::*;
        let form = written(text)?.form;
        let has_point = self.decimal == '.';
        let fits = match form {
            Plain => true,
            Point => has_point,
            Comma => !has_point,
            PointOrThousands => has_point || self.thousands,
            CommaOrThousands => !has_point || self.thousands,
            PointThousands | ThousandsComma => !has_point && self.thousands,
            CommaThousands | ThousandsPoint => has_point && self.thousands,
            Other => false,
        };
        if !fits {
            return None;
        }
        if matches!(form, Plain | Point | PointOrThousands)
            && (has_point || form == Plain)
            && let Ok(number) = text.parse()
        {
            return finite(number);
        }
        let kept = text.chars().filter_map(|c| match c {
            '−' => Some('-'),
            c if c == self.decimal => Some('.'),
            '.' | ',' => None,
            c if GROUP_SIGNS.contains(&c) => None,
            c => Some(c),
        });
        finite(kept.collect::<String>().parse().ok()?)
    }

    /// How a column is written, of which `counts` says how many cells have each form; `decimal` is the decimal sign
    /// that the other columns of the file have, `thousands` whether thousands may be separated by the other sign. The
    /// second result says whether another reading is as likely.
    ///
    /// None if some cells have a decimal point and others a decimal comma.
    pub(crate) fn of_column(
        counts: &[usize; FORMS],
        decimal: Option<char>,
        thousands: bool,
    ) -> Option<(Self, bool)> {
        use NumberForm::*;
        let n = |form: NumberForm| counts[form as usize];
        if !thousands {
            let point = n(Point) + n(PointOrThousands);
            let comma = n(Comma) + n(CommaOrThousands);
            let decimal = if point > 0 { '.' } else { ',' };
            return (point == 0 || comma == 0).then_some((Self { decimal, thousands }, false));
        }
        let point = n(Point) + n(ThousandsPoint) + n(CommaThousands);
        let comma = n(Comma) + n(ThousandsComma) + n(PointThousands);
        let both = n(PointOrThousands) > 0 && n(CommaOrThousands) > 0;
        let format = |decimal| Self { decimal, thousands: true };
        match (point > 0, comma > 0) {
            (true, true) => None,
            (true, false) => Some((format('.'), false)),
            (false, true) => Some((format(','), false)),
            _ if both => None,
            _ if n(PointOrThousands) + n(CommaOrThousands) == 0 => {
                Some((format(decimal.unwrap_or('.')), false))
            }
            // Three digits after a point are common in files with decimal points.
            _ if n(PointOrThousands) > 0 => {
                let decimal = decimal.unwrap_or('.');
                Some((format(decimal), decimal == ','))
            }
            _ => Some((format(decimal.unwrap_or('.')), decimal.is_none())),
        }
    }
}

fn finite(number: f64) -> Option<f64> {
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::NumberForm::*;
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let cases = [
            ("12", Plain, true),
            ("-3e5", Plain, false),
            ("+7", Plain, true),
            ("−7", Plain, true),
            ("1 234 567", Plain, true),
            ("1'234", Plain, true),
            ("1.5", Point, false),
            (".5", Point, false),
            ("5.", Point, true),
            ("1.0", Point, true),
            ("0.123", Point, false),
            ("1234.567", Point, false),
            ("1.234e3", Point, false),
            ("1 234.567", Point, false),
            ("2.000", PointOrThousands, true),
            ("2.001", PointOrThousands, false),
            ("1.000.000", PointThousands, true),
            ("1,5", Comma, false),
            ("1\u{a0}234,5", Comma, false),
            ("2,000", CommaOrThousands, true),
            ("1,000,000", CommaThousands, true),
            ("1.000,5", ThousandsComma, false),
            ("1,000.50", ThousandsPoint, false),
        ];
        for (text, form, whole) in cases {
            assert_eq!(NumberForm::of(text), (form, whole), "{text}");
        }
        let others = [
            "",
            "-",
            ".",
            ",",
            "e5",
            "1e",
            "1e99999",
            "12 kg",
            "0x10",
            "inf",
            "NaN",
            "1.2.3",
            "1.00.000",
            "1,000,00",
            "1.000,000,0",
            "1,2.3",
            "01.02.2020",
            "2020-01-02",
            "12%",
            "1 2",
            "1 2345",
            "--1",
            "１",
        ];
        for text in others {
            assert_eq!(NumberForm::of(text), (Other, false), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_their_format_says_or_not_at_all() {
        let point = NumberNotation { decimal: '.', thousands: true };
        let comma = NumberNotation { decimal: ',', thousands: true };
        let plain = NumberNotation::default();
        let cases = [
            (point, "1,234,567.5", Some(1_234_567.5)),
            (point, "2,000", Some(2000.0)),
            (point, "2.000", Some(2.0)),
            (point, "1,5", None),
            (comma, "1.234.567,5", Some(1_234_567.5)),
            (comma, "2.000", Some(2000.0)),
            (comma, "2,000", Some(2.0)),
            (comma, "140.98877", None),
            (comma, "-1,5e3", Some(-1500.0)),
            (plain, "2,000", None),
            (plain, "1 234.5", Some(1234.5)),
            (plain, "−1.5", Some(-1.5)),
            (plain, "16777217", Some(16_777_217.0)),
            (plain, "1e999", None),
        ];
        for (format, text, number) in cases {
            assert_eq!(format.parse(text), number, "{text} as {format:?}");
        }
    }

    #[test]
    fn a_column_is_written_in_one_way() {
        let counts = |texts: &[&str]| {
            let mut counts = [0; FORMS];
            texts.iter().for_each(|text| counts[NumberForm::of(text).0 as usize] += 1);
            counts
        };
        let of = |texts: &[&str], decimal| {
            let found = NumberNotation::of_column(&counts(texts), decimal, true);
            found.map(|(format, doubtful)| (format.decimal, doubtful))
        };
        assert_eq!(of(&["1,5", "2.000"], None), Some((',', false)));
        assert_eq!(of(&["2.000", "3.000"], Some(',')), Some((',', true)));
        assert_eq!(of(&["2.000", "3.000"], None), Some(('.', false)));
        assert_eq!(of(&["6739.5362", "140.98877"], Some(',')), Some(('.', false)));
        assert_eq!(of(&["2.000", "140.98877"], Some(',')), Some(('.', false)));
        assert_eq!(of(&["1,234", "2,000"], None), Some(('.', true)));
        assert_eq!(of(&["1,234", "2,000"], Some('.')), Some(('.', false)));
        assert_eq!(of(&["1,234", "2,000"], Some(',')), Some((',', false)));
        assert_eq!(of(&["1.5", "1,5"], None), None);
        assert_eq!(of(&["2.000", "2,000"], None), None);
        assert_eq!(of(&["1", "2"], None), Some(('.', false)));
        let without = NumberNotation::of_column(&counts(&["2.000"]), Some(','), false);
        assert_eq!(without, Some((NumberNotation::default(), false)));
    }
}
