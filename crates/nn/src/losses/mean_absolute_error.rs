//! Mean absolute error: the mean of `|y − t|` over all elements.

use super::*;

settings! {
    /// The loss `mean_absolute_error`.
    ///
    /// Its best constant prediction is the median. Each gradient is `±1 / n` for `n` elements, and 0 where `y = t`.
    ///
    /// Source: Boscovich (1757), whose criterion it is; Bloomfield, Steiger (1983), "Least absolute deviations".
    pub struct MeanAbsoluteError {}
}

impl<T: Float> BuildLoss<T> for MeanAbsoluteError {
    fn build(&self, g: &mut Graph<T>, y: NodeId, t: NodeId) -> Result<NodeId, ShapeError> {
        let difference = g.sub(y, t)?;
        let errors = g.abs(difference);
        g.mean_all(errors)
    }
}
