//! Which transforms the columns of a table have.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::columns::{ColumnDescription, ColumnKind, TableDescription};
use crate::transforms::date_parts::DateParts;
use crate::transforms::divide::Divide;
use crate::transforms::impute::Impute;
use crate::transforms::one_hot::OneHotCategories;
use crate::transforms::robust_scale::RobustScale;
use crate::transforms::standardize::Standardize;
use crate::transforms::{CellContent, ColumnTransform};

/// The most transforms of a column.
pub(super) const MOST_TRANSFORMS: usize = 16;

/// Which transforms the columns have: a list for each kind of column, and for single columns others.
///
/// Constant columns and identifiers are not used.
///
/// # Examples
///
/// ```
/// # use gradus_data::TransformPlan;
/// let plan: TransformPlan = toml::from_str(
///     r#"
///     categories = [{ kind = "ordinal" }, { kind = "standardize" }]
///     columns.income = [{ kind = "impute", flag = false }, { kind = "log" }, { kind = "robust_scale" }]
///     "#,
/// )?;
/// assert_eq!(plan.numbers, TransformPlan::default().numbers);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TransformPlan {
    /// Those of numbers.
    pub numbers: Vec<ColumnTransform>,
    /// Those of categories, also of whole numbers as categories.
    pub categories: Vec<ColumnTransform>,
    /// Those of dates.
    pub dates: Vec<ColumnTransform>,
    /// Those of pictures and other arrays: `resize`, `crop`, `gray` and `color` of pictures, and others for each element.
    pub arrays: Vec<ColumnTransform>,
    /// Whether a target that is a number is standardised; predictions are given back in its unit.
    pub standardize_target: bool,
    /// Those of single columns by name, instead of those of their kind.
    pub columns: BTreeMap<String, Vec<ColumnTransform>>,
}

impl Default for TransformPlan {
    /// Medians for missing numbers, with a flag; mean 0 and deviation 1; a feature for each category.
    fn default() -> Self {
        let impute = || Impute::default().into();
        Self {
            numbers: vec![impute(), Standardize {}.into()],
            categories: vec![impute(), OneHotCategories::default().into()],
            dates: vec![impute(), DateParts::default().into(), Standardize {}.into()],
            arrays: vec![Divide::default().into()],
            standardize_target: true,
            columns: BTreeMap::new(),
        }
    }
}

impl TransformPlan {
    /// The transforms of RealMLP-TD-S: two categories are one feature, and a missing one is zeros; then robust scaling with
    /// smooth clip, of the features of categories too.
    ///
    /// Numbers are imputed first, which that publication leaves to the user.
    /// Source: Holzmüller, Grinsztajn, Steinwart (NeurIPS 2024), "Better by default".
    pub fn tabular() -> Self {
        let impute = || Impute::default().into();
        let robust = || RobustScale::default().into();
        Self {
            numbers: vec![impute(), robust()],
            categories: vec![OneHotCategories { pairs_as_signs: true }.into(), robust()],
            dates: vec![impute(), DateParts::default().into(), robust()],
            ..Self::default()
        }
    }

    /// The transforms of a column; none if it is not a feature.
    pub fn of(&self, column: &ColumnDescription) -> Option<&[ColumnTransform]> {
        let of_kind = match column.kind {
            ColumnKind::Number => &self.numbers,
            ColumnKind::WholeCategory | ColumnKind::Category => &self.categories,
            ColumnKind::Date => &self.dates,
            ColumnKind::Array => &self.arrays,
            ColumnKind::Constant | ColumnKind::Identifier => return None,
        };
        Some(self.columns.get(&column.name).unwrap_or(of_kind))
    }

    /// The size and the channels of pictures that the list of a column begins with, by `resize` and by `gray` or `color`; none
    /// of what it does not begin with. A reader that gives pictures this form scales each of them once.
    pub fn picture_form(&self, column: &str) -> (Option<[usize; 2]>, Option<usize>) {
        let (mut size, mut channels) = (None, None);
        for transform in self.columns.get(column).unwrap_or(&self.arrays) {
            match transform {
                ColumnTransform::Resize(resize) if size.is_none() => size = Some(resize.size),
                ColumnTransform::Gray(_) if channels.is_none() => channels = Some(1),
                ColumnTransform::Color(_) if channels.is_none() => channels = Some(3),
                _ => break,
            }
        }
        (size, channels)
    }

    /// What is wrong with the plan, whatever the columns are: a setting outside its range, or a list that does not go with its
    /// kind of column.
    ///
    /// # Errors
    ///
    /// The path of the transform, such as `numbers.1`, or of the list, and what is wrong with it.
    pub fn check_settings(&self) -> Result<(), (String, String)> {
        let of_kinds = [
            ("numbers", ColumnKind::Number, &self.numbers),
            ("categories", ColumnKind::Category, &self.categories),
            ("dates", ColumnKind::Date, &self.dates),
            ("arrays", ColumnKind::Array, &self.arrays),
        ];
        for (name, kind, list) in of_kinds {
            check_list(kind, list).map_err(|(number, what)| (path(name, number), what))?;
        }
        for (name, list) in &self.columns {
            for (number, transform) in (1..).zip(list) {
                let at = |what| (path(&format!("columns.{name}"), Some(number)), what);
                check_transform(transform).map_err(at)?;
            }
        }
        Ok(())
    }

    /// What is wrong with the transforms of the columns of a table: which column, what was found, what to do.
    pub(super) fn check(&self, description: &TableDescription) -> Result<(), String> {
        for name in self.columns.keys() {
            let about = |what: &str| Err(format!("transforms of column `{name}`: {what}"));
            if description.target.as_ref() == Some(name) {
                return about("it is the target; set `standardize_target` instead");
            }
            match description.column(name) {
                None => return about("there is no such column; take the line away"),
                Some(column) if !column.kind.is_feature() => {
                    let what = format!("it is not used, since it is of the kind {}", column.kind);
                    return about(&format!("{what}; set its kind in `kinds`"));
                }
                Some(_) => {}
            }
        }
        let features =
            description.columns.iter().filter(|c| Some(&c.name) != description.target.as_ref());
        for column in features {
            let Some(transforms) = self.of(column) else { continue };
            check_list(column.kind, transforms)
                .map_err(|(_, what)| format!("transforms of column `{}`: {what}", column.name))?;
        }
        Ok(())
    }
}

/// What the cells of a column are before its transforms.
pub(super) fn content(kind: ColumnKind) -> CellContent {
    match kind {
        ColumnKind::Date => CellContent::Date,
        ColumnKind::WholeCategory | ColumnKind::Category => CellContent::Category,
        _ => CellContent::Number,
    }
}

/// The path of a transform of a list by its number, or of the list.
fn path(list: &str, number: Option<usize>) -> String {
    number.map_or(list.to_owned(), |number| format!("{list}.{number}"))
}

fn check_transform(transform: &ColumnTransform) -> Result<(), String> {
    let settings = transform.settings();
    settings.check().map_err(|what| format!("{}: {what}", settings.name()))
}

/// The number of the transform that is wrong, from 1, or none if the list is, and what is wrong.
fn check_list(
    kind: ColumnKind,
    transforms: &[ColumnTransform],
) -> Result<(), (Option<usize>, String)> {
    if transforms.len() > MOST_TRANSFORMS {
        let n = transforms.len();
        return Err((None, format!("found {n} transforms, expected at most {MOST_TRANSFORMS}")));
    }
    let mut content = content(kind);
    for (number, transform) in (1..).zip(transforms) {
        let settings = transform.settings();
        let name = settings.name();
        check_transform(transform).map_err(|what| (Some(number), what))?;
        content = settings.gives(content).ok_or_else(|| {
            let advice = match content {
                CellContent::Category => "put `one_hot` or `ordinal` before it",
                _ => "take it away",
            };
            (Some(number), format!("`{name}` does not take {content}; {advice}"))
        })?;
    }
    match content {
        CellContent::Category => {
            let what =
                "the list returns categories, expected numbers; end it with `one_hot` or `ordinal`";
            Err((None, what.to_owned()))
        }
        _ => Ok(()),
    }
}
