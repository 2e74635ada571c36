//! Histograms of oriented gradients: in which directions the brightness changes, cell by cell.
//!
//! Source: Dalal, Triggs (CVPR 2005), "Histograms of oriented gradients for human detection": unsigned directions, each
//! gradient shared by the two nearest directions, blocks of 2 x 2 cells normalised by their L2 norm.

/// Pixels of a cell in each direction.
const CELL: usize = 7;
/// Directions between 0 and 180 degrees.
const DIRECTIONS: usize = 9;
/// Cells of a block in each direction.
const BLOCK: usize = 2;

/// Direction, from 0 to below 1 for 0 to 180 degrees, and strength of the gradient at each pixel of a square picture.
pub(super) fn gradients(pixels: &[f32], side: usize) -> Vec<[f32; 2]> {
    // Outside of the picture its border continues.
    let pixel = |row: isize, column: isize| {
        let at = |i: isize| i.clamp(0, side as isize - 1) as usize;
        pixels[at(row) * side + at(column)]
    };
    let all =
        (0..side as isize).flat_map(|row| (0..side as isize).map(move |column| (row, column)));
    let gradient = all.map(|(row, column)| {
        let dx = pixel(row, column + 1) - pixel(row, column - 1);
        let dy = pixel(row + 1, column) - pixel(row - 1, column);
        let half_turns = dy.atan2(dx) / std::f32::consts::PI;
        [half_turns.rem_euclid(1.0), (dx * dx + dy * dy).sqrt()]
    });
    gradient.collect()
}

/// The features of a square picture.
pub(super) fn hog(pixels: &[f32], side: usize) -> Vec<f32> {
    let cells = side / CELL;
    let mut histograms = vec![[0.0_f32; DIRECTIONS]; cells * cells];
    for (i, [direction, strength]) in gradients(pixels, side).into_iter().enumerate() {
        let (row, column) = (i / side / CELL, i % side / CELL);
        let place = direction * DIRECTIONS as f32;
        let (low, share) = (place as usize % DIRECTIONS, place.fract());
        let histogram = &mut histograms[row * cells + column];
        histogram[low] += strength * (1.0 - share);
        histogram[(low + 1) % DIRECTIONS] += strength * share;
    }
    let blocks = cells + 1 - BLOCK;
    let mut features = Vec::with_capacity(blocks * blocks * BLOCK * BLOCK * DIRECTIONS);
    for (row, column) in (0..blocks).flat_map(|row| (0..blocks).map(move |column| (row, column))) {
        let block: Vec<f32> = (0..BLOCK)
            .flat_map(|i| (0..BLOCK).map(move |j| (row + i) * cells + column + j))
            .flat_map(|cell| histograms[cell])
            .collect();
        // A block without any gradient stays 0.
        let norm = block.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-3);
        features.extend(block.iter().map(|value| value / norm));
    }
    features
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_have_the_direction_of_their_gradient() {
        // Vertical stripes: the brightness changes from left to right, which is direction 0.
        let stripes: Vec<f32> =
            (0..784).map(|i| if i % 28 % 4 < 2 { 255.0 } else { 0.0 }).collect();
        let features = hog(&stripes, 28);
        assert_eq!(features.len(), 324);
        for histogram in features.chunks(DIRECTIONS) {
            assert!(
                histogram[0] > 0.4 && histogram[1..].iter().all(|other| *other < 1e-3),
                "{histogram:?}"
            );
        }
        let rotated: Vec<f32> = (0..784).map(|i| stripes[i % 28 * 28 + i / 28]).collect();
        // 90 degrees lie between the fifth and the sixth of nine directions.
        let features = hog(&rotated, 28);
        assert!(
            features.chunks(DIRECTIONS).all(|histogram| histogram[4] > 0.2 && histogram[5] > 0.2)
        );
    }
}
