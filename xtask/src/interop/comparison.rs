//! The numbers of a case beside those of PyTorch.

use super::case::{Case, Numbers, NumbersByName};

/// The largest error accepted, relative to the largest number of a vector.
pub(super) const TOLERANCE: f64 = 1e-9;

/// What the largest number of each vector is multiplied by: the comparison must notice.
const MUTATION: f64 = 1.0 + 1e-8;

/// What a case showed.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    case: &'a Case,
    pub(super) n_numbers: usize,
    /// The worst vector and its error, or why there is none.
    worst: Result<(&'a str, f64), String>,
    /// Vectors whose mutants were noticed, and all that were mutated.
    caught: usize,
    mutated: usize,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(case: &'a Case, answer: &Result<NumbersByName, String>) -> Self {
        let n_numbers = case.found.values().map(|numbers| numbers.values.len()).sum();
        let mut comparison =
            Self { case, n_numbers, worst: Ok(("nothing", 0.0)), caught: 0, mutated: 0 };
        match answer {
            Ok(answer) => comparison.compare(answer),
            Err(message) => comparison.worst = Err(message.clone()),
        }
        comparison
    }

    fn compare(&mut self, answer: &NumbersByName) {
        let unknown = answer.keys().find(|name| !self.case.found.contains_key(*name));
        if let Some(name) = unknown {
            self.worst = Err(format!("Gradus has no {name}"));
            return;
        }
        for (name, numbers) in &self.case.found {
            let Some(other) = answer.get(name) else {
                self.worst = Err(format!("PyTorch has no {name}"));
                return;
            };
            let error = error(numbers, other);
            if self.worst.as_ref().is_ok_and(|(_, worst)| error.is_nan() || error > *worst) {
                self.worst = Ok((name, error));
            }
            if let Some(mutant) = mutant(numbers) {
                self.mutated += 1;
                self.caught += usize::from(!is_accepted(self::error(&mutant, other)));
            }
        }
    }

    /// Whether all numbers agree and every mutant was noticed.
    pub(super) fn passes(&self) -> bool {
        let agrees = self.worst.as_ref().is_ok_and(|(_, error)| is_accepted(*error));
        agrees && self.mutated > 0 && self.caught == self.mutated
    }

    /// The line of the table.
    pub(super) fn row(&self) -> [String; 6] {
        let (error, name) = match &self.worst {
            Ok((name, error)) => (format!("{error:.1e}"), (*name).to_owned()),
            Err(message) => ("-".to_owned(), message.clone()),
        };
        let caught = format!("{} of {}", self.caught, self.mutated);
        let verdict = if self.passes() { "ok" } else { "FAIL" };
        [self.case.name.clone(), self.n_numbers.to_string(), error, name, caught, verdict.into()]
    }
}

/// NaN is not.
fn is_accepted(error: f64) -> bool {
    error <= TOLERANCE
}

/// The largest difference over the scale; infinite if the lengths differ.
fn error(numbers: &Numbers, other: &[f64]) -> f64 {
    if numbers.values.len() != other.len() {
        return f64::INFINITY;
    }
    let errors = numbers.values.iter().zip(other).map(|(a, b)| match (a - b).abs() {
        // Zero too if the scale is.
        0.0 => 0.0,
        difference => difference / numbers.scale,
    });
    errors.fold(0.0, |worst, error| if error.is_nan() || error > worst { error } else { worst })
}

/// The numbers with the largest of them changed; none if all are small beside the scale.
fn mutant(numbers: &Numbers) -> Option<Numbers> {
    let mut mutant = numbers.clone();
    let value = mutant.values.iter_mut().find(|value| value.abs() == numbers.scale)?;
    if *value == 0.0 {
        return None;
    }
    *value *= MUTATION;
    Some(mutant)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn case(found: &[(&str, &[f64])]) -> Case {
        let numbers =
            |(name, values): &(&str, &[f64])| ((*name).to_owned(), Numbers::new(values.to_vec()));
        let found = found.iter().map(numbers).collect();
        Case { name: "case".into(), description: Value::Null, found }
    }

    fn answer(found: &[(&str, &[f64])]) -> NumbersByName {
        found.iter().map(|(name, values)| ((*name).to_owned(), values.to_vec())).collect()
    }

    #[test]
    fn numbers_that_agree_pass_and_one_that_differs_does_not() {
        let case = case(&[("loss", &[2.0]), ("gradient", &[1.0, -4.0, 0.0])]);
        let compare = |loss: f64, gradient: &[f64]| {
            let answer = Ok(answer(&[("loss", &[loss]), ("gradient", gradient)]));
            let comparison = Comparison::new(&case, &answer);
            (comparison.passes(), comparison.row()[3].clone())
        };
        let is = |passes, worst: &str| (passes, worst.to_owned());
        assert_eq!(compare(2.0, &[1.0, -4.0, 0.0]), is(true, "nothing"));
        assert_eq!(compare(2.0, &[1.0, -4.0 - 3e-9, 1e-10]), is(true, "gradient"));
        assert_eq!(compare(2.0, &[1.0, -4.0, 5e-9]), is(false, "gradient"));
        assert_eq!(compare(2.0 + 3e-9, &[1.0, -4.0, 0.0]), is(false, "loss"));
        assert_eq!(compare(2.0, &[1.0, f64::NAN, 0.0]), is(false, "gradient"));
        assert_eq!(compare(2.0, &[1.0, -4.0]), is(false, "gradient"));
    }

    #[test]
    fn what_only_one_of_both_has_is_named_and_so_is_a_failure() {
        let one = case(&[("loss", &[2.0])]);
        let row = |answer: Result<NumbersByName, String>| Comparison::new(&one, &answer).row();
        let more = row(Ok(answer(&[("loss", &[2.0]), ("gradient", &[1.0])])));
        assert_eq!((&more[3][..], &more[5][..]), ("Gradus has no gradient", "FAIL"));
        let less = row(Ok(NumbersByName::new()));
        assert_eq!((&less[3][..], &less[5][..]), ("PyTorch has no loss", "FAIL"));
        let failed = row(Err("no layer x".to_owned()));
        assert_eq!((&failed[3][..], &failed[5][..]), ("no layer x", "FAIL"));
    }

    #[test]
    fn a_comparison_that_notices_nothing_does_not_pass() {
        // A scale so large that no difference counts.
        let mut blind = case(&[("loss", &[2.0])]);
        blind.found.insert("loss".into(), Numbers::at_least(vec![2.0], 1e9));
        let comparison = Comparison::new(&blind, &Ok(answer(&[("loss", &[2.0])])));
        assert_eq!((comparison.passes(), &comparison.row()[4][..]), (false, "0 of 0"));
    }
}
