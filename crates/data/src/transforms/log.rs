//! The logarithm of the magnitude, with the sign: `sign(x) · ln(1 + |x|)`.
//!
//! For quantities that range over several powers of ten; defined for 0 and negative numbers, and the same as `x` close to 0.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellContent, CellValues, ColumnValues, FittedTransform, Fitting,
    TransformSettings,
};

/// The logarithm of the magnitude. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogMagnitude {}

impl TransformSettings for LogMagnitude {
    fn name(&self) -> &'static str {
        "log"
    }

    fn fit(&self, _input: &ColumnValues) -> Fitting {
        FittedTransform::from(self.clone()).into()
    }
}

impl ApplyTransform for LogMagnitude {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        (input.content == CellContent::Number).then_some(input)
    }

    fn apply(&self, cell: &mut CellValues) {
        cell.open.iter_mut().for_each(|x| *x = libm::log1p(x.abs()).copysign(*x));
    }
}
