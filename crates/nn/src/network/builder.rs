//! A network's graph under construction.

use graph::{Float, Graph, NodeId, Shape, ShapeError};

use super::{
    InputRole, Layer, LayerFault, LayerInput, LayerSummary, MAX_ELEMENTS, Mode, Network,
    NetworkError, Objective, ParameterRole, ParameterSpec, Penalty, RunningStatistics, checked_len,
};
use crate::init::{Initializer, constant::Constant};
use crate::setting::Bias;

/// A graph under construction, as the layers see it.
#[derive(Debug)]
pub struct Builder<'a, T> {
    /// The nodes so far.
    pub graph: Graph<T>,
    /// Whether the graph is for training or for evaluation.
    pub mode: Mode,
    network: &'a Network,
    /// Of the layer being built: its path, whether it is frozen, the factor of its learning rate, and the fans of the
    /// last weight.
    path: String,
    is_frozen: bool,
    learning_rate_factor: f64,
    fans: [usize; 2],
    pub(super) inputs: Vec<InputRole>,
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) running_statistics: Vec<RunningStatistics>,
    pub(super) layers: Vec<LayerSummary>,
}

impl<'a, T: Float> Builder<'a, T> {
    pub(super) fn new(network: &'a Network, mode: Mode) -> Self {
        Self {
            graph: Graph::new(),
            mode,
            network,
            path: String::new(),
            is_frozen: false,
            learning_rate_factor: 1.0,
            fans: [0; 2],
            inputs: Vec::new(),
            parameters: Vec::new(),
            running_statistics: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// Adds an input that takes what its role says.
    pub(super) fn input(&mut self, role: InputRole, name: &str, shape: impl Into<Shape>) -> NodeId {
        self.inputs.push(role);
        self.graph.input(name, shape)
    }

    /// Adds a trained value of the layer being built.
    ///
    /// # Errors
    ///
    /// If the network had more parameters than can be counted.
    pub fn parameter(
        &mut self,
        part: &str,
        role: ParameterRole,
        shape: &[usize],
        initializer: Initializer,
    ) -> Result<NodeId, ShapeError> {
        let path = format!("{}.{part}", self.path);
        let start = self.graph.n_parameters();
        if checked_len(shape).is_none_or(|len| len > MAX_ELEMENTS - start) {
            let rule = format!("a network has at most {MAX_ELEMENTS} parameters");
            return Err(ShapeError::new("parameter", rule, &Shape::from(shape)));
        }
        let learning_rate_factor =
            self.learning_rate_factor * self.network.learning_rate_factors.of(role);
        let node = self.graph.parameter(&path, Shape::from(shape));
        if self.is_frozen {
            self.graph.freeze(node);
        }
        self.parameters.push(ParameterSpec {
            node,
            path,
            role,
            shape: shape.to_vec(),
            range: start..self.graph.n_parameters(),
            initializer,
            fans: self.fans,
            learning_rate_factor,
            is_frozen: self.is_frozen,
        });
        Ok(node)
    }

    /// Adds a weight `[.., inputs, outputs]`, each output the sum over all other axes, with the model's initializer if
    /// none is given.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn weight(
        &mut self,
        shape: &[usize],
        initializer: Option<&Initializer>,
    ) -> Result<NodeId, ShapeError> {
        let mut fans = [0; 2];
        if let [ref window @ .., inputs, outputs] = *shape {
            let taps = window.iter().fold(1, |taps: usize, &size| taps.saturating_mul(size));
            fans = [inputs, outputs].map(|channels| taps.saturating_mul(channels));
        }
        self.weight_with_fans(shape, fans, initializer)
    }

    /// Adds a weight of which one output sums `fans[0]` inputs and one input feeds `fans[1]` outputs.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn weight_with_fans(
        &mut self,
        shape: &[usize],
        fans: [usize; 2],
        initializer: Option<&Initializer>,
    ) -> Result<NodeId, ShapeError> {
        self.fans = fans;
        let initializer = initializer.unwrap_or(&self.network.weight_init).clone();
        self.parameter("weight", ParameterRole::Weight, shape, initializer)
    }

    /// Adds a bias to the last axis of `y`: the model's if `bias` is `None`.
    ///
    /// # Errors
    ///
    /// If `y` has no axis, and as [`parameter`](Self::parameter).
    pub fn add_bias(&mut self, y: NodeId, bias: Option<&Bias>) -> Result<NodeId, ShapeError> {
        let Some(initializer) = bias.unwrap_or(&self.network.bias).initializer() else {
            return Ok(y);
        };
        let size = self.channels(y);
        let bias = self.parameter("bias", ParameterRole::Bias, &[size], initializer)?;
        self.graph.add(y, bias)
    }

    /// Adds a trained scale, which begins at 1, and a trained offset, which begins at its first value, to the last axes of
    /// `y`: those that are wanted.
    ///
    /// # Errors
    ///
    /// If the last axes of `y` have other `sizes`, and as [`parameter`](Self::parameter).
    pub fn scale_and_offset(
        &mut self,
        mut y: NodeId,
        sizes: &[usize],
        has_scale: bool,
        offset: Option<f64>,
    ) -> Result<NodeId, ShapeError> {
        if has_scale {
            let scale = self.scale(sizes)?;
            y = self.graph.mul(y, scale)?;
        }
        if let Some(value) = offset {
            let offset = self.offset(sizes, value)?;
            y = self.graph.add(y, offset)?;
        }
        Ok(y)
    }

    /// A trained scale, which begins at 1.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn scale(&mut self, sizes: &[usize]) -> Result<NodeId, ShapeError> {
        self.parameter("scale", ParameterRole::Scale, sizes, Constant { value: 1.0 }.into())
    }

    /// A trained offset, which begins at `value`.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn offset(&mut self, sizes: &[usize], value: f64) -> Result<NodeId, ShapeError> {
        self.parameter("offset", ParameterRole::Offset, sizes, Constant { value }.into())
    }

    /// The size of the last axis of `x`, 0 without one.
    pub fn channels(&self, x: NodeId) -> usize {
        self.graph.shape(x).dims().last().copied().unwrap_or(0)
    }

    /// Adds mean and variance of each channel of `x`: those of the batch in training, from which the running
    /// statistics are updated, and the running statistics in evaluation.
    ///
    /// # Errors
    ///
    /// If `x` has no channels.
    pub fn moments(
        &mut self,
        x: NodeId,
        momentum: f64,
        warmup: bool,
    ) -> Result<NodeId, ShapeError> {
        let path = format!("{}.moments", self.path);
        let channels = self.channels(x);
        let number = self.running_statistics.len();
        let moments = match self.mode {
            Mode::Train if !self.is_frozen => self.graph.moments(x)?,
            _ => self.input(InputRole::RunningStatistics(number), &path, [2, channels]),
        };
        let start = self.running_statistics.last().map_or(0, |last| last.range.end);
        let range = start..start + 2 * channels;
        let statistics = RunningStatistics { path, moments, range, channels, momentum, warmup };
        self.running_statistics.push(statistics);
        Ok(moments)
    }

    /// Adds a layer behind its inputs, with its line of the table of layers. `samples` is the network's input.
    pub(super) fn layer(
        &mut self,
        number: usize,
        layer: &Layer,
        inputs: Vec<LayerInput>,
        samples: NodeId,
    ) -> Result<(), NetworkError> {
        let path = layer.path(number);
        self.path.clone_from(&path);
        (self.is_frozen, self.learning_rate_factor) = (layer.freeze, layer.learning_rate_factor);
        self.fans = [0; 2];
        self.graph.begin_scope(&*path);
        let (first_node, parameters_before) = (self.graph.nodes().len(), self.graph.n_parameters());
        let misfit = |fault| NetworkError::Layer { number, layer: path.clone(), fault };
        let x: Vec<NodeId> = inputs
            .iter()
            .map(|input| match *input {
                LayerInput::Samples => samples,
                LayerInput::Layer(i) => self.layers[i].node,
            })
            .collect();
        let y = layer.kind.as_dyn().build(self, &x).map_err(|error| misfit(error.into()))?;
        let nodes = || self.graph.nodes().skip(first_node).map(|(_, node)| node);
        if nodes().any(|node| checked_len(node.shape().dims()).is_none()) {
            return Err(misfit(LayerFault::TooLarge));
        }
        let shapes = |operands: &[NodeId]| -> Vec<Shape> {
            operands.iter().map(|&id| self.graph.shape(id).clone()).collect()
        };
        let multiply_adds =
            nodes().filter_map(|node| Some(node.op()?.multiply_adds(&shapes(node.operands()))));
        self.layers.push(LayerSummary {
            number,
            inputs,
            kind: layer.kind.name(),
            node: y,
            output: self.graph.shape(y).clone(),
            parameters: self.graph.n_parameters() - parameters_before,
            is_frozen: layer.freeze,
            learning_rate_factor: layer.learning_rate_factor,
            multiply_adds: multiply_adds.sum(),
            activation: layer.kind.as_dyn::<T>().activation(),
            path,
        });
        Ok(())
    }

    /// Adds the loss on the data, and its sum with the cost of large weights. None if the loss does not take weights of classes, and
    /// there are some.
    pub(super) fn loss(
        &mut self,
        objective: &Objective,
        prediction: NodeId,
        target: NodeId,
    ) -> Result<Option<[NodeId; 2]>, ShapeError> {
        self.graph.begin_scope("loss");
        let (graph, weights) = (&mut self.graph, &objective.class_weights[..]);
        let data_loss = match weights {
            [] => objective.loss.build(graph, prediction, target)?,
            _ => match objective.loss.build_weighted(graph, prediction, target, weights)? {
                Some(weighted) => weighted,
                None => return Ok(None),
            },
        };
        let loss = match self.penalty(&objective.penalty)? {
            Some(penalty) => {
                self.graph.set_name(penalty, "penalty");
                self.graph.add(data_loss, penalty)?
            }
            None => data_loss,
        };
        for (node, name) in [(prediction, "prediction"), (data_loss, "data loss"), (loss, "loss")] {
            self.graph.set_name(node, name);
        }
        Ok(Some([data_loss, loss]))
    }

    fn penalty(&mut self, penalty: &Penalty) -> Result<Option<NodeId>, ShapeError> {
        let mut total = None;
        let weights = self.parameters.iter().filter(|spec| spec.role == ParameterRole::Weight);
        for weight in weights.map(|spec| spec.node).collect::<Vec<_>>() {
            for (factor, is_squared) in [(penalty.l1, false), (0.5 * penalty.l2, true)] {
                if factor == 0.0 {
                    continue;
                }
                let costs = match is_squared {
                    true => self.graph.mul(weight, weight)?,
                    false => self.graph.abs(weight),
                };
                let sum = self.graph.sum_all(costs)?;
                let factor = self.graph.scalar(factor);
                let cost = self.graph.mul(sum, factor)?;
                total = Some(total.map_or(Ok(cost), |total| self.graph.add(total, cost))?);
            }
        }
        Ok(total)
    }
}
