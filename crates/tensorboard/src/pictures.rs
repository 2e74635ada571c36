//! Pictures: samples and the weights of the first layer, side by side.

use data::{Dataset, Features};
use nn::{ParameterRole, ParameterSpec};
use png::{BitDepth, ColorType};

use crate::proto::ImageProto;

/// Samples side by side at most, and in a row.
const MOST_SAMPLES: usize = 25;
const SAMPLE_COLUMNS: usize = 5;
/// Pixels of all samples at most.
const MOST_PIXELS: usize = 1 << 22;
/// Filters side by side at most, and in a row.
const MOST_FILTERS: usize = 64;
const FILTER_COLUMNS: usize = 8;
/// Pixels of the longer side of a filter at least: smaller ones are enlarged.
const FILTER_SIDE: usize = 40;
/// Pixels between pictures, and their brightness.
const GAP: usize = 2;
const GROUND: u8 = 255;

/// Pictures of one size, in rows of bytes.
struct Tiles {
    height: usize,
    width: usize,
    channels: usize,
    tiles: Vec<Vec<u8>>,
}

/// Height, width and channels of what is a gray picture or one in colour.
fn picture_shape(shape: &[usize]) -> Option<[usize; 3]> {
    let shape: [usize; 3] = shape.try_into().ok()?;
    (shape.iter().all(|&size| size > 0) && matches!(shape[2], 1 | 3)).then_some(shape)
}

/// The first of some samples of a set, those that it has. `None` unless they are pictures in bytes.
pub(crate) fn samples(set: &Dataset, samples: impl Iterator<Item = usize>) -> Option<ImageProto> {
    let [height, width, channels] = picture_shape(set.sample_shape())?;
    let most = MOST_SAMPLES.min(MOST_PIXELS / set.sample_len());
    let chosen = samples.filter(|&sample| sample < set.len()).take(most);
    let tiles = chosen.map(|sample| match set.numbers(sample..sample + 1) {
        Features::U8(pixels) => Some(pixels),
        Features::F32(_) => None,
    });
    Tiles { height, width, channels, tiles: tiles.collect::<Option<_>>()? }.image(SAMPLE_COLUMNS)
}

/// What the first weight of a network multiplies a picture by, a tile for each output: of a convolution its filters, of a
/// linear layer as many numbers as the input has. Each has its own scale: gray is 0, the largest magnitude black or white.
/// `None` if the first weight is something else.
pub(crate) fn filters<'a>(
    input: &[usize],
    parameters: &'a [ParameterSpec],
    values: &[f32],
) -> Option<(&'a str, ImageProto)> {
    let input = picture_shape(input)?;
    let first = parameters.iter().find(|spec| spec.role == ParameterRole::Weight)?;
    let [height, width, channels, count] = match first.shape[..] {
        [height, width, channels, count] if channels == input[2] => {
            [height, width, channels, count]
        }
        [inputs, count] if inputs == input.iter().product::<usize>() => {
            [input[0], input[1], input[2], count]
        }
        _ => return None,
    };
    let values = values.get(first.range.clone())?;
    let scale = FILTER_SIDE.div_ceil(height.max(width));
    let tiles = (0..count.min(MOST_FILTERS)).map(|filter| {
        let weight = |i: usize| values[i * count + filter];
        let largest = (0..values.len() / count).map(|i| weight(i).abs()).fold(0.0, f32::max);
        let pixels = (0..height * scale * width * scale * channels).map(|i| {
            let (y, x) = (i / channels / (width * scale) / scale, i / channels % (width * scale));
            let weight = weight((y * width + x / scale) * channels + i % channels);
            // A filter of zeros is gray.
            let share = if largest > 0.0 { weight / largest } else { 0.0 };
            (127.5 * (1.0 + share)).round() as u8
        });
        pixels.collect()
    });
    let (height, width) = (height * scale, width * scale);
    let image = Tiles { height, width, channels, tiles: tiles.collect() }.image(FILTER_COLUMNS);
    Some((&first.path, image?))
}

impl Tiles {
    /// One picture of all, `None` if there are none.
    fn image(&self, columns: usize) -> Option<ImageProto> {
        let Self { height, width, channels, tiles } = self;
        let columns = columns.min(tiles.len());
        let rows = tiles.len().checked_div(columns)? + usize::from(tiles.len() % columns > 0);
        let height_of_all = rows * (height + GAP) - GAP;
        let width_of_all = columns * (width + GAP) - GAP;
        let mut pixels = vec![GROUND; height_of_all * width_of_all * channels];
        for (number, tile) in tiles.iter().enumerate() {
            let (top, left) = (number / columns * (height + GAP), number % columns * (width + GAP));
            for (y, row) in tile.chunks_exact(width * channels).enumerate() {
                let start = ((top + y) * width_of_all + left) * channels;
                pixels[start..start + row.len()].copy_from_slice(row);
            }
        }
        Some(ImageProto {
            height: height_of_all as i32,
            width: width_of_all as i32,
            colorspace: *channels as i32,
            encoded_image_string: encoded(&pixels, [height_of_all, width_of_all], *channels),
        })
    }
}

/// The bytes of a PNG file.
fn encoded(pixels: &[u8], [height, width]: [usize; 2], channels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(if channels == 1 { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.expect("a vector takes everything, and the sizes are those of the pixels");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::Targets;

    /// The sizes and pixels of an image.
    fn decoded(image: &ImageProto) -> ([usize; 3], Vec<u8>) {
        let file = std::io::Cursor::new(&image.encoded_image_string);
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let sizes = [image.height, image.width, image.colorspace].map(|size| size as usize);
        let info = reader.info();
        let channels = info.color_type.samples();
        assert_eq!(sizes, [info.height as usize, info.width as usize, channels]);
        (sizes, pixels)
    }

    fn set(shape: [usize; 3], count: usize) -> Dataset {
        let pixels = (0..count * shape.iter().product::<usize>()).map(|i| (i % 251) as u8);
        let targets = Targets::Labels { values: vec![0; count], classes: 2 };
        Dataset::new("set", shape, Features::U8(pixels.collect()), targets).unwrap()
    }

    #[test]
    fn samples_stand_side_by_side_and_those_that_a_set_lacks_are_left_out() {
        let set = set([1, 2, 3], 8);
        let (sizes, pixels) = decoded(&samples(&set, [1, 9, 0].into_iter()).unwrap());
        assert_eq!(sizes, [1, 6, 3]);
        let ground = [GROUND; 6];
        assert_eq!(
            pixels,
            [6, 7, 8, 9, 10, 11].into_iter().chain(ground).chain(0..6).collect::<Vec<_>>()
        );
        let (sizes, pixels) = decoded(&samples(&set, 0..7).unwrap());
        assert_eq!(sizes, [4, 5 * 4 - GAP, 3]);
        let second_row = &pixels[3 * sizes[1] * 3..];
        assert_eq!(second_row[..6], [30, 31, 32, 33, 34, 35]);
        assert!(second_row[4 * 4..].iter().skip(8).all(|&byte| byte == GROUND));
        assert_eq!(samples(&set, [8].into_iter()), None);
    }

    #[test]
    fn what_is_not_a_picture_has_none() {
        assert_eq!(samples(&set([2, 2, 2], 3), 0..3), None);
        let numbers = Features::F32(vec![0.5; 4]);
        let targets = Targets::Labels { values: vec![0], classes: 2 };
        let reals = Dataset::new("reals", [2, 2, 1], numbers, targets).unwrap();
        assert_eq!(samples(&reals, 0..1), None);
        assert_eq!(filters(&[4], &[weight(&[4, 2])], &[0.0; 8]), None);
        assert_eq!(filters(&[2, 2, 1], &[weight(&[3, 2])], &[0.0; 6]), None);
        assert_eq!(filters(&[2, 2, 1], &[], &[]), None);
    }

    fn weight(shape: &[usize]) -> ParameterSpec {
        let network = "model = { input = [2], layers = [{ kind = 'linear', units = 1 }] }\n\
            train = { steps = 1, batch = 1 }\ndata.source = 'memory'";
        let experiment = runs::Experiment::parse("net.toml", network).unwrap();
        let model = experiment.network(nn::Mode::Evaluate).unwrap();
        ParameterSpec {
            path: "1.first.weight".to_owned(),
            shape: shape.to_vec(),
            range: 0..shape.iter().product(),
            ..model.parameters[0].clone()
        }
    }

    #[test]
    fn filters_are_enlarged_and_each_has_its_own_scale() {
        let values = [1.0, 0.0, -1.0, 0.0, 0.5, 0.0, 0.0, 0.0];
        for spec in [weight(&[2, 2, 1, 2]), weight(&[4, 2])] {
            let specs = [spec];
            let (path, image) = filters(&[2, 2, 1], &specs, &values).unwrap();
            assert_eq!(path, "1.first.weight");
            let (sizes, pixels) = decoded(&image);
            assert_eq!(sizes, [40, 82, 1]);
            let at = |y: usize, x: usize| pixels[y * 82 + x];
            assert_eq!([at(0, 0), at(19, 20), at(20, 19), at(39, 39)], [255, 0, 191, 128]);
            assert_eq!([at(0, 40), at(39, 41)], [GROUND; 2]);
            assert!((42..82).all(|x| at(7, x) == 128));
        }
    }
}
