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
        Self { batched: true, dims: dims.as_ref().to_vec() }
    }

    /// The shape with the same batch axis (or none) and other dimensions after it.
    pub fn with_dims(&self, dims: impl AsRef<[usize]>) -> Self {
        Self { batched: self.batched, dims: dims.as_ref().to_vec() }
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

    /// The size of `axis` as text: `N` for the batch axis.
    fn axis(&self, axis: usize) -> String {
        match axis.checked_sub(usize::from(self.batched)) {
            None => "N".into(),
            Some(axis) => self.dims.get(axis).map_or("missing".into(), usize::to_string),
        }
    }
}

impl AsRef<Shape> for Shape {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl<const R: usize> From<[usize; R]> for Shape {
    fn from(dims: [usize; R]) -> Self {
        Self { batched: false, dims: dims.to_vec() }
    }
}

impl From<&[usize]> for Shape {
    fn from(dims: &[usize]) -> Self {
        Self { batched: false, dims: dims.to_vec() }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let batch = self.batched.then(|| "N".to_owned());
        let dims = batch.into_iter().chain(self.dims.iter().map(usize::to_string));
        write!(f, "[{}]", dims.collect::<Vec<_>>().join(", "))
    }
}

/// Why an operation does not fit its operands. Returned while a graph is built, never while it runs.
///
/// Axes are counted with the batch axis, from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// An operand has the wrong number of axes.
    #[error("{op}: expected {expected}, found {found}")]
    Rank {
        /// The op that was asked for.
        op: &'static str,
        /// What it takes, in words: `"[N, height, width, channels]"`.
        expected: &'static str,
        /// What it got.
        found: Shape,
    },
    /// Two axes that must have the same size do not.
    #[error(
        "{op}: axis {} of {} is {} but axis {} of {} is {}",
        left.1, left.0, left.0.axis(left.1), right.1, right.0, right.0.axis(right.1)
    )]
    AxisMismatch {
        /// The op that was asked for.
        op: &'static str,
        /// The first operand and its axis.
        left: (Shape, usize),
        /// The second operand and its axis.
        right: (Shape, usize),
    },
    /// Two shapes cannot be broadcast together.
    #[error(
        "{op}: cannot broadcast {left} with {right}: sizes must agree or be 1, from the last axis on"
    )]
    Broadcast {
        /// The op that was asked for.
        op: &'static str,
        /// The first operand.
        left: Shape,
        /// The second operand.
        right: Shape,
    },
    /// A value cannot be seen as one of another shape, since it has another number of elements.
    #[error("reshape: {from} has {} elements but {to} has {}", from.len(), to.len())]
    Reshape {
        /// The value's shape.
        from: Shape,
        /// The shape that was asked for.
        to: Shape,
    },
    /// A rule of one op alone is broken.
    #[error("{op}: {rule}, found {found}")]
    Rule {
        /// The op that was asked for.
        op: &'static str,
        /// The rule and how it is broken.
        rule: String,
        /// The operand it is about.
        found: Shape,
    },
}

impl ShapeError {
    /// The op that was asked for.
    pub fn op(&self) -> &'static str {
        match self {
            Self::Rank { op, .. }
            | Self::AxisMismatch { op, .. }
            | Self::Broadcast { op, .. }
            | Self::Rule { op, .. } => op,
            Self::Reshape { .. } => "reshape",
        }
    }
}
