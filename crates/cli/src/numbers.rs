//! Numbers as text.

/// A whole number with its thousands apart: `244,076`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// A loss: one that is very small or very large is shown in scientific notation.
pub(crate) fn loss(loss: f64) -> String {
    let is_plain = loss == 0.0 || loss.is_nan() || (1e-3..1e6).contains(&loss.abs());
    if is_plain { format!("{loss:.4}") } else { format!("{loss:.2e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (244_076, "244,076")];
        assert!(cases.iter().all(|&(number, text)| thousands(number) == text));
    }

    #[test]
    fn a_loss_keeps_digits_that_say_something() {
        let cases =
            [(2.345_678, "2.3457"), (0.0, "0.0000"), (3.14e-5, "3.14e-5"), (7.25e8, "7.25e8")];
        assert_eq!(cases.map(|(number, _)| loss(number)), cases.map(|(_, text)| text));
        assert_eq!((loss(f64::NAN), loss(f64::INFINITY)), ("NaN".into(), "inf".into()));
    }
}
