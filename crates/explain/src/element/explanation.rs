//! What an explanation holds.

use serde::{Deserialize, Serialize};

use super::name::{ElementName, ElementQuantity};

/// Where one number of a network comes from.
///
/// A number that is not finite is `null` in JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The element.
    pub of: ElementName,
    /// Whether its value is explained, or its gradient.
    pub quantity: ElementQuantity,
    /// The op of the node; `input`, `parameter` or `constant` for one that is given.
    pub op: String,
    /// The shape of the node, without the batch.
    pub shape: Vec<usize>,
    /// The number, as the program has it; of a share the sum.
    pub value: f64,
    /// How the number follows from the terms.
    pub relation: Relation,
    /// The formula, unless the number is given.
    pub formula: Option<FormulaText>,
    /// What it is made of, largest product first.
    pub terms: Vec<ExplanationTerm>,
    /// What is not listed.
    pub rest: Option<RemainingTerms>,
    /// The sum of all products, in `f64`, where the number is that sum up to rounding.
    pub sum: Option<f64>,
    /// The gradient of the loss for the element, if it has one.
    pub gradient: Option<f64>,
}

/// How a number follows from its terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// It does not: an input, a parameter or a constant.
    Given,
    /// It is the sum of the products of elements and fixed factors.
    Sum,
    /// It is the sum of products of two elements, and perhaps of elements alone, such as a bias.
    SumOfProducts,
    /// By the formula; derivatives tell how it changes with an element.
    Formula,
    /// A gradient: the sum, over all that read the element, of their gradient times the local derivative.
    Gradient,
    /// What one sample of a batch adds to a gradient: of the same sum the terms of that sample.
    GradientShare,
    /// In a way that its op does not state.
    Unstated,
}

/// A formula in names and in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FormulaText {
    /// With names: `max(x, 0)`.
    pub symbols: String,
    /// With the numbers put in.
    pub numbers: String,
}

/// One term of an explanation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplanationTerm {
    /// Its name in the formula, if that has names.
    pub name: Option<String>,
    /// Of a value the element that it reads; of a gradient the gradient of the element that reads it. Its explanation
    /// is the next one down.
    pub element: ElementName,
    /// The number of that.
    pub value: f64,
    /// The local derivative; of a product of two elements the other one.
    pub derivative: f64,
    /// The other element of a product.
    pub factor: Option<ElementName>,
    /// Value times derivative.
    pub product: f64,
    /// The elements that it stands for: more than 1 where an op is too large to list them.
    pub elements: usize,
}

/// Terms that are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemainingTerms {
    /// How many.
    pub count: usize,
    /// The sum of their products.
    pub sum: f64,
}

/// Sorts `items` by the magnitude of a number, largest first, keeps the first `n` and sums up the rest.
pub fn rest_of<I>(
    items: &mut Vec<I>,
    n: usize,
    number: impl Fn(&I) -> f64,
) -> Option<RemainingTerms> {
    // NaN first: it is what is wrong. Equal ones stay in their order.
    items.sort_by(|a, b| number(b).abs().total_cmp(&number(a).abs()));
    let rest = items.split_off(n.min(items.len()));
    let sum = rest.iter().map(number).sum();
    (!rest.is_empty()).then_some(RemainingTerms { count: rest.len(), sum })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_come_first_and_the_rest_is_summed() {
        let mut numbers = vec![1.0, -5.0, 0.25, 3.0, -1.0];
        let rest = rest_of(&mut numbers, 2, |&number| number);
        assert_eq!(numbers, [-5.0, 3.0]);
        assert_eq!(rest, Some(RemainingTerms { count: 3, sum: 0.25 }));
        assert_eq!(rest_of(&mut numbers, 2, |&number| number), None);
        assert_eq!(rest_of(&mut Vec::<f64>::new(), 2, |&number| number), None);
    }
}
