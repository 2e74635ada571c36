//! Trained networks as ONNX files, which other programs run with the same numbers, and networks of others from such files.
//!
//! A file has opset 17: operators that some runtime lacks in it are written as smaller ones (`docs/onnx.md` names them).
//! What depends on no sample is computed here and written as a constant; bias and batch normalisation become part of the
//! convolution or product before them.
//!
//! ```no_run
//! use gradus_onnx::{OnnxOptions, to_onnx};
//!
//! let saved = runs::SavedModel::read("runs/lenet-1")?;
//! std::fs::write("lenet.onnx", to_onnx(&saved, &OnnxOptions::default())?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chain;
mod ops;
mod predictions;
mod proto;
mod reader;
mod transforms;
mod writer;

use data::{FittedTarget, FittedTransforms};
use nn::losses::Prediction;
use nn::{Model, NetworkError, TrainedGraph};
use runs::SavedModel;

pub use crate::reader::{ImportError, ImportedNetwork, read_network, readable_operators};

use crate::writer::{GraphWriter, INPUT};

/// The version of the operators.
pub const OPSET: i64 = 17;
/// The version of the format that belongs to it.
const IR_VERSION: i64 = 8;

/// The order of the axes of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ImageLayout {
    /// `[batch, channels, height, width]`, as PyTorch.
    #[default]
    ChannelsFirst,
    /// `[batch, height, width, channels]`, as Gradus and Keras.
    ChannelsLast,
}

impl ImageLayout {
    /// Its name in the metadata of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChannelsFirst => "channels-first",
            Self::ChannelsLast => "channels-last",
        }
    }
}

/// How a file is written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnnxOptions {
    /// The layout of images that go in.
    pub layout: ImageLayout,
    /// Of a saved model: whether rows go in as they are in the data, and classes with probabilities or numbers in the unit of
    /// the target come out.
    pub with_transforms: bool,
}

/// Why a network cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// Nodes and transforms that ONNX has no operators for.
    #[error("ONNX has no operator for {}", .0.join("; "))]
    Unsupported(Vec<String>),
    /// The network does not fit in itself.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// A trained network.
#[derive(Clone, Debug)]
pub struct TrainedNetwork<'a> {
    /// Its graph for evaluation.
    pub model: &'a Model<f32>,
    /// The parameter vector.
    pub parameters: &'a [f32],
    /// The running statistics, one batch normalisation after the other.
    pub running_statistics: &'a [f32],
    /// The names of the classes; empty if it predicts none.
    pub classes: Vec<String>,
    /// What is written around the network, if that is wanted.
    pub rows: Option<RowMeaning<'a>>,
}

/// How rows of the data become features, and what the last layer says about them.
#[derive(Clone, Copy, Debug)]
pub struct RowMeaning<'a> {
    /// The transforms of the columns and of the target.
    pub transforms: &'a FittedTransforms,
    /// The meaning of the numbers of the last layer.
    pub prediction: Prediction,
}

impl TrainedNetwork<'_> {
    /// The bytes of an ONNX file: takes the features of the network and gives what its last layer does, or with `rows` takes
    /// the cells of rows and gives predictions.
    ///
    /// # Errors
    ///
    /// If the graph has nodes, or the data transforms, that cannot be written; all are named.
    pub fn to_onnx(&self, options: &OnnxOptions) -> Result<Vec<u8>, OnnxError> {
        let trained = TrainedGraph::new(self.model, self.parameters, self.running_statistics)?;
        let mut writer = GraphWriter::new(trained, options.layout);
        predictions::reserve_names(&mut writer);
        let mut unsupported = Vec::new();
        match self.rows {
            Some(RowMeaning { transforms, .. }) => {
                if let Err(why) = transforms::write(&mut writer, transforms) {
                    unsupported = why;
                    writer.set_placeholder(self.model.input);
                }
            }
            None => {
                let input = writer.add_picture_input(INPUT);
                writer.set_features(writer.layout(), input);
            }
        }
        for id in writer.needed() {
            if let Err(why) = ops::write(&mut writer, id) {
                unsupported.push(why);
                writer.set_placeholder(id);
            }
        }
        if !unsupported.is_empty() {
            return Err(OnnxError::Unsupported(unsupported));
        }
        match self.rows {
            Some(RowMeaning { transforms, prediction }) => {
                predictions::write(&mut writer, transforms.target(), prediction);
            }
            None => predictions::write_features(&mut writer),
        }
        Ok(writer::file(writer.finish(), options.layout, &self.classes))
    }
}

/// The bytes of an ONNX file of a saved model: see [`TrainedNetwork::to_onnx`].
///
/// # Errors
///
/// As there, and if the network does not fit in itself.
pub fn to_onnx(saved: &SavedModel, options: &OnnxOptions) -> Result<Vec<u8>, OnnxError> {
    let model = saved.model()?;
    let classes = saved.transforms.target().map_or(&[][..], FittedTarget::classes);
    let SavedModel { experiment, transforms, parameters, running_statistics } = saved;
    let rows = RowMeaning { transforms, prediction: experiment.train.loss.prediction() };
    let rows = options.with_transforms.then_some(rows);
    let classes = classes.to_vec();
    TrainedNetwork { model: &model, parameters, running_statistics, classes, rows }.to_onnx(options)
}

#[cfg(test)]
mod tests;
