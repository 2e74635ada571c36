//! What depends on no sample, computed before it is written.

use std::collections::HashMap;

use graph::op::Tile;
use graph::{Compile, Leaf, NodeId, Program, RunArgs, Tensor};
use nn::{InputRole, Model, ModelInputs, ModelSource, NetworkError};

/// The values of all nodes that no sample changes.
#[derive(Debug)]
pub(crate) struct Constants(HashMap<NodeId, Tensor<f32>>);

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

impl Constants {
    pub(crate) fn of(
        model: &Model<f32>,
        parameters: &[f32],
        running_statistics: &[f32],
    ) -> Result<Self, NetworkError> {
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
        Ok(Self(values))
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&Tensor<f32>> {
        self.0.get(&id)
    }
}
