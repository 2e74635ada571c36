//! Layers: the parts of a network, chosen by name in its description.

pub mod add;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod concat;
pub mod conv2d;
pub mod depthwise_conv2d;
pub mod dropout;
pub mod elu;
pub mod embedding;
pub mod feature_scale;
pub mod flatten;
pub mod gelu;
pub mod global_avg_pool2d;
pub mod group_norm;
pub mod hard_swish;
pub mod layer_norm;
pub mod leaky_relu;
pub mod linear;
pub mod max_pool2d;
pub mod mish;
pub mod relu;
pub mod selu;
pub mod sigmoid;
pub mod silu;
pub mod softmax;
pub mod softplus;
pub mod tanh;

// What the files of layers take by `use super::*`.
use graph::{Float, NodeId, Shape, ShapeError};

use crate::{Builder, registry, settings};

registry! {
    /// What a layer computes, chosen by name.
    pub enum LayerKind: dyn BuildLayer<T: Float> {
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
        add::Add,
        concat::Concat,
        layer_norm::LayerNorm,
        group_norm::GroupNorm,
        global_avg_pool2d::GlobalAvgPool2d,
        embedding::Embedding,
        gelu::Gelu,
        silu::Silu,
        elu::Elu,
        selu::Selu,
        mish::Mish,
        hard_swish::HardSwish,
        depthwise_conv2d::DepthwiseConv2d,
        feature_scale::FeatureScale,
    }
}

/// Outputs of a layer at which its units learn no longer, or hardly: by default none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Activation {
    /// Whether a unit that gives 0 for every sample is dead, as behind a rectifier.
    pub has_dead_units: bool,
    /// The limits that outputs tend to: near them a unit is saturated.
    pub limits: Option<[f32; 2]>,
}

/// How a layer becomes nodes of a graph.
pub trait BuildLayer<T: Float> {
    /// Whether the layer takes the outputs of several layers: that of the layer before, and then those it names.
    fn merges(&self) -> bool {
        false
    }

    /// Outputs at which a unit learns no longer, or hardly.
    fn activation(&self) -> Activation {
        Activation::default()
    }

    /// A setting that is allowed and probably a mistake, with what was probably meant.
    fn warning(&self) -> Option<String> {
        None
    }

    /// Adds the layer's nodes behind its inputs, of which there is one unless it [merges](Self::merges), and returns the
    /// last of them.
    ///
    /// # Errors
    ///
    /// If the inputs do not fit.
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError>;
}

/// The size of an image `[height, width, channels]`.
fn image_size(layer: &'static str, shape: &Shape) -> Result<[usize; 3], ShapeError> {
    match (shape.is_batched(), shape.dims()) {
        (true, &[height, width, channels]) => Ok([height, width, channels]),
        _ => Err(ShapeError::new(layer, "expected images [N, height, width, channels]", shape)),
    }
}
