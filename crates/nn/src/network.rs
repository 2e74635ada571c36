//! The description of a network, and how it becomes a graph.

use std::fmt;
use std::ops::Range;

use graph::{Float, Graph, NodeId, Shape, ShapeError};
use kernels::random::Stream;
use serde::{Deserialize, Serialize};

use crate::init::Initializer;
use crate::init::constant::Constant;
use crate::init::he_normal::HeNormal;
use crate::registry::{InvalidSetting, Validate, finite, not_negative};
use crate::setting::Bias;
use crate::{Layer, Loss};

/// A network as a list of layers.
///
/// ```
/// use gradus_nn::{Mode, Network, Objective};
///
/// let network: Network = toml::from_str(r#"
///     input = [28, 28, 1]
///     layers = ["flatten", { linear = { units = 10 } }]
/// "#)?;
/// let model = network.model::<f32>(Mode::Train, &Objective::default(), 10)?;
/// assert_eq!(model.graph.n_parameters(), 7850);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Sizes of one sample.
    pub input: Vec<usize>,
    /// Initializer of the weights of layers that do not name one.
    #[serde(default = "he_normal")]
    pub weights: Initializer,
    /// First value of the biases of layers that do not name one.
    #[serde(default)]
    pub bias: f64,
    /// From the input on.
    pub layers: Vec<Layer>,
}

fn he_normal() -> Initializer {
    HeNormal {}.into()
}

/// Whether a graph is made for training or for evaluation: dropout and batch normalisation differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Dropout is at work, batch normalisation uses the batch.
    Train,
    /// No dropout, batch normalisation uses running averages.
    Evaluate,
}

/// What training makes small: a loss, and perhaps a penalty on large weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Objective {
    /// How wrong the network is.
    pub loss: Loss,
    /// What large weights cost.
    pub penalty: Penalty,
}

/// The cost of large weights, `l1 · Σ|w| + ½ · l2 · Σw²` over all weights (biases, scales and offsets are
/// free). The half, as in "Deep Learning from Scratch", makes the gradient `l2 · w`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Penalty {
    /// Factor of the sum of magnitudes, 0 or more.
    pub l1: f64,
    /// Factor of half the sum of squares, 0 or more.
    pub l2: f64,
}

impl Validate for Penalty {
    fn validate(&self) -> Result<(), InvalidSetting> {
        not_negative("l1", self.l1)?;
        not_negative("l2", self.l2)
    }
}

/// A network as a graph, with what is needed to train or evaluate it.
///
/// Input 0 of the graph are the samples, input 1 the targets, and from input 2 on come the running
/// averages, in the order of [`averages`](Self::averages), if the graph is for evaluation.
#[derive(Clone, Debug)]
pub struct Model<T> {
    /// All nodes.
    pub graph: Graph<T>,
    /// The samples, `[N, ..]`.
    pub input: NodeId,
    /// The targets: class numbers `[N]`, or values `[N, k]`.
    pub target: NodeId,
    /// What the last layer says.
    pub prediction: NodeId,
    /// The loss on the data.
    pub data_loss: NodeId,
    /// The cost of large weights, if there is one.
    pub penalty: Option<NodeId>,
    /// What training makes small: the sum of both.
    pub loss: NodeId,
    /// The parameters, in the order of the parameter vector.
    pub parameters: Vec<ParameterSpec>,
    /// The running averages, in order.
    pub averages: Vec<Average>,
    /// One line for each layer.
    pub layers: Vec<LayerSummary>,
}

/// A parameter and how it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterSpec {
    /// Its node.
    pub node: NodeId,
    /// Layer and part: `"3.conv2d.weight"`, layers counted from 1.
    pub name: String,
    /// Its sizes.
    pub sizes: Vec<usize>,
    /// Its elements of the parameter vector.
    pub range: Range<usize>,
    /// How it begins.
    pub initializer: Initializer,
    /// Inputs that one output sums.
    pub fan_in: usize,
    /// Outputs that one input feeds.
    pub fan_out: usize,
}

/// A running average of the moments of one batch normalisation.
#[derive(Clone, Debug, PartialEq)]
pub struct Average {
    /// Layer and part: `"2.batch_norm.moments"`.
    pub name: String,
    /// In training the moments of the batch, in evaluation the input that takes their averages.
    pub moments: NodeId,
    /// Channels: there are as many means, then as many variances.
    pub channels: usize,
    /// Share of the average that a step keeps.
    pub decay: f64,
    /// Whether the first steps keep less.
    pub warmup: bool,
}

impl Average {
    /// What the averages are before the first step: mean 0, variance 1.
    pub fn initial(&self) -> impl Iterator<Item = f32> + use<> {
        let channels = self.channels;
        (0..2 * channels).map(move |i| if i < channels { 0.0 } else { 1.0 })
    }

    /// The share of the average that is kept at `step`, counted from 0.
    pub fn kept(&self, step: u64) -> f64 {
        let warm = (1.0 + step as f64) / (10.0 + step as f64);
        if self.warmup { self.decay.min(warm) } else { self.decay }
    }
}

/// One line of the table of layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Number, from 1.
    pub number: usize,
    /// Kind.
    pub kind: &'static str,
    /// Shape of its output.
    pub output: Shape,
    /// Trained numbers.
    pub parameters: usize,
    /// Multiply-adds of a forward pass for one sample.
    pub multiply_adds: u64,
}

/// What does not fit in a network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The input has no or an empty axis, or too many elements.
    Input {
        /// Its sizes.
        found: Vec<usize>,
    },
    /// The network has more numbers than can be counted.
    TooLarge {
        /// The layer's number, from 1.
        number: usize,
        /// Its kind.
        kind: &'static str,
    },
    /// A setting outside its range.
    Setting {
        /// The layer's number, from 1; none for a setting of the model.
        layer: Option<(usize, &'static str)>,
        /// The setting.
        setting: InvalidSetting,
    },
    /// A layer that does not fit behind the one before it.
    Layer {
        /// The layer's number, from 1.
        number: usize,
        /// Its kind.
        kind: &'static str,
        /// Shapes and rule.
        error: ShapeError,
    },
    /// A loss that does not fit behind the last layer.
    Loss {
        /// The loss.
        kind: &'static str,
        /// Shapes and rule.
        error: ShapeError,
    },
    /// The last layer has another number of outputs than there are classes or values to meet.
    Outputs {
        /// Shape of the last layer's output.
        found: Shape,
        /// Classes or values of the data.
        expected: usize,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input { found } => {
                write!(f, "input: expected one to six sizes above 0, found {found:?}")
            }
            Self::TooLarge { number, kind } => {
                write!(f, "layer {number} ({kind}): more than {MAX_ELEMENTS} elements")
            }
            Self::Setting { layer: Some((number, kind)), setting } => {
                write!(f, "layer {number} ({kind}): {setting}")
            }
            Self::Setting { layer: None, setting } => write!(f, "{setting}"),
            Self::Layer { number, kind, error } => write!(f, "layer {number} ({kind}): {error}"),
            Self::Loss { kind, error } => write!(f, "loss {kind}: {error}"),
            Self::Outputs { found, expected } => {
                write!(
                    f,
                    "the last layer gives {found}, but the data has {expected} classes or values: expected [N, {expected}]"
                )
            }
        }
    }
}

impl std::error::Error for NetworkError {}

/// Elements that a parameter or a value of one sample may have: more is a slip of the pen, and would
/// only run out of memory later.
const MAX_ELEMENTS: usize = 1 << 30;

impl Network {
    /// Makes the graph: the layers, the loss and the penalty, for data with `outputs` classes or values.
    ///
    /// With one output the target is a value, with several it is a class number. The parameters are the
    /// same, in the same order, for both modes.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit.
    pub fn model<T: Float>(
        &self,
        mode: Mode,
        objective: &Objective,
        outputs: usize,
    ) -> Result<Model<T>, NetworkError> {
        self.model_with_target(mode, objective, outputs, Shape::batch([]))
    }

    /// As [`model`](Self::model), with targets of a given shape: `[N]` for class numbers, `[N, k]` for
    /// values or one-hot rows.
    ///
    /// # Errors
    ///
    /// As [`model`](Self::model).
    pub fn model_with_target<T: Float>(
        &self,
        mode: Mode,
        objective: &Objective,
        outputs: usize,
        target: Shape,
    ) -> Result<Model<T>, NetworkError> {
        let of_model = |setting| NetworkError::Setting { layer: None, setting };
        objective.penalty.validate().map_err(of_model)?;
        let Layers { mut builder, input, target, prediction, layers } =
            self.build_layers(mode, target)?;
        let found = builder.graph.shape(prediction);
        if found != &Shape::batch([outputs]) {
            return Err(NetworkError::Outputs { found: found.clone(), expected: outputs });
        }
        builder.graph.begin_scope("loss");
        let kind = objective.loss.name();
        let in_loss = |error| NetworkError::Loss { kind, error };
        let data_loss = objective
            .loss
            .as_dyn()
            .build(&mut builder.graph, prediction, target)
            .map_err(in_loss)?;
        let penalty = builder.penalty(&objective.penalty).map_err(in_loss)?;
        let loss = match penalty {
            Some(penalty) => builder.graph.add(data_loss, penalty).map_err(in_loss)?,
            None => data_loss,
        };
        let Builder { mut graph, parameters, averages, .. } = builder;
        for (node, name) in [(prediction, "prediction"), (data_loss, "data loss"), (loss, "loss")] {
            graph.set_name(node, name);
        }
        Ok(Model {
            graph,
            input,
            target,
            prediction,
            data_loss,
            penalty,
            loss,
            parameters,
            averages,
            layers,
        })
    }

    /// The number of outputs of the last layer, whatever the data.
    ///
    /// # Errors
    ///
    /// The first setting outside its range or layer that does not fit: with this the network is checked
    /// before any data is read.
    pub fn outputs(&self) -> Result<usize, NetworkError> {
        let layers: Layers<'_, f32> = self.build_layers(Mode::Train, Shape::batch([]))?;
        Ok(layers.builder.graph.shape(layers.prediction).len())
    }

    /// The number of trained numbers.
    ///
    /// # Errors
    ///
    /// As [`outputs`](Self::outputs).
    pub fn n_parameters(&self) -> Result<usize, NetworkError> {
        let layers: Layers<'_, f32> = self.build_layers(Mode::Train, Shape::batch([]))?;
        Ok(layers.builder.graph.n_parameters())
    }

    fn build_layers<T: Float>(
        &self,
        mode: Mode,
        target: Shape,
    ) -> Result<Layers<'_, T>, NetworkError> {
        let n_elements = self.input.iter().try_fold(1usize, |n, &size| n.checked_mul(size));
        if !(1..=6).contains(&self.input.len())
            || !(1..=MAX_ELEMENTS).contains(&n_elements.unwrap_or(0))
        {
            return Err(NetworkError::Input { found: self.input.clone() });
        }
        let of_model = |setting| NetworkError::Setting { layer: None, setting };
        finite("bias", self.bias).map_err(of_model)?;
        self.weights.validate().map_err(|setting| of_model(setting.within("weights")))?;
        let mut builder = Builder::new(self, mode);
        let input = builder.graph.input("input", Shape::batch(&self.input));
        let target = builder.graph.input("target", target);
        let mut prediction = input;
        let mut layers = Vec::new();
        for (i, layer) in self.layers.iter().enumerate() {
            let (number, kind) = (i + 1, layer.name());
            prediction = builder.layer(number, layer, prediction)?;
            layers.push(builder.summary(number, kind, prediction));
        }
        Ok(Layers { builder, input, target, prediction, layers })
    }
}

/// The layers of a network as nodes.
struct Layers<'a, T> {
    builder: Builder<'a, T>,
    input: NodeId,
    target: NodeId,
    prediction: NodeId,
    layers: Vec<LayerSummary>,
}

impl<T: Float> Model<T> {
    /// The parameters before the first step. Each draws from a stream of its own, in `f64`.
    pub fn initial_parameters(&self, seed: u64) -> Vec<T> {
        /// Streams of one seed that belong to the parameters: `"init"`, then the parameter's number.
        const STREAM: u64 = 0x696e_6974 << 32;
        let mut values = vec![T::ZERO; self.graph.n_parameters()];
        for (i, spec) in self.parameters.iter().enumerate() {
            let mut drawn = vec![0.0; spec.range.len()];
            let mut random = Stream::new(seed, STREAM + i as u64);
            spec.initializer.as_dyn().fill(spec.fan_in, spec.fan_out, &mut random, &mut drawn);
            for (value, drawn) in values[spec.range.clone()].iter_mut().zip(drawn) {
                *value = T::from_f64(drawn);
            }
        }
        values
    }

    /// Multiply-adds of a forward pass for one sample.
    pub fn multiply_adds(&self) -> u64 {
        self.layers.iter().map(|layer| layer.multiply_adds).sum()
    }
}

/// A graph under construction, as the layers see it.
#[derive(Debug)]
pub struct Builder<'a, T> {
    /// The nodes so far.
    pub graph: Graph<T>,
    mode: Mode,
    network: &'a Network,
    /// `"3.conv2d"`, for the layer being built.
    layer: String,
    parameters: Vec<ParameterSpec>,
    averages: Vec<Average>,
    /// Weights that a penalty counts.
    weights: Vec<NodeId>,
    /// Where the layer being built begins in the graph.
    first_node: usize,
}

impl<'a, T: Float> Builder<'a, T> {
    fn new(network: &'a Network, mode: Mode) -> Self {
        Self {
            graph: Graph::new(),
            mode,
            network,
            layer: String::new(),
            parameters: Vec::new(),
            averages: Vec::new(),
            weights: Vec::new(),
            first_node: 0,
        }
    }

    /// Whether the graph is for training or for evaluation.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Adds a trained value of the layer being built.
    pub fn parameter(
        &mut self,
        part: &str,
        sizes: &[usize],
        initializer: Initializer,
        fan_in: usize,
        fan_out: usize,
    ) -> NodeId {
        let name = format!("{}.{part}", self.layer);
        let start = self.graph.n_parameters();
        let node = self.graph.parameter(&name, Shape::from(sizes));
        let range = start..self.graph.n_parameters();
        self.parameters.push(ParameterSpec {
            node,
            name,
            sizes: sizes.to_vec(),
            range,
            initializer,
            fan_in,
            fan_out,
        });
        node
    }

    /// Adds a weight, which penalties count, with the model's initializer if none is given.
    pub fn weight(
        &mut self,
        sizes: &[usize],
        fan_in: usize,
        fan_out: usize,
        initializer: Option<&Initializer>,
    ) -> NodeId {
        let initializer = initializer.unwrap_or(&self.network.weights).clone();
        let node = self.parameter("weight", sizes, initializer, fan_in, fan_out);
        self.weights.push(node);
        node
    }

    /// Adds a bias to the last axis of `y`, the model's if none is given, unless it is said to have none.
    ///
    /// # Errors
    ///
    /// If the last axis of `y` has another size.
    pub fn add_bias(
        &mut self,
        y: NodeId,
        size: usize,
        bias: Option<Bias>,
    ) -> Result<NodeId, ShapeError> {
        let Bias(Some(value)) = bias.unwrap_or(Bias(Some(self.network.bias))) else { return Ok(y) };
        let bias = self.parameter("bias", &[size], Constant { value }.into(), 0, 0);
        self.graph.add(y, bias)
    }

    /// Adds mean and variance of each channel of `x`: those of the batch in training, which are noted for
    /// the running averages, and these averages in evaluation.
    ///
    /// # Errors
    ///
    /// If `x` has no channels.
    pub fn moments(&mut self, x: NodeId, decay: f64, warmup: bool) -> Result<NodeId, ShapeError> {
        let name = format!("{}.moments", self.layer);
        let channels = self.graph.shape(x).sizes().last().copied().unwrap_or(0);
        let moments = match self.mode {
            Mode::Train => self.graph.moments(x)?,
            Mode::Evaluate => self.graph.input(&name, [2, channels]),
        };
        self.averages.push(Average { name, moments, channels, decay, warmup });
        Ok(moments)
    }

    fn layer(&mut self, number: usize, layer: &Layer, x: NodeId) -> Result<NodeId, NetworkError> {
        let kind = layer.name();
        layer
            .validate()
            .map_err(|setting| NetworkError::Setting { layer: Some((number, kind)), setting })?;
        self.layer = format!("{number}.{kind}");
        self.first_node = self.graph.nodes().len();
        self.graph.begin_scope(format!("layer {number} ({kind})"));
        let y = layer.as_dyn().build(self, x).map_err(|error| NetworkError::Layer {
            number,
            kind,
            error,
        })?;
        let fits = |shape: &Shape| {
            let len = shape.sizes().iter().try_fold(1usize, |n, &size| n.checked_mul(size));
            len.is_some_and(|len| len <= MAX_ELEMENTS)
        };
        let is_too_large =
            self.graph.nodes().skip(self.first_node).any(|(_, node)| !fits(node.shape()));
        if is_too_large {
            return Err(NetworkError::TooLarge { number, kind });
        }
        Ok(y)
    }

    fn summary(&self, number: usize, kind: &'static str, output: NodeId) -> LayerSummary {
        let nodes = self.graph.nodes().skip(self.first_node);
        let shapes = |node: &graph::Node<T>| -> Vec<Shape> {
            node.operands().iter().map(|&id| self.graph.shape(id).clone()).collect()
        };
        let multiply_adds =
            nodes.filter_map(|(_, node)| Some(node.op()?.multiply_adds(&shapes(node))));
        let of_layer = self.parameters.iter().filter(|spec| spec.node.index() >= self.first_node);
        LayerSummary {
            number,
            kind,
            output: self.graph.shape(output).clone(),
            parameters: of_layer.map(|spec| spec.range.len()).sum(),
            multiply_adds: multiply_adds.sum(),
        }
    }

    fn penalty(&mut self, penalty: &Penalty) -> Result<Option<NodeId>, ShapeError> {
        let mut total = None;
        for weight in std::mem::take(&mut self.weights) {
            if penalty.l1 > 0.0 {
                let magnitudes = self.graph.abs(weight);
                self.add_penalty(&mut total, magnitudes, penalty.l1)?;
            }
            if penalty.l2 > 0.0 {
                let squares = self.graph.mul(weight, weight)?;
                self.add_penalty(&mut total, squares, 0.5 * penalty.l2)?;
            }
        }
        if let Some(total) = total {
            self.graph.set_name(total, "penalty");
        }
        Ok(total)
    }

    fn add_penalty(
        &mut self,
        total: &mut Option<NodeId>,
        costs: NodeId,
        factor: f64,
    ) -> Result<(), ShapeError> {
        let sum = self.graph.sum_all(costs)?;
        let factor = self.graph.scalar(factor);
        let cost = self.graph.mul(sum, factor)?;
        *total = Some(match *total {
            Some(total) => self.graph.add(total, cost)?,
            None => cost,
        });
        Ok(())
    }
}
