//! The network of both programs, and the digits as tensors.

use burn::data::dataset::Dataset;
use burn::data::dataset::vision::MnistItem;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::prelude::*;

#[derive(Module, Debug)]
pub struct Model {
    hidden: Linear,
    relu: Relu,
    output: Linear,
}

impl Model {
    pub fn new(device: &Device) -> Self {
        Self {
            hidden: LinearConfig::new(784, 50).init(device),
            relu: Relu::new(),
            output: LinearConfig::new(50, 10).init(device),
        }
    }

    pub fn forward(&self, images: Tensor<2>) -> Tensor<2> {
        self.output.forward(self.relu.forward(self.hidden.forward(images)))
    }
}

pub fn tensors(items: &impl Dataset<MnistItem>, device: &Device) -> (Tensor<2>, Tensor<1, Int>) {
    let items: Vec<MnistItem> = (0..items.len()).map(|i| items.get(i).unwrap()).collect();
    let pixels: Vec<f32> = items.iter().flat_map(|item| item.image).flatten().collect();
    let labels: Vec<i64> = items.iter().map(|item| item.label.into()).collect();
    let shape = [items.len(), 784];
    let images = Tensor::<2>::from_data(TensorData::new(pixels, shape), device) / 255;
    (images, Tensor::from_data(TensorData::new(labels, [items.len()]), device))
}
