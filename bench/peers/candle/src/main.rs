//! Trains one benchmark network in Candle on the CPU and prints its speed as a line of JSON.
//!
//! It is written as a keen user of Candle would write it, with layers, losses and optimizers of
//! `candle-nn`; the variant `im2col` makes its own convolutions of Candle's operations.
//! The images become one `f32` tensor before the clock starts.
//! What is timed is all that training needs for each batch:
//! the shuffle of each epoch, gathering the batch, forward, loss, backward and the optimizer step.

mod model;
// The peers in Rust have the networks and the protocol in common.
#[path = "../../burn/src/networks.rs"]
mod networks;
#[path = "../../burn/src/protocol.rs"]
mod protocol;

use std::hint::black_box;
use std::process::ExitCode;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{AdamW, Optimizer, ParamsAdamW, SGD, VarBuilder, VarMap, loss};
use mimalloc::MiMalloc;

use model::{Images, Model};
use networks::Network;
use protocol::{Args, Batches, Data, Peer, Targets};

// Each operation allocates its result, which the allocator of the C library is slow at.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const CPU: Device = Device::Cpu;

/// A model in training.
struct Trainer {
    network: Network,
    images: Images,
    variables: VarMap,
    model: Model,
    optimizer: Updates,
    inputs: Tensor,
    /// Labels, or the values of a regression.
    targets: Tensor,
}

enum Updates {
    Sgd(SGD),
    Adam(AdamW),
}

impl Trainer {
    fn new(network: Network, images: Images, data: Data) -> Result<Self> {
        let n = data.n_samples();
        let inputs = Tensor::from_vec(data.inputs, (n, data.n_inputs), &CPU)?;
        let targets = match data.targets {
            Targets::Labels(labels) => Tensor::from_vec(labels, n, &CPU)?.to_dtype(DType::U32)?,
            Targets::Values(values) => Tensor::from_vec(values, (n, ()), &CPU)?,
        };
        let variables = VarMap::new();
        let builder = VarBuilder::from_varmap(&variables, DType::F32, &CPU);
        let model = Model::new(&network.layers, images, &builder)?;
        let optimizer = match network.optimizer {
            networks::Optimizer::Sgd(rate) => Updates::Sgd(SGD::new(variables.all_vars(), rate)?),
            networks::Optimizer::Adam(lr) => {
                // AdamW is Adam if nothing decays; its betas and epsilon are the usual ones.
                let config = ParamsAdamW { lr, weight_decay: 0.0, ..Default::default() };
                Updates::Adam(AdamW::new(variables.all_vars(), config)?)
            }
        };
        Ok(Self { network, images, variables, model, optimizer, inputs, targets })
    }

    fn loss(&self, samples: &[u32]) -> Result<Tensor> {
        if self.targets.dtype() == DType::F32 {
            return loss::mse(&self.model.forward(&self.inputs, true)?, &self.targets);
        }
        let indices = Tensor::new(samples, &CPU)?;
        let x = self.inputs.index_select(&indices, 0)?;
        let labels = self.targets.index_select(&indices, 0)?;
        loss::cross_entropy(&self.model.forward(&x, true)?, &labels)
    }
}

impl Peer for Trainer {
    fn train(&mut self, samples: &[u32]) -> protocol::Result<()> {
        let loss = self.loss(samples)?;
        match &mut self.optimizer {
            Updates::Sgd(sgd) => sgd.backward_step(&loss)?,
            Updates::Adam(adam) => adam.backward_step(&loss)?,
        }
        Ok(())
    }

    fn inference(&self, n: usize) -> protocol::Result<impl FnMut() -> protocol::Result<()>> {
        // A model of the same parameters, but without a graph for gradients.
        let variables = self.variables.data().lock().map_err(|_| "an earlier step failed")?;
        let parameters =
            variables.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor()));
        let parameters = VarBuilder::from_tensors(parameters.collect(), DType::F32, &CPU);
        let model = Model::new(&self.network.layers, self.images, &parameters)?;
        let x = self.inputs.narrow(0, 0, n)?.copy()?;
        Ok(move || {
            black_box(model.forward(&x, false)?);
            Ok(())
        })
    }
}

fn run() -> protocol::Result<()> {
    let args = Args::parse()?;
    // Candle itself reads this variable too, not only Rayon.
    args.limit_threads(&["RAYON_NUM_THREADS"])?;
    // Inside Rayon's pool, where work need not be handed over from another thread.
    rayon::scope(|_| train(&args))
}

fn train(args: &Args) -> protocol::Result<()> {
    let network = Network::named(&args.network).ok_or("no such network")?;
    let images = match args.variant.as_str() {
        "plain" => Images::Plain,
        "im2col" => Images::Im2Col,
        _ => return Err("no such variant".into()),
    };
    let data = Data::load(&args.data, &args.network)?;
    let batches = Batches::new(data.n_samples(), network.batch_size);
    let trainer = Trainer::new(network, images, data)?;
    let version = protocol::locked_version(include_str!("../Cargo.lock"), "candle-core");
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
