//! Samples that are pictures, inside of an SVG picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gradus::drawing::SvgPicture;
use gradus::studio::SampleSheet;

/// Samples of one shape side by side.
pub(crate) struct SampleRow<'a> {
    /// Rows, columns and channels: see [`picture_shape`].
    pub(crate) shape: [usize; 3],
    /// The numbers of all samples, one after the other.
    pub(crate) values: &'a [f32],
    /// What is black and what is white.
    pub(crate) range: [f32; 2],
}

/// Rows, columns and channels of samples that are pictures.
pub(crate) fn picture_shape(shape: &[usize]) -> Option<[usize; 3]> {
    match *shape {
        [rows, columns] => Some([rows, columns, 1]),
        [rows, columns, channels @ (1 | 3)] => Some([rows, columns, channels]),
        _ => None,
    }
}

impl SampleRow<'_> {
    /// Adds the samples to a picture, in a rectangle of this corner and size.
    pub(crate) fn draw(&self, picture: &mut SvgPicture, [x, y]: [f64; 2], size: [f64; 2]) {
        let [rows, columns, channels] = self.shape;
        let samples = self.values.len() / (rows * columns * channels).max(1);
        if samples == 0 {
            return;
        }
        // Grey as it is, and not as ink on paper.
        let values: Vec<f32> = match channels {
            1 => self.values.iter().flat_map(|&grey| [grey; 3]).collect(),
            _ => self.values.to_vec(),
        };
        let (shape, range) = ([rows, columns, 3], self.range);
        let png = SampleSheet { shape, values: &values, range, columns: samples }.png();
        let [width, height] = size;
        picture.element(format_args!(
            "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" href=\"data:image/png;base64,{}\"/>",
            STANDARD.encode(png)
        ));
    }
}
