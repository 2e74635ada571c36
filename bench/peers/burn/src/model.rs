//! A benchmark network as a module of Burn.

use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{
    Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d, Relu, Sigmoid, Tanh,
};
use burn::prelude::*;

use crate::networks::Layer as Spec;

/// A module with layers on images, which may be none, and then layers on vectors.
#[derive(Module, Debug)]
pub struct Model {
    spatial: Vec<Layer>,
    dense: Vec<Layer>,
}

#[derive(Module, Debug)]
enum Layer {
    Linear(Linear),
    Conv(Conv2d),
    MaxPool(MaxPool2d),
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
            let maps = self.spatial.iter().fold(images, |x, layer| layer.forward_images(x));
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
            Spec::Conv { inputs, outputs, kernel, stride, padding: [before, after] } => {
                let padding = PaddingConfig2d::Explicit(before, before, after, after);
                let config = Conv2dConfig::new([inputs, outputs], [kernel; 2])
                    .with_stride([stride; 2])
                    .with_padding(padding);
                Self::Conv(config.init(device))
            }
            Spec::MaxPool2 => Self::MaxPool(MaxPool2dConfig::new([2, 2]).init()),
            Spec::Relu => Self::Relu(Relu::new()),
            Spec::Sigmoid => Self::Sigmoid(Sigmoid::new()),
            Spec::Tanh => Self::Tanh(Tanh::new()),
            Spec::Dropout(share) => Self::Dropout(DropoutConfig::new(share.into()).init()),
        }
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Linear(layer) => layer.forward(x),
            Self::Conv(_) | Self::MaxPool(_) => unreachable!("images are flat here"),
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
            Self::MaxPool(layer) => layer.forward(x),
            Self::Relu(layer) => layer.forward(x),
            Self::Sigmoid(layer) => layer.forward(x),
            Self::Tanh(layer) => layer.forward(x),
            Self::Dropout(layer) => layer.forward(x),
        }
    }
}
