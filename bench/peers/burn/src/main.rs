//! Trains one benchmark network in Burn on a CPU back end and prints its speed as a line of JSON.
//!
//! It is written as a keen user of Burn would write it, with modules, losses and optimizers of Burn.
//! The images become one `f32` tensor before the clock starts.
//! What is timed is all that training needs for each batch:
//! the shuffle of each epoch, gathering the batch, forward, loss, backward and the optimizer step.

mod model;
mod networks;
mod protocol;

use std::hint::black_box;
use std::process::ExitCode;

use burn::nn::loss::{CrossEntropyLoss, CrossEntropyLossConfig, MseLoss, Reduction};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::prelude::*;
use mimalloc::MiMalloc;

use model::Model;
use networks::{Network, Optimizer};
use protocol::{Args, Batches, Data, Peer, Targets};

// Each operation allocates its result, which the allocator of the C library is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// A model in training.
struct Trainer {
    /// Taken by each step, which returns it with new parameters.
    model: Option<Model>,
    optimizer: ModuleOptimizer,
    learning_rate: f64,
    inputs: Tensor<2>,
    objective: Objective,
    device: Device,
}

enum Objective {
    Classes { labels: Tensor<1, Int>, loss: CrossEntropyLoss },
    Values { targets: Tensor<2>, loss: MseLoss },
}

impl Trainer {
    fn new(network: &Network, data: Data, device: &Device) -> Self {
        let device = device.clone();
        let training = device.clone().autodiff();
        let n = data.n_samples();
        let inputs = Tensor::from_data(TensorData::new(data.inputs, [n, data.n_inputs]), &training);
        let objective = match data.targets {
            Targets::Labels(labels) => Objective::Classes {
                labels: Tensor::from_data(TensorData::new(labels, [n]), &training),
                loss: CrossEntropyLossConfig::new().init(&training),
            },
            Targets::Values(values) => {
                let width = values.len() / n;
                let targets = Tensor::from_data(TensorData::new(values, [n, width]), &training);
                Objective::Values { targets, loss: MseLoss::new() }
            }
        };
        let (optimizer, learning_rate) = match network.optimizer {
            Optimizer::Sgd(rate) => (SgdConfig::new().init(), rate),
            Optimizer::Adam(rate) => (AdamConfig::new().with_epsilon(1e-8).init(), rate),
        };
        let model = Some(Model::new(&network.layers, &training));
        Self { model, optimizer, learning_rate, inputs, objective, device }
    }
}

impl Peer for Trainer {
    fn train(&mut self, samples: &[u32]) -> protocol::Result<()> {
        let model = self.model.take().ok_or("an earlier step failed")?;
        let loss = match &self.objective {
            Objective::Classes { labels, loss } => {
                let indices: Vec<_> = samples.iter().map(|&sample| i64::from(sample)).collect();
                let indices = TensorData::new(indices, [samples.len()]);
                let indices = Tensor::<1, Int>::from_data(indices, &labels.device());
                let x = self.inputs.clone().select(0, indices.clone());
                let labels = labels.clone().select(0, indices);
                loss.forward(model.forward(x), labels)
            }
            Objective::Values { targets, loss } => {
                let y = model.forward(self.inputs.clone());
                loss.forward(y, targets.clone(), Reduction::Mean)
            }
        };
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.model = Some(self.optimizer.step(self.learning_rate, model, gradients));
        Ok(())
    }

    fn inference(&self, n: usize) -> protocol::Result<impl FnMut() -> protocol::Result<()>> {
        let model = self.model.as_ref().ok_or("an earlier step failed")?.valid();
        let indices = Tensor::<1, Int>::arange(0..n as i64, &self.device);
        let x = self.inputs.clone().inner().select(0, indices);
        Ok(move || {
            black_box(model.forward(x.clone()).try_into_data()?);
            Ok(())
        })
    }
}

fn run() -> protocol::Result<()> {
    let args = Args::parse()?;
    // The products of the back end "ndarray" have a pool of their own beside Rayon's.
    args.limit_threads(&["RAYON_NUM_THREADS", "MATMUL_NUM_THREADS"])?;
    // Inside Rayon's pool, where work need not be handed over from another thread.
    rayon::scope(|_| train(&args))
}

fn train(args: &Args) -> protocol::Result<()> {
    let network = Network::named(&args.network).ok_or("no such network")?;
    let device = match args.variant.as_str() {
        "flex" => Device::flex(),
        #[expect(deprecated)]
        "ndarray" => Device::ndarray(),
        _ => return Err("no such variant".into()),
    };
    device.seed(0);
    let data = Data::load(&args.data, &args.network)?;
    let batches = Batches::new(data.n_samples(), network.batch_size);
    let trainer = Trainer::new(&network, data, &device);
    let version = protocol::locked_version(include_str!("../Cargo.lock"), "burn");
    protocol::measure(args, version.ok_or("no version")?, trainer, batches)
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
