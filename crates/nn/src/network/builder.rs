//! A network's graph under construction.

use graph::{Float, Graph, NodeId, Shape, ShapeError};

use super::{
    LayerSummary, MAX_ELEMENTS, Mode, Network, NetworkError, ParameterSpec, Penalty,
    RunningStatistics, checked_len,
};
use crate::Layer;
use crate::init::Initializer;
use crate::init::constant::Constant;
use crate::registry::Validate;
use crate::setting::Bias;

/// A graph under construction, as the layers see it.
#[derive(Debug)]
pub struct Builder<'a, T> {
    /// The nodes so far.
    pub graph: Graph<T>,
    mode: Mode,
    network: &'a Network,
    /// `"3.conv2d"`, for the layer being built.
    layer: String,
    pub(super) parameters: Vec<ParameterSpec>,
    pub(super) running_statistics: Vec<RunningStatistics>,
    /// Weights that a penalty counts.
    weights: Vec<NodeId>,
    /// Where the layer being built begins in the graph.
    first_node: usize,
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
            weights: Vec::new(),
            first_node: 0,
        }
    }

    /// Whether the graph is for training or for evaluation.
    pub fn mode(&self) -> Mode {
        self.mode
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
        fan_in: usize,
        fan_out: usize,
    ) -> Result<NodeId, ShapeError> {
        let name = format!("{}.{part}", self.layer);
        let start = self.graph.n_parameters();
        if checked_len(shape).is_none_or(|len| len > MAX_ELEMENTS - start) {
            let rule = format!("a network has at most {MAX_ELEMENTS} parameters");
            return Err(ShapeError::Rule { op: "parameter", rule, found: Shape::from(shape) });
        }
        let node = self.graph.parameter(&name, Shape::from(shape));
        let range = start..self.graph.n_parameters();
        self.parameters.push(ParameterSpec {
            node,
            name,
            shape: shape.to_vec(),
            range,
            initializer,
            fan_in,
            fan_out,
        });
        Ok(node)
    }

    /// Adds a weight, which penalties count, with the model's initializer if none is given.
    ///
    /// # Errors
    ///
    /// As [`parameter`](Self::parameter).
    pub fn weight(
        &mut self,
        shape: &[usize],
        fan_in: usize,
        fan_out: usize,
        initializer: Option<&Initializer>,
    ) -> Result<NodeId, ShapeError> {
        let initializer = initializer.unwrap_or(&self.network.weight_init).clone();
        let node = self.parameter("weight", shape, initializer, fan_in, fan_out)?;
        self.weights.push(node);
        Ok(node)
    }

    /// Adds a bias to the last axis of `y`: the model's if `bias` is `None`, none if it is `Bias(None)`.
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
        let Bias(Some(value)) = bias.unwrap_or(Bias(Some(self.network.bias))) else { return Ok(y) };
        let bias = self.parameter("bias", &[size], Constant { value }.into(), 0, 0)?;
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
        let shape = self.graph.shape(x);
        let channels = shape.dims().last().copied().unwrap_or(0);
        let values_per_sample = shape.len() / channels.max(1);
        let moments = match self.mode {
            Mode::Train => self.graph.moments(x)?,
            Mode::Evaluate => self.graph.input(&name, [2, channels]),
        };
        let start = self.running_statistics.last().map_or(0, |last| last.range.end);
        self.running_statistics.push(RunningStatistics {
            name,
            moments,
            range: start..start + 2 * channels,
            channels,
            values_per_sample,
            momentum,
            warmup,
        });
        Ok(moments)
    }

    pub(super) fn layer(
        &mut self,
        number: usize,
        layer: &Layer,
        x: NodeId,
    ) -> Result<NodeId, NetworkError> {
        let kind = layer.name();
        layer.validate().map_err(|setting| NetworkError::LayerSetting { number, kind, setting })?;
        self.layer = format!("{number}.{kind}");
        self.first_node = self.graph.nodes().len();
        self.graph.begin_scope(format!("layer {number} ({kind})"));
        let y = layer.as_dyn().build(self, x).map_err(|error| NetworkError::Layer {
            number,
            kind,
            error,
        })?;
        let mut nodes = self.graph.nodes().skip(self.first_node);
        if nodes.any(|(_, node)| checked_len(node.shape().dims()).is_none()) {
            return Err(NetworkError::TooLarge { number, kind });
        }
        Ok(y)
    }

    pub(super) fn summary(
        &self,
        number: usize,
        kind: &'static str,
        output: NodeId,
    ) -> LayerSummary {
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
            node: output,
            output: self.graph.shape(output).clone(),
            parameters: of_layer.map(|spec| spec.range.len()).sum(),
            multiply_adds: multiply_adds.sum(),
        }
    }

    pub(super) fn penalty(&mut self, penalty: &Penalty) -> Result<Option<NodeId>, ShapeError> {
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
