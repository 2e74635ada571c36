//! What the loss of a sample is multiplied by, for each class.

use std::collections::BTreeMap;

use data::Targets;
use nn::registry::{InvalidSetting, not_negative, require};
use serde::{Deserialize, Serialize};

/// What the loss of a training sample is multiplied by: `"balanced"`, or a table of classes and their weights.
///
/// The losses of evaluations are not weighted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"balanced\" or a table of classes and their weights")]
pub enum ClassWeights {
    /// By a rule.
    Rule(WeightRule),
    /// A weight for each class by its name, 0 or more; 1 for a class that is not named.
    Each(BTreeMap<String, f64>),
}

/// How weights follow from the training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightRule {
    /// The weight of a class with `n` of all `N` training samples is `N / (K n)`, for `K` classes that have samples: each class
    /// then counts as much as another, and the mean weight of a sample is 1.
    ///
    /// Source: King and Zeng (2001), "Logistic regression in rare events data".
    Balanced,
}

impl ClassWeights {
    pub(super) fn is_valid(name: &str, weights: &Self) -> Result<(), InvalidSetting> {
        let Self::Each(each) = weights else { return Ok(()) };
        require(!each.is_empty(), name, "an empty table", "a weight for one or more classes")?;
        each.iter().try_for_each(|(class, weight)| not_negative(&format!("{name}.{class}"), weight))
    }

    /// The weights of the classes of a training set, in order.
    ///
    /// # Errors
    ///
    /// [`InvalidSetting`] if its targets are values, or it does not have a class that is named.
    ///
    /// # Examples
    ///
    /// ```
    /// # use data::Targets;
    /// # use gradus_runs::{ClassWeights, WeightRule};
    /// let targets = Targets::Labels { values: vec![0, 0, 0, 1], classes: 2 };
    /// let balanced = ClassWeights::Rule(WeightRule::Balanced);
    /// let weights = balanced.of_classes(&targets, |class| class.to_string())?;
    /// assert_eq!(weights, [4.0 / 6.0, 2.0]);
    /// # Ok::<(), nn::registry::InvalidSetting>(())
    /// ```
    pub fn of_classes(
        &self,
        targets: &Targets,
        class_name: impl Fn(usize) -> String,
    ) -> Result<Vec<f64>, InvalidSetting> {
        let name = "class_weights";
        let Targets::Labels { values, classes } = targets else {
            return Err(InvalidSetting::new(name, "a target of values", "a target of classes"));
        };
        match self {
            Self::Rule(WeightRule::Balanced) => {
                let mut counts = vec![0_usize; *classes];
                values.iter().for_each(|&label| counts[label as usize] += 1);
                let known = counts.iter().filter(|count| **count > 0).count();
                let weight = |&count: &usize| match count {
                    // No sample has it.
                    0 => 1.0,
                    _ => values.len() as f64 / (known * count) as f64,
                };
                Ok(counts.iter().map(weight).collect())
            }
            Self::Each(each) => {
                let names: Vec<String> = (0..*classes).map(class_name).collect();
                if let Some(unknown) = each.keys().find(|class| !names.contains(class)) {
                    let expected = format!("classes of the training set ({})", names.join(", "));
                    return Err(InvalidSetting::new(name, format!("`{unknown}`"), expected));
                }
                let sum: f64 = each.values().sum();
                let has_weight = sum > 0.0 || each.len() < names.len();
                require(has_weight, name, "0 for all classes", "a weight above 0")?;
                Ok(names.iter().map(|name| each.get(name).copied().unwrap_or(1.0)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClassWeights, String> {
        #[derive(Deserialize)]
        struct Settings {
            weights: ClassWeights,
        }
        let read: Settings =
            toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())?;
        ClassWeights::is_valid("weights", &read.weights).map_err(|error| error.to_string())?;
        Ok(read.weights)
    }

    #[test]
    fn balanced_weights_give_each_class_the_same_sum_and_samples_a_mean_of_one() {
        let values = vec![2, 0, 0, 0, 0, 0, 2, 2, 0, 3];
        let targets = Targets::Labels { values: values.clone(), classes: 4 };
        let balanced = read("weights = 'balanced'").unwrap();
        let weights = balanced.of_classes(&targets, |class| class.to_string()).unwrap();
        assert_eq!(weights[1], 1.0);
        for (class, count) in [(0, 6.0), (2, 3.0), (3, 1.0)] {
            assert!((weights[class] * count - 10.0 / 3.0).abs() < 1e-12, "class {class}");
        }
        let sum: f64 = values.iter().map(|&label| weights[label as usize]).sum();
        assert!((sum - 10.0).abs() < 1e-12);
    }

    #[test]
    fn weights_are_found_by_the_names_of_the_classes() {
        let targets = Targets::Labels { values: vec![0, 1], classes: 2 };
        let name = |class: usize| ["no", "yes"][class].to_owned();
        let of =
            |text: &str| read(text)?.of_classes(&targets, name).map_err(|error| error.to_string());
        assert_eq!(of("weights = { yes = 5 }"), Ok(vec![1.0, 5.0]));
        assert_eq!(of("weights = { yes = 0.5, no = 0 }"), Ok(vec![0.0, 0.5]));
        for (text, error) in [
            (
                "weights = { maybe = 2 }",
                "class_weights: expected classes of the training set (no, yes), found `maybe`",
            ),
            ("weights = { yes = -1 }", "weights.yes: expected a number of at least 0, found -1"),
            (
                "weights = { yes = 0, no = 0 }",
                "class_weights: expected a weight above 0, found 0 for all classes",
            ),
            (
                "weights = {}",
                "weights: expected a weight for one or more classes, found an empty table",
            ),
            ("weights = 'even'", "expected \"balanced\" or a table of classes and their weights"),
        ] {
            assert_eq!(of(text), Err(error.to_owned()), "{text}");
        }
        let values = Targets::Values { values: vec![0.5], width: 1 };
        let error = read("weights = 'balanced'").unwrap().of_classes(&values, name).unwrap_err();
        let expected = "class_weights: expected a target of classes, found a target of values";
        assert_eq!(error.to_string(), expected);
    }
}
