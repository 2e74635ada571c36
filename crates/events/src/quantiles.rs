//! How numbers are spread, in eight edges.

use serde::{Deserialize, Serialize};

/// The edges of seven buckets that hold equally many of some numbers: the smallest, those below which lie one
/// seventh, two sevenths and so on, and the largest.
///
/// The text form is an array, with `null` for what is not finite.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[Option<f32>; 8]")]
pub struct Quantiles(pub [f32; 8]);

impl From<[Option<f32>; 8]> for Quantiles {
    fn from(edges: [Option<f32>; 8]) -> Self {
        Self(edges.map(|edge| edge.unwrap_or(f32::NAN)))
    }
}
