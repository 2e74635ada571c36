//! A benchmark network of layers of Candle.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::{
    BatchNorm, BatchNormConfig, Conv2d, Conv2dConfig, Dropout, Linear, Module, ModuleT, VarBuilder,
    batch_norm, conv2d, conv2d_no_bias, linear, linear_no_bias, ops,
};

use crate::networks::Layer as Spec;

/// How a model sees images, and with which layers.
#[derive(Clone, Copy)]
pub enum Images {
    /// As `[samples, channels, rows, columns]`, with the layers that Candle has for them.
    Plain,
    /// As `[samples, pixels, channels]`, where a convolution is a gather and a linear layer.
    ///
    /// The gradient of Candle's own convolution for its input is not a matrix product,
    /// and the first layer computes it too.
    Im2Col,
}

pub struct Model {
    layers: Vec<Layer>,
}

enum Layer {
    /// How a model with images begins.
    Images(Images),
    /// A convolution and the zeros before and after the pixels that it cannot add by itself.
    Conv(Conv2d, [usize; 2]),
    BatchNorm(BatchNorm),
    MaxPool2,
    GlobalMean,
    Save,
    AddSaved,
    /// A linear layer on the windows of pixels that the indices gather.
    Im2ColConv(Linear, Tensor),
    Im2ColBatchNorm(BatchNorm),
    Im2ColGlobalMean,
    /// Pooling to a square with sides of this length.
    Im2ColMaxPool2(usize),
    Flatten,
    Linear(Linear),
    Activation(fn(&Tensor) -> Result<Tensor>),
    Dropout(Dropout),
}

impl Model {
    pub fn new(specs: &[Spec], images: Images, variables: &VarBuilder<'_>) -> Result<Self> {
        let is_linear = |spec: &_| matches!(spec, Spec::Linear { .. });
        let n_spatial = specs.iter().position(is_linear).unwrap_or(specs.len());
        let mut side = 28;
        let mut layers = Vec::new();
        for (i, &spec) in specs.iter().enumerate() {
            layers.push(Layer::new(spec, images, &mut side, variables.pp(i))?);
        }
        if n_spatial > 0 {
            layers.insert(n_spatial, Layer::Flatten);
            layers.insert(0, Layer::Images(images));
        }
        Ok(Self { layers })
    }

    pub fn forward(&self, x: &Tensor, is_training: bool) -> Result<Tensor> {
        let mut saved = None;
        self.layers.iter().try_fold(x.clone(), |x, layer| match (layer, &saved) {
            (Layer::Save, _) => Ok(saved.insert(x).clone()),
            (Layer::AddSaved, Some(saved)) => x + saved,
            _ => layer.forward(&x, is_training),
        })
    }
}

impl Layer {
    /// The layer on images with sides of this length, which it changes to those of its output.
    fn new(
        spec: Spec,
        images: Images,
        side: &mut usize,
        variables: VarBuilder<'_>,
    ) -> Result<Self> {
        Ok(match (spec, images) {
            (Spec::Linear { inputs, outputs }, _) => {
                Self::Linear(linear(inputs, outputs, variables)?)
            }
            (Spec::Conv { inputs, outputs, kernel, stride, padding, bias }, Images::Plain) => {
                let [before, after] = padding;
                let own = if before == after { before } else { 0 };
                let config = Conv2dConfig { padding: own, stride, ..Default::default() };
                let new = if bias { conv2d } else { conv2d_no_bias };
                let conv = new(inputs, outputs, kernel, config, variables)?;
                Self::Conv(conv, [before - own, after - own])
            }
            (Spec::Conv { inputs, outputs, kernel, stride, padding, bias }, Images::Im2Col) => {
                let indices = windows(side, kernel, stride, padding);
                let new = if bias { linear } else { linear_no_bias };
                let linear = new(kernel * kernel * inputs, outputs, variables)?;
                Self::Im2ColConv(linear, Tensor::new(indices, &Device::Cpu)?)
            }
            (Spec::BatchNorm(channels), _) => {
                let layer = batch_norm(channels, BatchNormConfig::default(), variables)?;
                match images {
                    Images::Plain => Self::BatchNorm(layer),
                    Images::Im2Col => Self::Im2ColBatchNorm(layer),
                }
            }
            (Spec::GlobalMean, Images::Plain) => Self::GlobalMean,
            (Spec::GlobalMean, Images::Im2Col) => Self::Im2ColGlobalMean,
            (Spec::Save, _) => Self::Save,
            (Spec::AddSaved, _) => Self::AddSaved,
            (Spec::MaxPool2, Images::Plain) => Self::MaxPool2,
            (Spec::MaxPool2, Images::Im2Col) => {
                *side /= 2;
                Self::Im2ColMaxPool2(*side)
            }
            (Spec::Relu, _) => Self::Activation(Tensor::relu),
            (Spec::Sigmoid, _) => Self::Activation(ops::sigmoid),
            (Spec::Tanh, _) => Self::Activation(Tensor::tanh),
            (Spec::Dropout(share), _) => Self::Dropout(Dropout::new(share)),
        })
    }

    fn forward(&self, x: &Tensor, is_training: bool) -> Result<Tensor> {
        match self {
            Self::Images(Images::Plain) => x.reshape(((), 1, 28, 28)),
            Self::Images(Images::Im2Col) => x.reshape(((), 28 * 28, 1)),
            Self::Conv(layer, [0, 0]) => layer.forward(x),
            Self::Conv(layer, [before, after]) => {
                let rows = x.pad_with_zeros(D::Minus2, *before, *after)?;
                layer.forward(&rows.pad_with_zeros(D::Minus1, *before, *after)?)
            }
            Self::BatchNorm(layer) => layer.forward_t(x, is_training),
            Self::MaxPool2 => x.max_pool2d(2),
            Self::GlobalMean => x.mean((2, 3)),
            Self::Save | Self::AddSaved => candle_core::bail!("no images were kept"),
            Self::Im2ColBatchNorm(layer) => {
                let rows = x.flatten_to(1)?;
                layer.forward_t(&rows, is_training)?.reshape(x.shape())
            }
            Self::Im2ColGlobalMean => x.mean(1),
            Self::Im2ColConv(layer, indices) => {
                let (outputs, inputs) = layer.weight().dims2()?;
                let windows = x.index_select(indices, 1)?.reshape(((), inputs))?;
                layer.forward(&windows)?.reshape((x.dim(0)?, (), outputs))
            }
            Self::Im2ColMaxPool2(side) => {
                let (n, _, channels) = x.dims3()?;
                let rows = x.reshape((n * side, 2, 2 * side * channels))?.max(1)?;
                let pixels = rows.reshape((n * side * side, 2, channels))?.max(1)?;
                pixels.reshape((n, (), channels))
            }
            Self::Flatten => x.flatten_from(1),
            Self::Linear(layer) => layer.forward(x),
            Self::Activation(activation) => activation(x),
            Self::Dropout(layer) => layer.forward(x, is_training),
        }
    }
}

/// The indices of the pixels in each window, where the largest number gathers a zero.
fn windows(side: &mut usize, kernel: usize, stride: usize, padding: [usize; 2]) -> Vec<u32> {
    let [before, after] = padding;
    let input = *side;
    *side = (input + before + after - kernel) / stride + 1;
    let coordinate = |out: usize, offset: usize| {
        (out * stride + offset).checked_sub(before).filter(|&i| i < input)
    };
    let mut indices = Vec::new();
    for (y, x) in pairs(*side) {
        for (dy, dx) in pairs(kernel) {
            let pixel = coordinate(y, dy).zip(coordinate(x, dx));
            indices.push(pixel.map_or(u32::MAX, |(y, x)| (y * input + x) as u32));
        }
    }
    indices
}

/// All `(row, column)` of a square, row by row.
fn pairs(side: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..side).flat_map(move |row| (0..side).map(move |column| (row, column)))
}
