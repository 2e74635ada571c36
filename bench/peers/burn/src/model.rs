//! A benchmark network as a module of Burn.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{AdaptiveAvgPool2d, AdaptiveAvgPool2dConfig, MaxPool2d, MaxPool2dConfig};
use burn::nn::{
    BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
    Relu, Sigmoid, Tanh,
};
use burn::prelude::*;

use crate::networks::Layer as Spec;

/// A module with layers on images, which may be none, and then layers on vectors.
#[derive(Module, Debug)]
pub struct Model {
    spatial: Vec<Layer>,
    dense: Vec<Layer>,
}

/// A variant of an enum of modules must hold something.
#[derive(Module, Debug, Default)]
struct Mark {
    #[module(skip)]
    nothing: (),
}

#[derive(Module, Debug)]
enum Layer {
    Linear(Linear),
    Conv(Conv2d),
    BatchNorm(BatchNorm),
    MaxPool(MaxPool2d),
    GlobalMean(AdaptiveAvgPool2d),
    Save(Mark),
    AddSaved(Mark),
    Relu(Relu),
    Sigmoid(Sigmoid),
    Tanh(Tanh),
    Dropout(Dropout),
}

impl Model {
    pub fn new(layers: &[Spec], device: &Device) -> Self {
        let is_linear = |layer: &_| matches!(layer, Spec::Linear { .. });
        let n_spatial = layers.iter().position(is_linear).unwrap_or(layers.len());
        let mut spatial: Vec<_> = layers.iter().map(|&layer| Layer::new(layer, device)).collect();
        let dense = spatial.split_off(n_spatial);
        Self { spatial, dense }
    }

    pub fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        if !self.spatial.is_empty() {
            let images = x.reshape([-1, 1, 28, 28]);
            let mut saved = None;
            let maps = self.spatial.iter().fold(images, |x, layer| match layer {
                Layer::Save(_) => saved.insert(x).clone(),
                Layer::AddSaved(_) => x + saved.take().expect("images were kept"),
                layer => layer.forward_images(x),
            });
            x = maps.flatten(1, 3);
        }
        self.dense.iter().fold(x, |x, layer| layer.forward(x))
    }
}

impl Layer {
    fn new(layer: Spec, device: &Device) -> Self {
        match layer {
            Spec::Linear { inputs, outputs } => {
                Self::Linear(LinearConfig::new(inputs, outputs).init(device))
            }
            Spec::Conv { inputs, outputs, kernel, stride, padding: [before, after], bias } => {
                let padding = PaddingConfig2d::Explicit(before, before, after, after);
                let config = Conv2dConfig::new([inputs, outputs], [kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding(padding)
                    .with_bias(bias);
                Self::Conv(config.init(device))
            }
            Spec::BatchNorm(channels) => {
                Self::BatchNorm(BatchNormConfig::new(channels).init(device))
            }
            Spec::MaxPool2 => Self::MaxPool(MaxPool2dConfig::new([2, 2]).init()),
            Spec::GlobalMean => Self::GlobalMean(AdaptiveAvgPool2dConfig::new([1, 1]).init()),
            Spec::Save => Self::Save(Mark::default()),
            Spec::AddSaved => Self::AddSaved(Mark::default()),
            Spec::Relu => Self::Relu(Relu::new()),
            Spec::Sigmoid => Self::Sigmoid(Sigmoid::new()),
            Spec::Tanh => Self::Tanh(Tanh::new()),
            Spec::Dropout(share) => Self::Dropout(DropoutConfig::new(share.into()).init()),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Linear(layer) => layer.forward(x),
            Self::Conv(_) | Self::BatchNorm(_) | Self::MaxPool(_) | Self::GlobalMean(_) => {
                unreachable!("images are flat here")
            }
            Self::Save(_) | Self::AddSaved(_) => unreachable!("no images are kept here"),
            Self::Relu(layer) => layer.forward(x),
            Self::Sigmoid(layer) => layer.forward(x),
            Self::Tanh(layer) => layer.forward(x),
            Self::Dropout(layer) => layer.forward(x),
        }
    }

    fn forward_images(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Linear(_) => unreachable!("images are not flat here"),
            Self::Conv(layer) => layer.forward(x),
            Self::BatchNorm(layer) => layer.forward(x),
            Self::MaxPool(layer) => layer.forward(x),
            Self::GlobalMean(layer) => layer.forward(x),
            Self::Save(_) | Self::AddSaved(_) => unreachable!("the model keeps images"),
            Self::Relu(layer) => layer.forward(x),
            Self::Sigmoid(layer) => layer.forward(x),
            Self::Tanh(layer) => layer.forward(x),
            Self::Dropout(layer) => layer.forward(x),
        }
    }
}
