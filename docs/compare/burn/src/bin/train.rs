//! Build, train, evaluate.

use burn::data::dataset::vision::MnistDataset;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::prelude::*;
use compare_burn::{Model, tensors};

fn main() {
    let device = Device::flex().autodiff();
    let (images, labels) = tensors(&MnistDataset::train(), &device);
    let mut model = Model::new(&device);
    let mut optimizer = AdamConfig::new().init();
    let loss = CrossEntropyLossConfig::new().init(&device);
    for (images, labels) in images.split(100, 0).into_iter().zip(labels.split(100, 0)) {
        let error = loss.forward(model.forward(images), labels);
        let gradients = GradientsParams::from_grads(error.backward(), &model);
        model = optimizer.step(0.001, model, gradients);
    }
    let (images, labels) = tensors(&MnistDataset::test(), &device);
    let predicted = model.forward(images).argmax(1).squeeze_dim::<1>(1);
    let correct: i64 = predicted.equal(labels).int().sum().into_scalar();
    println!("accuracy {}", correct as f64 / 10_000.0);
    model.save_file("digits").unwrap();
}
