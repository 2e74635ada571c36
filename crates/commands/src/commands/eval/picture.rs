//! Mistakes as pictures with their labels and predictions.

use anyhow::Context as _;
use gradus::data::Dataset;
use gradus::drawing::SvgPicture;

use super::mistakes::MistakeCaption;
use crate::samples::{SampleRow, picture_shape};

/// Pictures side by side, and the most of them.
const COLUMNS: usize = 6;
const MOST: usize = 600;
/// Around the pictures and above them, the width of the title, the size of a cell, and the longest side of the picture in it.
const MARGIN: f64 = 20.0;
const TOP: f64 = 50.0;
const MIN_WIDTH: f64 = 460.0;
const CELL: [f64; 2] = [170.0, 152.0];
const SIDE: f64 = 84.0;
/// Letters of a line below a picture.
const LETTERS: usize = 24;

const STYLE: &str = "\
    .label { fill: var(--ink); font-weight: 600; }\n\
    .label, .predicted, .sample { text-anchor: start; }\n\
    .predicted { fill: var(--other); }\n\
    .sample { font-size: 11px; }\n";

/// The worst mistakes on a dataset of pictures, at most 600.
pub(super) fn of(captions: &[MistakeCaption], dataset: &Dataset) -> anyhow::Result<String> {
    let shape = picture_shape(dataset.sample_shape()).with_context(|| {
        let found = dataset.sample_shape();
        format!("--mistakes-svg: expected pictures, found samples of {found:?}")
    })?;
    let captions = &captions[..captions.len().min(MOST)];
    let samples = captions.iter().map(|caption| {
        let mut values = vec![0.0; dataset.sample_len()];
        dataset.read(caption.sample, &mut values);
        values
    });
    let samples: Vec<Vec<f32>> = samples.collect();
    let numbers = || samples.iter().flatten().copied().filter(|number| number.is_finite());
    let range = match dataset.is_bytes() {
        true => [0.0, 255.0],
        false => {
            [numbers().fold(f32::INFINITY, f32::min), numbers().fold(f32::NEG_INFINITY, f32::max)]
        }
    };
    let (columns, rows) = (captions.len().clamp(1, COLUMNS), captions.len().div_ceil(COLUMNS));
    let size = [2.0 * MARGIN + CELL[0] * columns as f64, TOP + MARGIN + CELL[1] * rows as f64];
    let mut picture = SvgPicture::new([size[0].max(MIN_WIDTH), size[1]], STYLE);
    picture.text(
        "label",
        [MARGIN, 30.0],
        "Worst mistakes: label, prediction, number of the sample",
    );
    let [height, width, _] = shape;
    let scale = SIDE / height.max(width).max(1) as f64;
    for (i, (caption, values)) in captions.iter().zip(&samples).enumerate() {
        let x = MARGIN + CELL[0] * (i % COLUMNS) as f64;
        let y = TOP + CELL[1] * (i / COLUMNS) as f64;
        let size = [width as f64 * scale, height as f64 * scale];
        SampleRow { shape, values, range }.draw(&mut picture, [x, y], size);
        let short = |text: &str| match text.chars().count() > LETTERS {
            true => text.chars().take(LETTERS - 1).chain(['…']).collect(),
            false => text.to_owned(),
        };
        let lines = [
            ("label", short(&caption.label)),
            ("predicted", short(&caption.predicted)),
            ("sample", format!("sample {}", caption.sample)),
        ];
        for ((class, text), below) in lines.iter().zip([17.0, 34.0, 50.0]) {
            picture.text(class, [x, y + SIDE + below], text);
        }
    }
    Ok(picture.finish())
}
