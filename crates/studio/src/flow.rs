//! The network of a run as a flow of boxes, placed for a page.

use drawing::{Diagram, DiagramLayout, DiagramNode, DrawingError};
use nn::Model;

/// Points of a box, whose style is in `style.css`: its width and that of the activations in it, a line of its text, and
/// what is above, between and below them.
const WIDTH: f64 = 264.0;
const INNER_WIDTH: usize = 244;
const LINE: f64 = 18.0;
const PADDING: f64 = 20.0;
/// The most that feature maps take in height, and units.
const MAX_MAPS_HEIGHT: usize = 232;
const MAX_UNITS_HEIGHT: usize = 66;
/// The most feature maps, and the points of a number, both as in `maps.js`.
const MAX_MAPS: usize = 128;
const PIXELS: [usize; 8] = [12, 8, 6, 5, 4, 3, 2, 1];

/// The boxes of the input and the layers of `model`, each with space for its activations.
pub(crate) fn flow(model: &Model<f32>, width: f64) -> Result<DiagramLayout, DrawingError> {
    let diagram = Diagram::of(model);
    let sizes: Vec<_> = diagram.nodes.iter().enumerate().map(|(i, node)| size(i, node)).collect();
    diagram.layout(&sizes, |_| None, width)
}

fn size(i: usize, node: &DiagramNode) -> [f64; 2] {
    let activations = match node.sizes[..] {
        // The image of the sample, as high as wide.
        [_, _, _] if i == 0 => 112,
        // Of another input there is no picture.
        _ if i == 0 => 0,
        [height, width, count] => height_of(count.min(MAX_MAPS), height, width, MAX_MAPS_HEIGHT),
        _ => height_of(node.sizes.iter().product(), 1, 1, MAX_UNITS_HEIGHT),
    };
    let n_lines = if node.parameters == 0 { 2.0 } else { 3.0 };
    [WIDTH, n_lines * LINE + PADDING + activations as f64]
}

/// The height of `count` framed maps of `height` × `width` numbers that are as large as all of them fit.
fn height_of(count: usize, height: usize, width: usize, most: usize) -> usize {
    let mut heights = PIXELS.iter().filter_map(|pixel| {
        let columns = (INNER_WIDTH - 1) / (width * pixel + 1);
        let rows = count.checked_next_multiple_of(columns)? / columns;
        Some(rows * (height * pixel + 1) + 1)
    });
    heights.find(|height| *height <= most).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_as_large_as_all_of_them_fit() {
        for ([count, height, width], most, expected) in [
            ([10, 1, 1], MAX_UNITS_HEIGHT, 14),
            ([50, 1, 1], MAX_UNITS_HEIGHT, 40),
            ([16, 28, 28], MAX_MAPS_HEIGHT, 4 * 57 + 1),
            ([128, 28, 28], MAX_MAPS_HEIGHT, MAX_MAPS_HEIGHT),
            ([1, 300, 300], MAX_MAPS_HEIGHT, MAX_MAPS_HEIGHT),
            ([0, 1, 1], MAX_UNITS_HEIGHT, 1),
        ] {
            let found = height_of(count, height, width, most);
            assert_eq!(found, expected, "{count} of {height} × {width}");
        }
    }
}
