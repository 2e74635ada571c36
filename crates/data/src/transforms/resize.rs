//! Pictures of another size.
//!
//! A picture is scaled, keeping its proportions, so that it covers all of the size, and cut equally at both sides. Smaller
//! pixels are averaged by the area they share with a larger one; larger ones are interpolated linearly between the centres
//! of pixels (bilinear). Bytes stay bytes: they are rounded to the next one.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellValues, ColumnValues, FittedTransform, Fitting, TransformSettings,
    check_picture_size, pictures, with_form,
};
use crate::pixels::{Resampling, rounded};

/// Scaled to one size.
///
/// | setting | default | range |
/// |---|---|---|
/// | `size` | – | rows and columns, each 1 or more, 1,048,576 pixels at most |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResizePictures {
    /// Rows and columns.
    pub size: [usize; 2],
}

/// How pictures of the training part are scaled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedResize {
    /// Rows, columns and channels before.
    pub from: [usize; 3],
    /// Rows and columns.
    pub size: [usize; 2],
    /// Whether they are bytes, which stay bytes.
    pub rounds: bool,
}

impl TransformSettings for ResizePictures {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn check(&self) -> Result<(), String> {
        check_picture_size(self.size)
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), String> {
        pictures(shape).map(drop)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let from = pictures(&input.shape).expect("checked");
        FittedTransform::from(FittedResize { from, size: self.size, rounds: input.is_bytes }).into()
    }
}

impl ApplyTransform for FittedResize {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        check_picture_size(self.size).ok()?;
        let ([rows, columns], [_, _, channels]) = (self.size, self.from);
        with_form(input, self.from, [rows, columns, channels])
    }

    fn apply(&self, cell: &mut CellValues) {
        let Self { from: [rows, columns, channels], size, rounds } = *self;
        if [rows, columns] == size {
            return;
        }
        cell.open = Resampling::new([rows, columns], size).apply(&cell.open, channels);
        if rounds {
            cell.open.iter_mut().for_each(|x| *x = rounded(*x));
        }
    }

    fn keeps_bytes(&self) -> bool {
        self.rounds
    }
}
