//! Transforms of a column, one file each. The list below is the whole registry.
//!
//! What passes from one transform to the next is a list of numbers: one for a column of numbers, of dates (seconds since
//! 1970) or of categories (codes), one for each element of an array. A missing cell is NaN. Beside them are numbers that
//! are finished: features that no later transform changes.

pub mod color;
pub mod crop;
pub mod date_parts;
pub mod divide;
pub mod frequent_values;
pub mod gray;
pub mod impute;
pub mod log;
pub mod one_hot;
pub mod ordinal;
pub mod resize;
pub mod robust_scale;
pub mod standardize;

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! transforms {
    ($($(#[$doc:meta])* $kind:ident: $settings:ty, $fitted:ty;)*) => {
        /// A transform of a column, as it is written: `{ kind = "standardize" }`.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum ColumnTransform {
            $($(#[$doc])* $kind($settings),)*
        }

        /// A transform with the numbers that the rows of the training part gave it.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum FittedTransform {
            $($(#[$doc])* $kind($fitted),)*
        }

        $(
            impl From<$settings> for ColumnTransform {
                fn from(settings: $settings) -> Self {
                    Self::$kind(settings)
                }
            }

            impl From<$fitted> for FittedTransform {
                fn from(fitted: $fitted) -> Self {
                    Self::$kind(fitted)
                }
            }
        )*

        impl ColumnTransform {
            pub(crate) fn settings(&self) -> &dyn TransformSettings {
                match self {
                    $(Self::$kind(settings) => settings,)*
                }
            }
        }

        impl FittedTransform {
            pub(crate) fn fitted(&self) -> &dyn ApplyTransform {
                match self {
                    $(Self::$kind(fitted) => fitted,)*
                }
            }
        }
    };
}

transforms! {
    /// Missing cells become the median, or a category of their own.
    Impute: impute::Impute, impute::FittedImpute;
    /// Mean 0 and standard deviation 1.
    Standardize: standardize::Standardize, standardize::FittedStandardize;
    /// Median 0 and a distance of 1 between the quartiles, bounded smoothly.
    RobustScale: robust_scale::RobustScale, robust_scale::FittedRobustScale;
    /// Divided by one number.
    Divide: divide::Divide, divide::FittedDivide;
    /// A feature for each value that many rows have.
    FrequentValues: frequent_values::FrequentValues, frequent_values::FittedFrequentValues;
    /// The logarithm of the magnitude.
    Log: log::LogMagnitude, log::LogMagnitude;
    /// A feature for each category.
    OneHot: one_hot::OneHotCategories, one_hot::FittedOneHot;
    /// The number of the category.
    Ordinal: ordinal::Ordinal, ordinal::Ordinal;
    /// Year, month, day and other parts of a date.
    DateParts: date_parts::DateParts, date_parts::DateParts;
    /// Pictures of another size.
    Resize: resize::ResizePictures, resize::FittedResize;
    /// The middle of a picture.
    Crop: crop::CropPictures, crop::FittedCrop;
    /// Grey pictures.
    Gray: gray::GrayPictures, gray::FittedGray;
    /// Pictures in red, green and blue.
    Color: color::ColorPictures, color::FittedColor;
}

/// What the numbers of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellContent {
    Number,
    /// Seconds since 1970.
    Date,
    /// Codes from 0, NaN if missing, [`UNSEEN`] if training did not have the category.
    Category,
}

/// The most features of a table, and elements of an array.
pub(crate) const MOST_FEATURES: usize = 1 << 20;

/// The code of a category that training did not have.
pub(crate) const UNSEEN: f64 = -1.0;

/// What a transform gets of a column, or what it returns.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnValues {
    pub(crate) content: CellContent,
    /// The names of the numbers that the next transform changes.
    pub(crate) open: Vec<String>,
    /// The axes that these numbers have in this order; empty unless they are the elements of an array.
    pub(crate) shape: Vec<usize>,
    /// The names of the features that no transform changes any more.
    pub(crate) finished: Vec<String>,
    /// What the feature of each category is called after the name of the column: `=clerk`.
    pub(crate) categories: Vec<String>,
    /// Whether cells of a column of categories are missing in the training part.
    pub(crate) has_missing: bool,
    /// Whether the numbers are bytes, as those of pictures are.
    pub(crate) is_bytes: bool,
}

impl ColumnValues {
    /// The same with the elements of an array of these axes; none if there are too many, or no such array before.
    pub(crate) fn with_shape(mut self, shape: Vec<usize>) -> Option<Self> {
        let elements = elements(&shape).filter(|&n| n <= MOST_FEATURES)?;
        let first = self.open.first()?;
        let name = first.strip_suffix("[0]")?.to_owned();
        self.open = (0..elements).map(|i| format!("{name}[{i}]")).collect();
        Some(Self { shape, ..self })
    }
}

/// The numbers of a row's cell between two transforms.
#[derive(Clone, Debug, Default)]
pub(crate) struct CellValues {
    pub(crate) open: Vec<f64>,
    pub(crate) finished: Vec<f64>,
}

impl CellValues {
    pub(crate) fn clear(&mut self) {
        self.open.clear();
        self.finished.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len() + self.finished.len()
    }

    /// Writes the features of the cell, bounded by the range of `f32`.
    pub(crate) fn write(&self, to: &mut [f32]) {
        for (to, &x) in to.iter_mut().zip(self.open.iter().chain(&self.finished)) {
            *to = x.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32;
        }
    }
}

/// The settings of a transform.
pub(crate) trait TransformSettings {
    /// The name by which it is chosen.
    fn name(&self) -> &'static str;

    /// What it makes of numbers; none if it does not take them. Numbers of numbers, and of nothing else, unless it says so.
    fn gives(&self, content: CellContent) -> Option<CellContent> {
        (content == CellContent::Number).then_some(content)
    }

    /// What is wrong with a setting.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What is wrong with numbers that have these axes, none unless they are the elements of an array.
    fn check_shape(&self, _shape: &[usize]) -> Result<(), String> {
        Ok(())
    }

    /// Begins to fit it.
    fn fit(&self, input: &ColumnValues) -> Fitting;
}

/// A transform that is fitted, or needs the rows for it.
pub(crate) enum Fitting {
    Done(FittedTransform),
    NeedsRows(Box<dyn FitRows>),
}

/// A transform that looks at rows.
pub(crate) trait FitRows {
    /// Looks at the numbers of a row, and keeps at most `limit` values of each number of all rows.
    fn add(&mut self, open: &[f64], limit: usize);

    /// The fitted transform, and how many values a statistic is of, of how many, if not of all.
    fn finish(self: Box<Self>) -> (FittedTransform, Option<(usize, u64)>);
}

/// A fitted transform.
pub(crate) trait ApplyTransform {
    /// What it returns for an input; none if it was fitted to another one, or its numbers cannot be.
    fn output(&self, input: ColumnValues) -> Option<ColumnValues>;

    /// Transforms a row.
    fn apply(&self, cell: &mut CellValues);

    /// Whether it makes bytes of bytes.
    fn keeps_bytes(&self) -> bool {
        false
    }
}

impl From<FittedTransform> for Fitting {
    fn from(fitted: FittedTransform) -> Self {
        Self::Done(fitted)
    }
}

impl fmt::Display for CellContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "numbers",
            Self::Date => "dates",
            Self::Category => "categories",
        })
    }
}

/// `(x - center) / scale` for finite numbers whose difference may overflow; 0 for an infinite scale.
pub(crate) fn scaled(x: f64, center: f64, scale: f64) -> f64 {
    let difference = x - center;
    match difference.is_infinite() {
        true => x / scale - center / scale,
        false => difference / scale,
    }
}

/// Whether there is a finite center and a positive scale, perhaps infinite, for each of `n` numbers.
pub(crate) fn are_scales(centers: &[f64], scales: &[f64], n: usize) -> bool {
    let lengths = centers.len() == n && scales.len() == n;
    lengths && centers.iter().all(|x| x.is_finite()) && scales.iter().all(|&x| x > 0.0)
}

/// The number of elements of an array of these axes; none if it is too large to be counted.
pub(crate) fn elements(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |n, &axis| n.checked_mul(axis))
}

/// Rows, columns and channels of pictures that have these axes, or what is wrong with these.
fn pictures(shape: &[usize]) -> Result<[usize; 3], String> {
    match *shape {
        [rows, columns] if rows > 0 && columns > 0 => Ok([rows, columns, 1]),
        [rows, columns, channels @ (1 | 3)] if rows > 0 && columns > 0 => {
            Ok([rows, columns, channels])
        }
        [] => Err("found single numbers, expected pictures".to_owned()),
        _ => Err(format!(
            "found arrays of shape {shape:?}, expected pictures: [rows, columns] or [rows, columns, 1 or 3 channels]"
        )),
    }
}

/// An error unless there can be pictures of this size.
fn check_picture_size(size: [usize; 2]) -> Result<(), String> {
    match elements(&size) {
        Some(1..=MOST_FEATURES) => Ok(()),
        _ => {
            let expected = format!("rows and columns, 1 to {MOST_FEATURES} pixels");
            Err(format!("size is {size:?}, expected {expected}"))
        }
    }
}

/// What becomes of pictures of one form if they get another one: rows, columns and channels. None if they have another form
/// than `from`.
fn with_form(input: ColumnValues, from: [usize; 3], to: [usize; 3]) -> Option<ColumnValues> {
    let is_known = pictures(&input.shape) == Ok(from);
    let [rows, columns, channels] = to;
    let has_axis = input.shape.len() > 2 || channels != 1;
    let shape = [rows, columns].into_iter().chain(has_axis.then_some(channels)).collect();
    is_known.then(|| input.with_shape(shape))?
}
