//! Load, predict, print.

use burn::data::dataset::vision::MnistDataset;
use burn::prelude::*;
use burn::tensor::activation::softmax;
use compare_burn::{Model, tensors};

fn main() {
    let device = Device::flex();
    let (images, _) = tensors(&MnistDataset::test(), &device);
    let model = Model::new(&device).load_file("digits");
    let probabilities = softmax(model.forward(images.slice([0..1])), 1);
    let class: i64 = probabilities.clone().argmax(1).into_scalar();
    println!("{class} ({:.2})", probabilities.max().into_scalar::<f32>());
}
