//! A feature for each category of the training part: 1 in the rows that have it, else 0.
//!
//! A missing cell, unless `impute` made it a category, and a category that training did not have are zeros.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FittedTransform, Fitting,
    TransformSettings,
};

/// A feature for each category.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `pairs_as_signs` | `false` | whether two categories are one feature, −1 for the first and +1 for the second |
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneHotCategories {
    /// Whether two categories are one feature, −1 for the first and +1 for the second.
    pub pairs_as_signs: bool,
}

/// How many categories there are in the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOneHot {
    /// Their number, with that of missing cells.
    pub categories: usize,
    /// Whether they are two, and one feature.
    pub is_sign: bool,
}

impl TransformSettings for OneHotCategories {
    fn name(&self) -> &'static str {
        "one_hot"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content == CellContent::Category).then_some(CellContent::Number)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let categories = input.categories.len();
        let is_sign = self.pairs_as_signs && categories == 2;
        FittedTransform::from(FittedOneHot { categories, is_sign }).into()
    }
}

impl ApplyTransform for FittedOneHot {
    fn output(&self, mut input: ColumnValues) -> Option<ColumnValues> {
        let is_fitted = input.content == CellContent::Category
            && input.categories.len() == self.categories
            && (!self.is_sign || self.categories == 2);
        let name = is_fitted.then(|| input.open.pop())??;
        let features = input.categories.iter().skip(usize::from(self.is_sign));
        input.open = features.map(|category| format!("{name}{category}")).collect();
        Some(ColumnValues { content: CellContent::Number, categories: Vec::new(), ..input })
    }

    fn apply(&self, cell: &mut CellValues) {
        let Some(code) = cell.open.pop() else { return };
        if self.is_sign {
            let sign = if code == 1.0 { 1.0 } else { -1.0 };
            cell.open.push(if code >= 0.0 { sign } else { 0.0 });
            return;
        }
        cell.open.resize(self.categories, 0.0);
        if code >= 0.0 {
            cell.open[code as usize] = 1.0;
        }
    }
}
