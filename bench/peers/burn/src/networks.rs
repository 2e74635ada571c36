//! The networks of the benchmark as data, for every peer in Rust to build from its own layers.

/// A network, its optimizer and the number of samples of a step.
pub struct Network {
    pub layers: Vec<Layer>,
    pub optimizer: Optimizer,
    pub batch_size: usize,
}

/// A layer; images are 28 x 28 with one channel, and are flattened before the first [`Layer::Linear`].
#[derive(Clone, Copy)]
pub enum Layer {
    Linear {
        inputs: usize,
        outputs: usize,
    },
    /// A convolution with a square kernel.
    Conv {
        inputs: usize,
        outputs: usize,
        kernel: usize,
        stride: usize,
        /// Zeros before and after the pixels, in both directions.
        padding: [usize; 2],
        bias: bool,
    },
    /// Normalises each channel of images; keeps 0.9 of the running statistics.
    BatchNorm(usize),
    MaxPool2,
    /// The mean of each channel.
    GlobalMean,
    /// Keeps the images for the next [`Layer::AddSaved`].
    Save,
    /// Adds the images that were kept.
    AddSaved,
    Relu,
    Sigmoid,
    Tanh,
    Dropout(f32),
}

/// An optimizer and its learning rate; Adam has the betas 0.9 and 0.999, and 1e-8 for epsilon.
pub enum Optimizer {
    Sgd(f64),
    Adam(f64),
}

use Layer::*;
use Optimizer::*;

impl Network {
    /// The network of this name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        let (layers, optimizer, batch_size) = match name {
            "w1" => (dense(&[784, 10], Relu), Sgd(0.1), 100),
            "w2" => (dense(&[784, 50, 10], Sigmoid), Sgd(0.1), 100),
            "w3" => (dense(&[784, 200, 100, 60, 30, 10], Relu), Adam(0.001), 100),
            "w4" => (dense(&[784, 1024, 1024, 10], Relu), Adam(0.001), 128),
            "w5" => (strided(), Adam(0.001), 100),
            "w6" => (pooled(), Adam(0.001), 100),
            "w7" => (lenet5(), Adam(3e-4), 128),
            "w8" => (dense(&[4, 32, 16, 4], Tanh), Adam(0.001), 10_000),
            "w9" => (normalized(), Adam(0.001), 100),
            "w10" => (residual(), Adam(0.001), 100),
            _ => return None,
        };
        Some(Self { layers, optimizer, batch_size })
    }
}

/// Linear layers of these widths, with an activation between each two.
fn dense(widths: &[usize], activation: Layer) -> Vec<Layer> {
    let mut layers = Vec::new();
    for pair in widths.windows(2) {
        layers.extend([Linear { inputs: pair[0], outputs: pair[1] }, activation]);
    }
    layers.pop();
    layers
}

/// A convolution with a bias.
fn conv(inputs: usize, outputs: usize, kernel: usize, stride: usize, padding: [usize; 2]) -> Layer {
    Conv { inputs, outputs, kernel, stride, padding, bias: true }
}

fn strided() -> Vec<Layer> {
    let mut layers = vec![
        conv(1, 6, 6, 1, [2, 3]),
        Relu,
        conv(6, 12, 5, 2, [1, 2]),
        Relu,
        conv(12, 24, 4, 2, [1, 1]),
        Relu,
    ];
    layers.extend(head(7 * 7 * 24, 200, 0.25));
    layers
}

fn pooled() -> Vec<Layer> {
    let mut layers =
        vec![conv(1, 32, 5, 1, [2, 2]), Relu, MaxPool2, conv(32, 64, 5, 1, [2, 2]), Relu, MaxPool2];
    layers.extend(head(7 * 7 * 64, 1024, 0.5));
    layers
}

fn lenet5() -> Vec<Layer> {
    let mut layers =
        vec![conv(1, 6, 5, 1, [0, 0]), Relu, MaxPool2, conv(6, 16, 5, 1, [0, 0]), Relu, MaxPool2];
    layers.extend(dense(&[256, 120, 84, 10], Relu));
    layers
}

fn normalized() -> Vec<Layer> {
    vec![
        conv(1, 16, 3, 1, [1, 1]),
        BatchNorm(16),
        Relu,
        MaxPool2,
        conv(16, 32, 3, 1, [1, 1]),
        BatchNorm(32),
        Relu,
        MaxPool2,
        Dropout(0.3),
        Linear { inputs: 7 * 7 * 32, outputs: 50 },
        Relu,
        Linear { inputs: 50, outputs: 10 },
    ]
}

fn residual() -> Vec<Layer> {
    let conv = |inputs, outputs, kernel, stride, padding| {
        let conv = Conv { inputs, outputs, kernel, stride, padding, bias: false };
        [conv, BatchNorm(outputs)]
    };
    let same = |channels| conv(channels, channels, 3, 1, [1, 1]);
    let mut layers = Vec::new();
    for (first, channels) in [(conv(1, 24, 5, 2, [1, 2]), 24), (conv(24, 48, 3, 2, [0, 1]), 48)] {
        layers.extend(first);
        layers.extend([Relu, Save]);
        layers.extend(same(channels));
        layers.push(Relu);
        layers.extend(same(channels));
        layers.extend([AddSaved, Relu]);
    }
    layers.extend([GlobalMean, Linear { inputs: 48, outputs: 10 }]);
    layers
}

/// A hidden layer with dropout before the output.
fn head(inputs: usize, hidden: usize, dropout: f32) -> [Layer; 4] {
    [
        Linear { inputs, outputs: hidden },
        Relu,
        Dropout(dropout),
        Linear { inputs: hidden, outputs: 10 },
    ]
}
