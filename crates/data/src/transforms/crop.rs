//! The middle of a picture.
//!
//! Of an odd number of rows or columns that are left out, one more is left out at the end.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellValues, ColumnValues, FittedTransform, Fitting, TransformSettings,
    check_picture_size, pictures, with_form,
};

/// The middle of each picture.
///
/// | setting | default | range |
/// |---|---|---|
/// | `size` | – | rows and columns in pixels, each 1 to that of the pictures |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropPictures {
    /// Rows and columns.
    pub size: [usize; 2],
}

/// Which part of the pictures is the middle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedCrop {
    /// Rows, columns and channels before.
    pub from: [usize; 3],
    /// Rows and columns.
    pub size: [usize; 2],
}

impl TransformSettings for CropPictures {
    fn name(&self) -> &'static str {
        "crop"
    }

    fn check(&self) -> Result<(), String> {
        check_picture_size(self.size)
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), String> {
        let [rows, columns, _] = pictures(shape)?;
        let [height, width] = self.size;
        match height <= rows && width <= columns {
            true => Ok(()),
            false => Err(format!(
                "size is [{height}, {width}], expected at most [{rows}, {columns}], that of the pictures; put `resize` \
                 before it, or take less"
            )),
        }
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let from = pictures(&input.shape).expect("checked");
        FittedTransform::from(FittedCrop { from, size: self.size }).into()
    }
}

impl ApplyTransform for FittedCrop {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        CropPictures { size: self.size }.check_shape(&input.shape).ok()?;
        check_picture_size(self.size).ok()?;
        let ([rows, columns], [_, _, channels]) = (self.size, self.from);
        with_form(input, self.from, [rows, columns, channels])
    }

    fn apply(&self, cell: &mut CellValues) {
        let Self { from: [rows, columns, channels], size: [height, width] } = *self;
        let (top, left) = ((rows - height) / 2, (columns - width) / 2);
        for row in 0..height {
            let from = ((top + row) * columns + left) * channels;
            // The target is never behind what is still needed.
            cell.open.copy_within(from..from + width * channels, row * width * channels);
        }
        cell.open.truncate(height * width * channels);
    }

    fn keeps_bytes(&self) -> bool {
        true
    }
}
