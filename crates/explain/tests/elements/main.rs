//! Explanations of single elements: of every op, and of random networks.

mod networks;
mod ops;

use gradus_explain::element::{Explanation, ExplanationTerm, Relation};
use gradus_explain::formula::{Formula, MAX_TEXT};

/// Checks that an explanation that lists all terms gives the number: a sum within `rounding` of the sum of magnitudes, a
/// formula with its printed numbers within 1e-6. Returns whether there was something to check.
#[track_caller]
fn check(explanation: &Explanation, rounding: f64, place: &str) -> bool {
    let Explanation { value, terms, relation, formula, rest, .. } = explanation;
    let place = format!("{place}: {}", explanation.of);
    assert!(rest.is_none(), "{place}: all terms were asked for");
    match relation {
        Relation::Given => false,
        Relation::Unstated => panic!("{place}: the op {} states no formula", explanation.op),
        Relation::Formula => {
            let formula = formula.as_ref().expect("a formula");
            if formula.numbers.len() > MAX_TEXT {
                return false;
            }
            let parsed = Formula::parse(&formula.numbers);
            let parsed = parsed.unwrap_or_else(|error| panic!("{place}: {}", error.render()));
            let evaluation = parsed.evaluate(&[], &[]);
            let evaluation = evaluation.unwrap_or_else(|error| panic!("{place}: {error}"));
            let found = evaluation.result.number().expect("a number");
            // Numbers are written with seven digits or more. In single precision the program rounds the mean that a
            // normalisation subtracts, and divides that error by a deviation that may be a fifth of the mean.
            let is_close = (found - value).abs() <= rounding.max(1e-6) * value.abs().max(1.0);
            assert!(is_close, "{place} is {value}, but {} is {found}", formula.numbers);
            true
        }
        Relation::Sum | Relation::SumOfProducts | Relation::Gradient | Relation::GradientShare => {
            if terms.is_empty() {
                // Nothing is added up, or this is the loss.
                assert!([0.0, 1.0].contains(value), "{place} is {value}, but has no terms");
                return false;
            }
            let sum: f64 = terms.iter().map(|term| term.product).sum();
            // The derivatives of a softmax are differences of numbers near 1, which the program takes after the product.
            let largest = |term: &ExplanationTerm| match relation {
                Relation::Gradient if term.factor.is_none() => {
                    term.product.abs().max(term.value.abs())
                }
                _ => term.product.abs(),
            };
            let magnitude: f64 = terms.iter().map(largest).sum();
            let error = (sum - value).abs();
            assert!(error <= rounding * magnitude, "{place} is {value}, its terms add up to {sum}");
            true
        }
    }
}
