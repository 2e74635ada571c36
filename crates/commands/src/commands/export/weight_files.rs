//! `export --safetensors` and `--npz`.

use std::io::Write;
use std::path::PathBuf;

use gradus::data::readers::npz;
use gradus::runs::SavedModel;
use gradus::weights::{NameScheme, NumberArray, WeightPlan, write_safetensors};

use super::write_file;

/// Weights to write under the names of other programs.
#[derive(Debug, clap::Args)]
pub(super) struct WeightFilesArgs {
    /// Write the weights as safetensors.
    #[arg(long, value_name = "FILE")]
    safetensors: Option<PathBuf>,

    /// Write the weights as arrays of NumPy.
    #[arg(long, value_name = "FILE")]
    npz: Option<PathBuf>,

    /// Whose names and layouts the weights get [default: torch; of an NPZ archive book].
    #[arg(long, value_enum, value_name = "SCHEME")]
    names: Option<SchemeArg>,
}

/// Whose names.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum SchemeArg {
    /// PyTorch: `0.weight` in a `Sequential`, `fc1.weight` of a named layer.
    Torch,
    /// Keras: `dense/kernel`.
    Keras,
    /// "Deep Learning from Scratch": `W1`, `b1`.
    Book,
}

impl From<SchemeArg> for NameScheme {
    fn from(scheme: SchemeArg) -> Self {
        match scheme {
            SchemeArg::Torch => Self::Torch,
            SchemeArg::Keras => Self::Keras,
            SchemeArg::Book => Self::Book,
        }
    }
}

impl WeightFilesArgs {
    pub(super) fn is_asked(&self) -> bool {
        self.safetensors.is_some() || self.npz.is_some()
    }

    pub(super) fn write(&self, saved: &SavedModel, out: &mut dyn Write) -> anyhow::Result<()> {
        let weights = |default| weights(saved, self.names.map_or(default, NameScheme::from));
        if let Some(file) = &self.safetensors {
            write_file(file, &write_safetensors(&weights(NameScheme::Torch)?)?, out)?;
        }
        if let Some(file) = &self.npz {
            let arrays =
                npz::write_arrays(&file.display().to_string(), &weights(NameScheme::Book)?)?;
            write_file(file, &arrays, out)?;
        }
        Ok(())
    }
}

fn weights(saved: &SavedModel, scheme: NameScheme) -> anyhow::Result<Vec<NumberArray>> {
    let model = saved.model()?;
    let plan = WeightPlan::new(&saved.experiment.model, &model, scheme)?;
    Ok(plan.tensors(&saved.parameters, &saved.running_statistics))
}
