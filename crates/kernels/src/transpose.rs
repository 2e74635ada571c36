//! Rows to columns.

use crate::{Float, vectorize};

/// Side of the blocks that are turned at once: both sides of a block stay in a few cache lines.
const BLOCK: usize = 16;

/// Writes `from`, `rows` rows of `columns` that begin `stride` apart, to `to` as `columns` rows of
/// `rows`: `to[c · rows + r] = from[r · stride + c]`.
///
/// # Panics
///
/// If an index leaves its slice.
pub fn transpose<T: Float>(from: &[T], stride: usize, rows: usize, columns: usize, to: &mut [T]) {
    vectorize(
        #[inline(always)]
        || {
            for row in (0..rows).step_by(BLOCK) {
                for column in (0..columns).step_by(BLOCK) {
                    let height = (rows - row).min(BLOCK);
                    for c in column..(column + BLOCK).min(columns) {
                        let to = &mut to[c * rows + row..][..height];
                        for (r, to) in to.iter_mut().enumerate() {
                            *to = from[(row + r) * stride + c];
                        }
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn every_element_finds_its_place() {
        for (rows, columns) in [(0, 3), (3, 0), (1, 1), (5, 7), (16, 16), (17, 33), (40, 10)] {
            let stride = columns + 2;
            let from: Vec<f32> = (0..rows * stride).map(|i| i as f32).collect();
            let mut to = vec![-1.0; rows * columns];
            transpose(&from, stride, rows, columns, &mut to);
            for r in 0..rows {
                for c in 0..columns {
                    assert_eq!(
                        to[c * rows + r],
                        from[r * stride + c],
                        "[{rows}, {columns}] at {r}, {c}"
                    );
                }
            }
        }
    }
}
