//! A graph for evaluation with its trained numbers, as whoever writes networks in another format reads it.

use std::collections::HashMap;

use graph::op::Tile;
use graph::{Compile, Leaf, NodeId, Program, RunArgs, Tensor};

use super::{InputRole, Model, ModelInputs, ModelSource, NetworkError};

/// A graph for evaluation with its trained numbers: what no sample changes is computed, the rest are the nodes to be
/// written.
///
/// # Examples
///
/// ```
/// use gradus_nn::{Mode, Network, Objective, TrainedGraph};
/// use graph::Shape;
///
/// let network = Network::builder([4]).linear(3).dropout(0.5).relu().build()?;
/// let model = network.model::<f32>(Mode::Evaluate, &Objective::default(), 3, Shape::batch([]))?;
/// let parameters = model.initial_parameters(1);
/// let trained = TrainedGraph::new(&model, &parameters, &[])?;
/// let ops: Vec<&str> = trained.nodes().map(|id| model.graph.node(id).op_name()).collect();
/// assert_eq!(ops, ["matmul", "add", "relu"]);
/// # Ok::<(), gradus_nn::NetworkError>(())
/// ```
#[derive(Debug)]
pub struct TrainedGraph<'a> {
    model: &'a Model<f32>,
    /// The values of all nodes that no sample changes.
    constants: HashMap<NodeId, Tensor<f32>>,
    /// The nodes that the prediction depends on, and how many of them read each.
    n_readers: HashMap<NodeId, usize>,
}

/// No samples: nothing that is kept reads them.
struct NoSamples;

impl ModelSource<f32> for NoSamples {
    fn load_samples(&self, _: Tile, out: &mut [f32]) {
        out.fill(0.0);
    }

    fn load_targets(&self, _: Tile, out: &mut [f32]) {
        out.fill(0.0);
    }
}

impl<'a> TrainedGraph<'a> {
    /// Computes what depends on no sample.
    ///
    /// # Errors
    ///
    /// If that cannot be compiled.
    ///
    /// # Panics
    ///
    /// If there are fewer parameters or running statistics than the model has.
    pub fn new(
        model: &'a Model<f32>,
        parameters: &[f32],
        running_statistics: &[f32],
    ) -> Result<Self, NetworkError> {
        let constants = constants(model, parameters, running_statistics)?;
        let mut n_readers = HashMap::from([(model.prediction, 1)]);
        for (id, node) in model.graph.nodes().rev() {
            if n_readers.contains_key(&id) && !constants.contains_key(&id) {
                for &operand in node.operands() {
                    *n_readers.entry(operand).or_default() += 1;
                }
            }
        }
        Ok(Self { model, constants, n_readers })
    }

    /// The network.
    pub fn model(&self) -> &'a Model<f32> {
        self.model
    }

    /// The nodes to be written, in order: ops that a sample changes, and that change the prediction.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let nodes = self.model.graph.nodes().filter(|(id, node)| {
            let is_op = node.op().is_some();
            is_op && self.n_readers.contains_key(id) && !self.constants.contains_key(id)
        });
        nodes.map(|(id, _)| id)
    }

    /// How many of them read a value; the prediction has one reader more.
    pub fn n_readers(&self, id: NodeId) -> usize {
        self.n_readers.get(&id).copied().unwrap_or(0)
    }

    /// The value of a node that no sample changes.
    pub fn constant(&self, id: NodeId) -> Option<&Tensor<f32>> {
        self.constants.get(&id)
    }

    /// What a node is called: its layer and itself.
    pub fn label(&self, id: NodeId) -> String {
        let graph = &self.model.graph;
        let (node, scope) = (graph.node(id), graph.scope(id));
        let name = if node.name().is_empty() { node.op_name() } else { node.name() };
        if scope.is_empty() || name.starts_with(scope) {
            name.to_owned()
        } else {
            format!("{scope}/{name}")
        }
    }
}

fn constants(
    model: &Model<f32>,
    parameters: &[f32],
    running_statistics: &[f32],
) -> Result<HashMap<NodeId, Tensor<f32>>, NetworkError> {
    let mut is_constant = Vec::new();
    let mut keep = Vec::new();
    let mut values = HashMap::new();
    for (id, node) in model.graph.nodes() {
        let of_operands = || node.operands().iter().all(|id| is_constant[id.index()]);
        let is_fixed = match node.leaf() {
            Some(Leaf::Input(input)) => {
                matches!(model.inputs[*input], InputRole::RunningStatistics(_))
            }
            Some(Leaf::Parameter(range)) => {
                let dims = node.shape().dims().to_vec();
                values.insert(id, Tensor::new(dims, &parameters[range.clone()]));
                true
            }
            Some(Leaf::Constant(value)) => {
                values.insert(id, value.clone());
                true
            }
            None => of_operands(),
        };
        if is_fixed && !values.contains_key(&id) {
            keep.push(id);
        }
        is_constant.push(is_fixed);
    }
    if !keep.is_empty() {
        let options = Compile { batch: 1, keep: keep.clone(), ..Compile::default() };
        let mut program =
            Program::new(model.graph.clone(), &options).map_err(NetworkError::from)?;
        let inputs = ModelInputs { model, source: NoSamples, running_statistics };
        program.run(&RunArgs { parameters, inputs: &inputs, ..RunArgs::default() });
        values.extend(keep.into_iter().filter_map(|id| Some((id, program.value(id)?))));
    }
    Ok(values)
}
