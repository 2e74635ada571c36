//! The number of the category among those of the training part, from 0 in their order.
//!
//! A missing cell, unless `impute` made it a category, and a category that training did not have are −1.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FittedTransform, Fitting,
    TransformSettings, UNSEEN,
};

/// The number of the category. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordinal {}

impl TransformSettings for Ordinal {
    fn name(&self) -> &'static str {
        "ordinal"
    }

    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content == CellContent::Category).then_some(CellContent::Number)
    }

    fn fit(&self, _input: &ColumnValues) -> Fitting {
        FittedTransform::from(self.clone()).into()
    }
}

impl ApplyTransform for Ordinal {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        let output = ColumnValues { content: CellContent::Number, categories: Vec::new(), ..input };
        (input.content == CellContent::Category).then_some(output)
    }

    fn apply(&self, cell: &mut CellValues) {
        let missing = cell.open.iter_mut().filter(|code| code.is_nan());
        missing.for_each(|code| *code = UNSEEN);
    }
}
