//! Layers: the parts of a network, chosen by name in its description.

pub mod avg_pool2d;
pub mod batch_norm;
pub mod conv2d;
pub mod dropout;
pub mod flatten;
pub mod leaky_relu;
pub mod linear;
pub mod max_pool2d;
pub mod relu;
pub mod sigmoid;
pub mod softmax;
pub mod softplus;
pub mod tanh;

// What the files of layers take by `use super::*`.
use graph::{Float, NodeId, ShapeError};

use crate::registry::registry;
use crate::{Builder, settings};

registry! {
    /// A layer chosen by name.
    pub enum Layer: dyn BuildLayer<T: Float> {
        linear::Linear,
        conv2d::Conv2d,
        max_pool2d::MaxPool2d,
        avg_pool2d::AvgPool2d,
        batch_norm::BatchNorm,
        dropout::Dropout,
        flatten::Flatten,
        relu::Relu,
        leaky_relu::LeakyRelu,
        sigmoid::Sigmoid,
        tanh::Tanh,
        softplus::Softplus,
        softmax::Softmax,
    }
}

/// How a layer becomes nodes of a graph.
pub trait BuildLayer<T: Float> {
    /// A setting that is allowed and probably a mistake, with what was probably meant.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Adds the layer's nodes behind `x` and returns the last of them.
    ///
    /// # Errors
    ///
    /// If `x` does not fit.
    fn build(&self, builder: &mut Builder<'_, T>, x: NodeId) -> Result<NodeId, ShapeError>;
}
