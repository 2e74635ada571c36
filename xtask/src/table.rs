//! Numbers as text, and their tables in pages.

use anyhow::Context as _;

/// Stands where there is no number.
pub(crate) const NOTHING: &str = "–";

/// Behind a table in a page.
pub(crate) const END: &str = "<!-- end -->\n";

/// A positive number with three digits, or all that stand before the point.
pub(crate) fn short(number: f64) -> String {
    // Of the rounded number: 9.996 has its three digits in 10.0.
    let magnitude = format!("{number:.2e}").parse::<f64>().map_or(0.0, |n| n.log10().floor());
    let decimals = if number == 0.0 { 0.0 } else { (2.0 - magnitude).clamp(0.0, 9.0) };
    format!("{number:.*}", decimals as usize)
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(values.len() / 2)?;
    let lower = sorted[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

/// Bounds of the median of what the values are drawn from, with a confidence of at least 95 % if there are six or more: two of
/// the values, chosen by their rank only.
pub(crate) fn median_interval(values: &[f64]) -> Option<[f64; 2]> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    // That at most so many of the values are below the median, for 0, 1, …
    let (mut below, mut term) = (0.0, 0.5_f64.powi(n as i32));
    let mut left_out = 0;
    for count in 0..n / 2 {
        below += term;
        term *= (n - count) as f64 / (count + 1) as f64;
        if below <= 0.025 {
            left_out = count;
        }
    }
    Some([*sorted.get(left_out)?, *sorted.get(n - 1 - left_out)?])
}

/// The mean of at least two values, and its standard error.
pub(crate) fn mean_and_error(values: &[f64]) -> Option<[f64; 2]> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| [mean, (squares / (n - 1.0) / n).sqrt()])
}

/// A page with another table between `mark` and the next [`END`].
///
/// # Errors
///
/// If it has no such marks.
pub(crate) fn replaced(page: &str, mark: &str, table: &str) -> anyhow::Result<String> {
    let (before, rest) = page.split_once(mark).with_context(|| format!("no {}", mark.trim()))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no {}", END.trim()))?;
    Ok(format!("{before}{mark}\n{table}\n{END}{after}"))
}

/// The smallest and the largest value.
pub(crate) fn bounds(values: &[f64]) -> Option<[f64; 2]> {
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some([low, high])
}

/// The smallest and the largest value, as `low..high`.
pub(crate) fn range(values: &[f64]) -> Option<String> {
    bounds(values).map(|[low, high]| format!("{}..{}", short(low), short(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_count_is_between_the_two_in_the_middle() {
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_median_is_between_values_of_known_ranks() {
        // Of 20 values the 6th and the 15th, as in tables of the sign test; of 6 all.
        let values: Vec<f64> = (1..=20).map(f64::from).rev().collect();
        assert_eq!(median_interval(&values), Some([6.0, 15.0]));
        assert_eq!(median_interval(&values[..6]), Some([15.0, 20.0]));
        assert_eq!(median_interval(&[]), None);
    }

    #[test]
    fn the_standard_error_is_that_of_the_mean() {
        assert_eq!(mean_and_error(&[1.0, 3.0]), Some([2.0, 1.0]));
        assert_eq!(mean_and_error(&[1.0]), None);
    }

    #[test]
    fn a_table_replaces_the_one_before() {
        let page = format!("a\n<!-- x -->\nold\n{END}b\n<!-- y -->\nkept\n{END}");
        let once = replaced(&page, "<!-- x -->\n", "| new |\n").unwrap();
        assert_eq!(once, page.replace("old\n", "\n| new |\n\n"));
        assert_eq!(replaced(&once, "<!-- x -->\n", "| new |\n").unwrap(), once);
        assert!(replaced("no marks", "<!-- x -->\n", "").is_err());
    }

    #[test]
    fn three_digits_are_shown_and_none_before_the_point_is_lost() {
        let cases = [
            (1198.04, "1198"),
            (106.99, "107"),
            (24.66, "24.7"),
            (9.996, "10.0"),
            (1.0, "1.00"),
            (0.0432, "0.0432"),
            (0.0, "0"),
        ];
        assert_eq!(cases.map(|(number, _)| short(number)), cases.map(|(_, text)| text));
    }

    #[test]
    fn a_range_is_from_the_least_to_the_most() {
        assert_eq!(range(&[3.0, 1.0, 200.0]).as_deref(), Some("1.00..200"));
        assert_eq!(range(&[]), None);
    }
}
