//! A network's graph under construction.

use graph::{Float, Graph, NodeId, Shape, ShapeError};

use super::{
    LayerFault, LayerSummary, MAX_ELEMENTS, Mode, Network, NetworkError, Objective, ParameterSpec,
    Penalty, RunningStatistics, checked_len,
};
use crate::Layer;
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
    /// `"3.conv2d"`, for the layer being built.
    layer: String,
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) running_statistics: Vec<RunningStatistics>,
    pub(super) layers: Vec<LayerSummary>,
    /// Weights that a penalty counts.
    weights: Vec<NodeId>,
}

impl<'a, T: Float> Builder<'a, T> {
    pub(super) fn new(network: &'a Network, mode: Mode) -> Self {
        Self {
            graph: Graph::new(),
            mode,
            network,
            layer: String::new(),
            parameters: Vec::new(),
            running_statistics: Vec::new(),
            layers: Vec::new(),
            weights: Vec::new(),
        }
    }

    /// Adds a trained value of the layer being built.
    ///
    /// # Errors
    ///
    /// If the network had more parameters than can be counted.
    pub fn parameter(
        &mut self,
        part: &str,
        shape: &[usize],
        initializer: Initializer,
    ) -> Result<NodeId, ShapeError> {
        let name = format!("{}.{part}", self.layer);
        let start = self.graph.n_parameters();
        if checked_len(shape).is_none_or(|len| len > MAX_ELEMENTS - start) {
            let rule = format!("a network has at most {MAX_ELEMENTS} parameters");
            return Err(ShapeError::new("parameter", rule, &Shape::from(shape)));
        }
        let node = self.graph.parameter(&name, Shape::from(shape));
        let (shape, range) = (shape.to_vec(), start..self.graph.n_parameters());
        self.parameters.push(ParameterSpec { node, name, shape, range, initializer });
        Ok(node)
    }

    /// Adds a weight `[.., inputs, outputs]`, which penalties count, with the model's initializer if none is given.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn weight(
        &mut self,
        shape: &[usize],
        initializer: Option<&Initializer>,
    ) -> Result<NodeId, ShapeError> {
        let initializer = initializer.unwrap_or(&self.network.weight_init).clone();
        let node = self.parameter("weight", shape, initializer)?;
        self.weights.push(node);
        Ok(node)
    }

    /// Adds a bias to the last axis of `y`: the model's if `bias` is `None`.
    ///
    /// # Errors
    ///
    /// If the last axis of `y` has another size, and as [`parameter`](Self::parameter).
    pub fn add_bias(
        &mut self,
        y: NodeId,
        size: usize,
        bias: Option<Bias>,
    ) -> Result<NodeId, ShapeError> {
        let value = bias.map_or(Some(self.network.bias), Bias::value);
        let Some(value) = value else { return Ok(y) };
        let bias = self.parameter("bias", &[size], Constant { value }.into())?;
        self.graph.add(y, bias)
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
        let name = format!("{}.moments", self.layer);
        let channels = self.graph.shape(x).dims().last().copied().unwrap_or(0);
        let moments = match self.mode {
            Mode::Train => self.graph.moments(x)?,
            Mode::Evaluate => self.graph.input(&name, [2, channels]),
        };
        let start = self.running_statistics.last().map_or(0, |last| last.range.end);
        let range = start..start + 2 * channels;
        let statistics = RunningStatistics { name, moments, range, channels, momentum, warmup };
        self.running_statistics.push(statistics);
        Ok(moments)
    }

    /// Adds a layer behind `x`, with its line of the table of layers.
    pub(super) fn layer(
        &mut self,
        number: usize,
        layer: &Layer,
        x: NodeId,
    ) -> Result<NodeId, NetworkError> {
        let kind = layer.name();
        self.layer = format!("{number}.{kind}");
        self.graph.begin_scope(format!("layer {number} ({kind})"));
        let first_node = self.graph.nodes().len();
        let misfit = |fault| NetworkError::Layer { number, kind, fault };
        let y = layer.as_dyn().build(self, x).map_err(|error| misfit(error.into()))?;
        let nodes = || self.graph.nodes().skip(first_node).map(|(_, node)| node);
        if nodes().any(|node| checked_len(node.shape().dims()).is_none()) {
            return Err(misfit(LayerFault::TooLarge));
        }
        let shapes = |operands: &[NodeId]| -> Vec<Shape> {
            operands.iter().map(|&id| self.graph.shape(id).clone()).collect()
        };
        let multiply_adds =
            nodes().filter_map(|node| Some(node.op()?.multiply_adds(&shapes(node.operands()))));
        let parameters = self.parameters.iter().filter(|spec| spec.node.index() >= first_node);
        self.layers.push(LayerSummary {
            number,
            kind,
            node: y,
            output: self.graph.shape(y).clone(),
            parameters: parameters.map(|spec| spec.range.len()).sum(),
            multiply_adds: multiply_adds.sum(),
        });
        Ok(y)
    }

    /// Adds the loss on the data, and its sum with the cost of large weights.
    pub(super) fn loss(
        &mut self,
        objective: &Objective,
        prediction: NodeId,
        target: NodeId,
    ) -> Result<[NodeId; 2], ShapeError> {
        self.graph.begin_scope("loss");
        let data_loss = objective.loss.build(&mut self.graph, prediction, target)?;
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
        Ok([data_loss, loss])
    }

    fn penalty(&mut self, penalty: &Penalty) -> Result<Option<NodeId>, ShapeError> {
        let mut total = None;
        for &weight in &self.weights {
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
