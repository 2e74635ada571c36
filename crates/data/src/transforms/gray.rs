//! Grey pictures: of a colour 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), as JPEG has it.
//!
//! Bytes stay bytes: they are rounded to the next one. Grey pictures stay as they are.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellValues, ColumnValues, FittedTransform, Fitting, TransformSettings,
    pictures, with_form,
};
use crate::pixels::{gray, rounded};

/// Grey pictures. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrayPictures {}

/// The pictures of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedGray {
    /// Rows, columns and channels before.
    pub from: [usize; 3],
    /// Whether they are bytes, which stay bytes.
    pub rounds: bool,
}

impl TransformSettings for GrayPictures {
    fn name(&self) -> &'static str {
        "gray"
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), String> {
        pictures(shape).map(drop)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let from = pictures(&input.shape).expect("checked");
        FittedTransform::from(FittedGray { from, rounds: input.is_bytes }).into()
    }
}

impl ApplyTransform for FittedGray {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        let [rows, columns, _] = self.from;
        with_form(input, self.from, [rows, columns, 1])
    }

    fn apply(&self, cell: &mut CellValues) {
        let [rows, columns, channels] = self.from;
        if channels != 3 {
            return;
        }
        for pixel in 0..rows * columns {
            let grey = gray(std::array::from_fn(|channel| cell.open[3 * pixel + channel]));
            cell.open[pixel] = if self.rounds { rounded(grey) } else { grey };
        }
        cell.open.truncate(rows * columns);
    }

    fn keeps_bytes(&self) -> bool {
        self.rounds
    }
}
