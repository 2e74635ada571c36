//! The weights of a network as other programs name and store them.
//!
//! A network is described here; its numbers come from a file of another program, or go into one.
//! [`WeightPlan`] says for each layer which tensors those are, and where each of their elements is here: axes are in
//! another order, and behind a flattened image the features are, since PyTorch and the book have channels first.
//!
//! ```
//! use gradus_weights::{NameScheme, WeightPlan};
//! use nn::{Mode, Network, Objective};
//!
//! let network: Network = toml::from_str(
//!     "input = [784]\nlayers = [{ kind = 'linear', units = 50 }, 'sigmoid', { kind = 'linear', units = 10 }]",
//! )?;
//! let model = network.model::<f32>(Mode::Evaluate, &Objective::default(), 10, graph::Shape::batch([]))?;
//! let plan = WeightPlan::new(&network, &model, NameScheme::Torch)?;
//! let tensors = plan.tensors(&vec![0.5; model.graph.n_parameters()], &[]);
//! let names: Vec<&str> = tensors.iter().map(|tensor| &*tensor.name).collect();
//! assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
//! assert_eq!(tensors[0].shape, [50, 784]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod feature_order;
mod matching;
mod names;
mod plan;
mod safetensors_file;

pub use data::readers::npz::NumberArray;
pub use error::PlanError;
pub use matching::{LayerMatch, MatchError, TakenWeights};
pub use names::NameScheme;
pub use plan::WeightPlan;
pub use safetensors_file::{read_safetensors, write_safetensors};

#[cfg(test)]
mod tests;
