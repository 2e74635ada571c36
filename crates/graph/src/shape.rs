//! Shapes of values, and what can be wrong with them.

use std::fmt;

/// The dimensions of a value, axis by axis, with or without a leading batch axis `N`.
///
/// The batch axis has no size here: one graph serves every batch size.
///
/// ```
/// use gradus_graph::Shape;
///
/// assert_eq!(Shape::from([784, 10]).to_string(), "[784, 10]");
/// assert_eq!(Shape::batch([28, 28, 1]).to_string(), "[N, 28, 28, 1]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    batched: bool,
    dims: Vec<usize>,
}

impl Shape {
    /// The shape of a value that every sample of the batch has one of.
    pub fn batch(dims: impl AsRef<[usize]>) -> Self {
        Self { batched: true, ..Self::from(dims) }
    }

    /// The shape with the same batch axis (or none) and other dimensions after it.
    pub fn with_dims(&self, dims: impl AsRef<[usize]>) -> Self {
        Self { batched: self.batched, ..Self::from(dims) }
    }

    /// Whether the shape begins with the batch axis.
    pub fn is_batched(&self) -> bool {
        self.batched
    }

    /// The sizes of the axes after the batch axis.
    pub fn dims(&self) -> &[usize] {
        &self.dims
    }

    /// The number of axes, the batch axis included.
    pub fn rank(&self) -> usize {
        self.dims.len() + usize::from(self.batched)
    }

    /// Elements after the batch axis: of one sample, or of the whole value if there is no such axis.
    pub fn len(&self) -> usize {
        // A product that overflows is larger than any memory either way.
        self.dims.iter().fold(1, |len: usize, &dim| len.saturating_mul(dim))
    }

    /// Whether an axis after the batch axis has size 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes with the batch axis, if there is one, as `batch`.
    pub fn with_batch(&self, batch: usize) -> Vec<usize> {
        let first = self.batched.then_some(batch);
        first.into_iter().chain(self.dims.iter().copied()).collect()
    }

    /// The size of each axis as text: `N` for the batch axis.
    fn sizes(&self) -> Vec<String> {
        let batch = self.batched.then(|| "N".to_owned());
        batch.into_iter().chain(self.dims.iter().map(usize::to_string)).collect()
    }
}

impl<D: AsRef<[usize]>> From<D> for Shape {
    fn from(dims: D) -> Self {
        Self { batched: false, dims: dims.as_ref().to_vec() }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.sizes().join(", "))
    }
}

/// Why an operation does not fit its operands. Returned while a graph is built, never while it runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{op}: {rule}")]
#[non_exhaustive]
pub struct ShapeError {
    /// The op that was asked for.
    pub op: &'static str,
    /// The rule that is broken, and the shapes that break it.
    pub rule: String,
}

impl ShapeError {
    /// The shape `found` breaks a rule, such as `"expected an image [N, height, width, channels]"`.
    pub fn new(op: &'static str, rule: impl fmt::Display, found: &Shape) -> Self {
        Self { op, rule: format!("{rule}, found {found}") }
    }

    /// Two axes that must have the same size do not: a shape and its axis, counted with the batch axis.
    pub fn axis_mismatch(op: &'static str, left: (&Shape, usize), right: (&Shape, usize)) -> Self {
        let axis = |(shape, axis): (&Shape, usize)| {
            format!("axis {axis} of {shape} is {}", shape.sizes()[axis])
        };
        Self { op, rule: format!("{} but {}", axis(left), axis(right)) }
    }

    /// Two shapes cannot be broadcast together.
    pub fn broadcast(op: &'static str, left: &Shape, right: &Shape) -> Self {
        let rule = format!(
            "cannot broadcast {left} with {right}: sizes must agree or be 1, from the last axis on"
        );
        Self { op, rule }
    }
}
