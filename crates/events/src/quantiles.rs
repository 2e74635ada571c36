//! The distribution of many numbers as eight quantiles.

use serde::{Deserialize, Serialize};

/// The minimum of some numbers, their 1/7, 2/7, … 6/7 quantiles, and the maximum: the edges of seven buckets that hold
/// equally many of them.
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
