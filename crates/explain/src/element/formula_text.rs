//! Formulas with their numbers put in.

/// A number as text that is read back as exactly this number: the shortest of its type.
pub(super) fn exact(number: f64) -> String {
    let single = number as f32;
    let [plain, scientific] = match f64::from(single) == number {
        true => [single.to_string(), format!("{single:e}")],
        false => [number.to_string(), format!("{number:e}")],
    };
    if plain.len() > scientific.len() + 2 { scientific } else { plain }
}

/// What a name of a formula stands for.
#[derive(Clone, Debug)]
pub(super) enum NameNumbers {
    One(f64),
    Vector(Vec<f64>),
}

/// The formula with numbers for its names. Of a vector with more than `most` elements the beginning and the end are
/// shown.
pub(super) fn with_numbers(
    formula: &str,
    numbers: impl Fn(&str) -> Option<NameNumbers>,
    most: usize,
) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut text, mut rest) = (String::new(), formula);
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_part(c)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        text += before;
        match numbers(word) {
            Some(NameNumbers::One(number)) => text += &in_context(&text, exact(number), after),
            Some(NameNumbers::Vector(numbers)) => text += &vector(&numbers, most),
            None => text += word,
        }
        rest = after;
    }
    text + rest
}

/// A negative number next to an operator stands in parentheses.
fn in_context(before: &str, number: String, after: &str) -> String {
    let is_operator = |c: Option<char>| c.is_some_and(|c| "+-*/^".contains(c));
    let is_left = is_operator(before.trim_end().chars().last());
    let is_power = after.trim_start().starts_with('^');
    if number.starts_with('-') && (is_left || is_power) { format!("({number})") } else { number }
}

fn vector(numbers: &[f64], most: usize) -> String {
    let all = |numbers: &[f64]| {
        numbers.iter().map(|&number| exact(number)).collect::<Vec<_>>().join(", ")
    };
    match numbers {
        [first @ .., last] if numbers.len() > most.max(2) => {
            let shown = &first[..most.max(2) - 1];
            let left = first.len() - shown.len();
            format!("[{}, … {left} more, {}]", all(shown), exact(*last))
        }
        _ => format!("[{}]", all(numbers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_put_in_for_names() {
        let numbers = |name: &str| match name {
            "x" => Some(NameNumbers::One(-0.5)),
            "a" => Some(NameNumbers::One(f64::from(0.1f32))),
            "s" => Some(NameNumbers::Vector(vec![1.0, -2.0, 3.0, 4.0])),
            _ => None,
        };
        for (formula, expected) in [
            ("max(x, 0)", "max(-0.5, 0)"),
            ("x", "-0.5"),
            ("x ^ 2 - x", "(-0.5) ^ 2 - (-0.5)"),
            ("1 / (1 + exp(-a))", "1 / (1 + exp(-0.1))"),
            ("exp(x) / sum(exp(s))", "exp(-0.5) / sum(exp([1, -2, 3, 4]))"),
            ("ax + 2", "ax + 2"),
        ] {
            assert_eq!(with_numbers(formula, numbers, 4), expected);
        }
        assert_eq!(with_numbers("sum(s)", numbers, 3), "sum([1, -2, … 1 more, 4])");
    }

    #[test]
    fn a_number_is_written_so_that_it_is_read_back() {
        for number in [0.0, -1.5, f64::from(0.1f32), 0.1, 1e-30, f64::from(1e-30f32), 1e300] {
            assert_eq!(exact(number).parse::<f64>().unwrap() as f32, number as f32);
            assert!(exact(number).len() < 25, "{}", exact(number));
        }
        assert_eq!([exact(0.1), exact(f64::from(0.1f32)), exact(1e-7)], ["0.1", "0.1", "1e-7"]);
    }
}
