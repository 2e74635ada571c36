//! Pictures in red, green and blue: of a grey one all three are the grey. Colours stay as they are.

use serde::{Deserialize, Serialize};

use super::{
    ApplyTransform, CellValues, ColumnValues, FittedTransform, Fitting, TransformSettings,
    pictures, with_form,
};

/// Pictures in red, green and blue. It has no settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColorPictures {}

/// The pictures of the training part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedColor {
    /// Rows, columns and channels before.
    pub from: [usize; 3],
}

impl TransformSettings for ColorPictures {
    fn name(&self) -> &'static str {
        "color"
    }

    fn check_shape(&self, shape: &[usize]) -> Result<(), String> {
        pictures(shape).map(drop)
    }

    fn fit(&self, input: &ColumnValues) -> Fitting {
        let from = pictures(&input.shape).expect("checked");
        FittedTransform::from(FittedColor { from }).into()
    }
}

impl ApplyTransform for FittedColor {
    fn output(&self, input: ColumnValues) -> Option<ColumnValues> {
        let [rows, columns, _] = self.from;
        with_form(input, self.from, [rows, columns, 3])
    }

    fn apply(&self, cell: &mut CellValues) {
        let [rows, columns, channels] = self.from;
        if channels != 1 {
            return;
        }
        cell.open.resize(3 * rows * columns, 0.0);
        // From the end, so that no grey is written over before it is read.
        for pixel in (0..rows * columns).rev() {
            let grey = cell.open[pixel];
            cell.open[3 * pixel..3 * pixel + 3].fill(grey);
        }
    }

    fn keeps_bytes(&self) -> bool {
        true
    }
}
