//! The description of a network, and how it becomes a graph.

mod builder;
mod chain;
mod connections;
mod error;
mod inputs;
mod layer;
mod trained;

use std::ops::Range;
use std::path::PathBuf;

use graph::{CompileError, Float, Graph, NodeId, Shape};
use kernels::random::Stream;

use crate::init::{Initializer, ParameterSize, he_normal::HeNormal};
use crate::layers::Activation;
use crate::registry::{InvalidSetting, Validate as _, nested, not_negative, require};
use crate::setting::Bias;
use crate::{Loss, settings};
pub use builder::Builder;
pub use chain::NetworkBuilder;
pub use connections::LayerInput;
use connections::connect;
pub use error::{LayerFault, NetworkError};
pub use inputs::{InputRole, ModelInputs, ModelSource};
pub use layer::Layer;
pub use trained::TrainedGraph;

/// The most elements of all parameters together, and of a value of one sample: more is a typing error.
const MAX_ELEMENTS: usize = 1 << 30;

/// The number of elements of `shape`, if a network can have as many.
fn checked_len(shape: &[usize]) -> Option<usize> {
    let len = shape.iter().try_fold(1usize, |len, &size| len.checked_mul(size))?;
    (len <= MAX_ELEMENTS).then_some(len)
}

settings! {
    /// A network: layers, each of which takes the output of the one before or what its `from` names.
    ///
    /// ```
    /// use gradus_nn::{Mode, Network, Objective};
    /// use graph::Shape;
    ///
    /// let network: Network = toml::from_str(r#"
    ///     input = [28, 28, 1]
    ///     layers = ["flatten", { kind = "linear", units = 10 }]
    /// "#)?;
    /// let objective = Objective::default();
    /// let model = network.model::<f32>(Mode::Train, &objective, 10, Shape::batch([]))?;
    /// assert_eq!(model.graph.n_parameters(), 7850);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub struct Network {
        /// Sizes of one sample.
        input: Vec<usize>;
        /// Initializer of the weights of layers that do not name one.
        weight_init: Initializer = HeNormal {}.into(), nested;
        /// First value of the biases of layers that do not name one, or their initializer, or `false` for none.
        bias: Bias = Bias::default(), Bias::is_valid;
        /// Factors of the learning rate by the role of a parameter, each times that of its layer.
        #[serde(skip_serializing_if = "RoleFactors::is_default")]
        learning_rate_factors: RoleFactors = RoleFactors::default(), nested;
        /// A run directory or a safetensors file: parameters begin as those that it has at the same path and in the same
        /// shape.
        #[serde(skip_serializing_if = "Option::is_none")]
        start: Option<PathBuf> = None;
        /// From the input on.
        layers: Vec<Layer>, |_, layers: &Vec<Layer>| connect(layers).map(drop);
    }
}

settings! {
    /// A factor for each [role](ParameterRole) of a parameter, 0 or more.
    ///
    /// ```
    /// use gradus_nn::{ParameterRole, RoleFactors};
    ///
    /// let factors: RoleFactors = toml::from_str("bias = 0.1")?;
    /// assert_eq!([ParameterRole::Bias, ParameterRole::Weight].map(|role| factors.of(role)), [0.1, 1.0]);
    /// # Ok::<(), toml::de::Error>(())
    /// ```
    #[derive(Copy)]
    pub struct RoleFactors {
        /// Of weights.
        weight: f64 = 1.0, not_negative;
        /// Of biases.
        bias: f64 = 1.0, not_negative;
        /// Of scales.
        scale: f64 = 1.0, not_negative;
        /// Of offsets.
        offset: f64 = 1.0, not_negative;
        /// Of tables of embeddings.
        embedding: f64 = 1.0, not_negative;
    }
}

impl RoleFactors {
    /// The factor of a role.
    pub fn of(&self, role: ParameterRole) -> f64 {
        match role {
            ParameterRole::Weight => self.weight,
            ParameterRole::Bias => self.bias,
            ParameterRole::Scale => self.scale,
            ParameterRole::Offset => self.offset,
            ParameterRole::Embedding => self.embedding,
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a graph is made for training or for evaluation: dropout and batch normalisation differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout is active, batch normalisation uses the batch.
    Train,
    /// No dropout, batch normalisation uses running statistics.
    Evaluate,
}

/// What training minimises: a loss, and perhaps a penalty on large weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// The error of the predictions.
    pub loss: Loss,
    /// The cost of large weights.
    pub penalty: Penalty,
    /// What the loss of a sample is multiplied by, for each class; empty if by nothing.
    pub class_weights: Vec<f64>,
}

settings! {
    /// The cost of large weights, `l1 · Σ|w| + ½ · l2 · Σw²` over all weights (biases, scales and offsets are
    /// free). The half, as in "Deep Learning from Scratch", makes the gradient `l2 · w`.
    #[derive(Copy)]
    pub struct Penalty {
        /// Factor of the sum of magnitudes, 0 or more.
        l1: f64 = 0.0, not_negative;
        /// Factor of half the sum of squares, 0 or more.
        l2: f64 = 0.0, not_negative;
    }
}

/// A network as a graph, with what is needed to train or evaluate it.
#[derive(Clone, Debug)]
pub struct Model<T> {
    /// All nodes.
    pub graph: Graph<T>,
    /// What each input of the graph takes, in their order.
    pub inputs: Vec<InputRole>,
    /// The samples, `[N, ..]`.
    pub input: NodeId,
    /// The targets: class numbers `[N]`, or values `[N, k]`.
    pub target: NodeId,
    /// The output of the last layer.
    pub prediction: NodeId,
    /// The loss on the data.
    pub data_loss: NodeId,
    /// What training minimises: the loss on the data and the cost of large weights.
    pub loss: NodeId,
    /// The parameters, in the order of the parameter vector.
    pub parameters: Vec<ParameterSpec>,
    /// The running statistics, in order.
    pub running_statistics: Vec<RunningStatistics>,
    /// One line for each layer.
    pub layers: Vec<LayerSummary>,
}

/// A parameter and how it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Its node.
    pub node: NodeId,
    /// The layer's path and the part: `"3.conv2d.weight"` or, of a layer called `head`, `"head.weight"`.
    pub path: String,
    /// What it does in its layer.
    pub role: ParameterRole,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements of the parameter vector.
    pub range: Range<usize>,
    /// How it begins.
    pub initializer: Initializer,
    /// The inputs that one output of its layer sums, and the outputs that one input feeds.
    pub fans: [usize; 2],
    /// Factor of the learning rate: that of its layer times that of its role.
    pub learning_rate_factor: f64,
    /// Whether training leaves it as it is.
    pub is_frozen: bool,
}

impl ParameterRole {
    /// The role in one word, as events have it: `"weight"`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Bias => "bias",
            Self::Scale => "scale",
            Self::Offset => "offset",
            Self::Embedding => "embedding",
        }
    }
}

impl ParameterSpec {
    /// The path of its layer: `"3.conv2d"`.
    pub fn layer(&self) -> &str {
        self.path.rsplit_once('.').map_or("", |(layer, _)| layer)
    }

    /// Its name in the layer: `"weight"`.
    pub fn part(&self) -> &str {
        self.path.rsplit_once('.').map_or(&self.path, |(_, part)| part)
    }
}

/// What a parameter does in its layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterRole {
    /// Factors of a sum of products, which penalties count and which decay.
    Weight,
    /// Terms after such a sum.
    Bias,
    /// Factors of features.
    Scale,
    /// Terms after a normalisation.
    Offset,
    /// Rows of a table that are looked up.
    Embedding,
}

/// A running statistic of the moments of one batch normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct RunningStatistics {
    /// The layer's path and the part: `"2.batch_norm.moments"`.
    pub path: String,
    /// In training the moments of the batch; in evaluation, or if the layer is frozen, the input that takes their
    /// running statistics.
    pub moments: NodeId,
    /// Where they stand in the vector of all running statistics.
    pub range: Range<usize>,
    /// Channels: there are as many means, then as many variances.
    pub channels: usize,
    /// Share of the old running value that a step keeps.
    pub momentum: f64,
    /// Whether the first steps keep less.
    pub warmup: bool,
}

impl RunningStatistics {
    /// The running statistics before the first step: mean 0, variance 1.
    pub fn initial(&self) -> impl Iterator<Item = f32> + use<> {
        let channels = self.channels;
        (0..2 * channels).map(move |i| if i < channels { 0.0 } else { 1.0 })
    }

    /// The share of the old running value that is kept at `step`, counted from 0.
    pub fn momentum_at(&self, step: u64) -> f64 {
        let warm = (1.0 + step as f64) / (10.0 + step as f64);
        if self.warmup { self.momentum.min(warm) } else { self.momentum }
    }
}

/// One line of the table of layers.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerSummary {
    /// Number, from 1.
    pub number: usize,
    /// Its name or, without one, number and kind: `"3.conv2d"`.
    pub path: String,
    /// What it takes, in order.
    pub inputs: Vec<LayerInput>,
    /// Kind.
    pub kind: &'static str,
    /// Its output.
    pub node: NodeId,
    /// Shape of its output.
    pub output: Shape,
    /// Trained numbers.
    pub parameters: usize,
    /// Whether training leaves its parameters as they are.
    pub is_frozen: bool,
    /// Factor of the learning rate for its parameters.
    pub learning_rate_factor: f64,
    /// Multiply-adds of a forward pass for one sample.
    pub multiply_adds: u64,
    /// Outputs at which its units learn no longer.
    pub activation: Activation,
}

impl LayerSummary {
    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        (self.path != layer::unnamed_path(self.number, self.kind)).then_some(&self.path)
    }
}

type BuildModel<T> = fn(&Network, Mode, &Objective, usize, Shape) -> Result<Model<T>, NetworkError>;
#[used]
static F32: BuildModel<f32> = Network::model;
#[used]
static F64: BuildModel<f64> = Network::model;

impl Network {
    /// Settings that are allowed and probably mistakes, with their layer.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.layers.iter().zip(1..).filter_map(|(layer, number)| {
            let warning = layer.kind.as_dyn::<f32>().warning()?;
            Some(format!("layer {}: {warning}", layer.path(number)))
        });
        warnings.collect()
    }

    /// The setting of this network that an error is about, such as `layers.2`, if it is about one.
    pub fn setting_of(&self, error: &NetworkError) -> Option<String> {
        match error {
            NetworkError::Input(_) => Some("input".to_owned()),
            NetworkError::Setting(setting) => Some(setting.name.clone()),
            NetworkError::Layer { number, .. } => Some(format!("layers.{number}")),
            NetworkError::Outputs { .. } => Some(format!("layers.{}", self.layers.len())),
            NetworkError::Frozen => Some("layers".to_owned()),
            NetworkError::Compile(CompileError::Memory { scope, .. }) => {
                let mut layers = self.layers.iter().zip(1..);
                let (_, number) = layers.find(|(layer, number)| layer.path(*number) == *scope)?;
                Some(format!("layers.{number}"))
            }
            _ => None,
        }
    }

    /// Makes the graph: the layers, the loss and the penalty, for data with `outputs` classes or values.
    ///
    /// A target has the shape `[N]` (class numbers, or values if there is one output) or `[N, outputs]` (values or
    /// one-hot rows). The last layer has as many outputs, or one for two classes if the loss has a
    /// [binary form](Loss::classes). The parameters are the same, in the same order, for both modes.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit.
    // Not inlined: with all ops, it is compiled here once for both types, not in each crate that builds a model.
    #[inline(never)]
    pub fn model<T: Float>(
        &self,
        mode: Mode,
        objective: &Objective,
        outputs: usize,
        target: Shape,
    ) -> Result<Model<T>, NetworkError> {
        objective.loss.validate()?;
        objective.penalty.validate()?;
        let (mut builder, [input, target, prediction]) = self.build_layers(mode, target)?;
        let found = builder.graph.shape(prediction);
        let gives = |outputs| found == &Shape::batch([outputs]);
        let is_of_numbers = builder.graph.shape(target).dims().is_empty();
        let has_one_for_two = is_of_numbers && gives(1) && objective.loss.classes(1) == outputs;
        if !gives(outputs) && !has_one_for_two {
            return Err(NetworkError::Outputs { found: found.clone(), expected: outputs });
        }
        let n_weights = objective.class_weights.len();
        if n_weights > 0 {
            let expected = format!("{outputs}, one for each class");
            require(n_weights == outputs, "class_weights", n_weights, expected)?;
        }
        let [data_loss, loss] = builder
            .loss(objective, prediction, target)
            .map_err(|error| NetworkError::Loss { kind: objective.loss.name(), error })?
            .ok_or_else(|| {
                let expected = "the loss cross_entropy or binary_cross_entropy";
                InvalidSetting::new("class_weights", objective.loss.name(), expected)
            })?;
        let Builder { graph, inputs, parameters, running_statistics, layers, .. } = builder;
        Ok(Model {
            graph,
            inputs,
            input,
            target,
            prediction,
            data_loss,
            loss,
            parameters,
            running_statistics,
            layers,
        })
    }

    /// The number of outputs of the last layer.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit.
    pub fn outputs(&self) -> Result<usize, NetworkError> {
        let (builder, [.., prediction]) =
            self.build_layers::<f32>(Mode::Train, Shape::batch([]))?;
        Ok(builder.graph.shape(prediction).len())
    }

    /// The number of trained numbers.
    ///
    /// # Errors
    ///
    /// As [`outputs`](Self::outputs).
    pub fn n_parameters(&self) -> Result<usize, NetworkError> {
        let (builder, _) = self.build_layers::<f32>(Mode::Train, Shape::batch([]))?;
        Ok(builder.graph.n_parameters())
    }

    /// Checks that the layers fit one behind the other, and that one of them can be trained.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit.
    pub fn check(&self) -> Result<(), NetworkError> {
        let (Builder { parameters, .. }, _) =
            self.build_layers::<f32>(Mode::Train, Shape::batch([]))?;
        match parameters.iter().any(|spec| !spec.is_frozen) || parameters.is_empty() {
            true => Ok(()),
            false => Err(NetworkError::Frozen),
        }
    }

    /// The layers as nodes: the graph, and its input, target and prediction.
    fn build_layers<T: Float>(
        &self,
        mode: Mode,
        target: Shape,
    ) -> Result<(Builder<'_, T>, [NodeId; 3]), NetworkError> {
        let is_usable = checked_len(&self.input).is_some_and(|len| len > 0);
        if !is_usable || !(1..=6).contains(&self.input.len()) {
            return Err(NetworkError::Input(self.input.clone()));
        }
        self.validate()?;
        let connections = connect(&self.layers)?;
        let mut builder = Builder::new(self, mode);
        builder.graph.begin_scope("the data");
        let input = builder.input(InputRole::Samples, "input", Shape::batch(&self.input));
        let target = builder.input(InputRole::Targets, "target", target);
        for ((layer, number), inputs) in self.layers.iter().zip(1..).zip(connections) {
            builder.layer(number, layer, inputs, input)?;
        }
        let prediction = builder.layers.last().map_or(input, |layer| layer.node);
        Ok((builder, [input, target, prediction]))
    }
}

impl<T: Float> Model<T> {
    /// The parameters before the first step. Each draws from a stream of its own, in `f64`.
    pub fn initial_parameters(&self, seed: u64) -> Vec<T> {
        /// Streams of one seed that belong to the parameters: `"init"`, then the parameter's number.
        const STREAM: u64 = 0x696e_6974 << 32;
        /// Elements drawn at a time, if each is drawn by itself.
        const BLOCK: usize = 1024;
        let mut values = vec![T::ZERO; self.graph.n_parameters()];
        let mut drawn = Vec::new();
        for (i, spec) in self.parameters.iter().enumerate() {
            let mut random = Stream::new(seed, STREAM + i as u64);
            let size = ParameterSize { shape: &spec.shape, fans: spec.fans };
            let initializer = spec.initializer.as_dyn();
            let most = if initializer.is_elementwise() { BLOCK } else { spec.range.len().max(1) };
            for values in values[spec.range.clone()].chunks_mut(most) {
                drawn.resize(values.len(), 0.0);
                initializer.fill(size, &mut random, &mut drawn);
                for (value, &drawn) in values.iter_mut().zip(&drawn) {
                    *value = T::from_f64(drawn);
                }
            }
        }
        values
    }

    /// Checks that every batch normalisation that uses the batch gets two values or more for each channel.
    ///
    /// # Errors
    ///
    /// [`LayerFault::NoVariance`] if `batch` is too small.
    pub fn check_batch(&self, batch: usize) -> Result<(), NetworkError> {
        for statistics in &self.running_statistics {
            // In evaluation, or frozen, the moments are an input.
            let [x] = *self.graph.node(statistics.moments).operands() else { continue };
            if batch * self.graph.shape(x).len() / statistics.channels < 2 {
                let layer = self.layer_of(statistics.moments).expect("statistics have a layer");
                let (number, layer) = (layer.number, layer.path.clone());
                return Err(NetworkError::Layer { number, layer, fault: LayerFault::NoVariance });
            }
        }
        Ok(())
    }

    /// The layer that a node belongs to, if it belongs to one.
    pub fn layer_of(&self, id: NodeId) -> Option<&LayerSummary> {
        let path = self.graph.scope(id);
        self.layers.iter().find(|layer| layer.path == path)
    }

    /// Multiply-adds of a forward pass for one sample.
    pub fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(|layer| layer.multiply_adds).sum()
    }
}
