//! Which tensors a network has in another program, and where their elements are.

use graph::transposed_elements;
use nn::{LayerInput, Model, Network};

use crate::NumberArray;
use crate::error::PlanError;
use crate::feature_order::{FeatureOrder, orders};
use crate::names::{NameScheme, TensorPart};

/// The tensors of a network in another program.
#[derive(Clone, Debug)]
pub struct WeightPlan {
    pub(crate) scheme: NameScheme,
    pub(crate) layers: Vec<LayerPlan>,
    n_parameters: usize,
    n_statistics: usize,
}

/// The tensors of a layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerPlan {
    /// Its path here: `3.conv2d`.
    pub(crate) path: String,
    /// What it would be called there.
    pub(crate) name: String,
    pub(crate) tensors: Vec<TensorPlan>,
}

/// A tensor of the other program.
#[derive(Clone, Debug)]
pub(crate) struct TensorPlan {
    pub(crate) part: TensorPart,
    pub(crate) shape: Vec<usize>,
    /// Whether it is of running statistics instead of parameters.
    pub(crate) is_statistic: bool,
    /// Where each of its elements is in the vector of all.
    pub(crate) places: Vec<u32>,
}

impl WeightPlan {
    /// The tensors of a network whose graph is `model`.
    ///
    /// # Errors
    ///
    /// If a layer has no counterpart.
    pub fn new(
        network: &Network,
        model: &Model<f32>,
        scheme: NameScheme,
    ) -> Result<Self, PlanError> {
        let orders = match scheme.has_channels_first() {
            true => orders(network, model)?,
            false => vec![None; model.layers.len()],
        };
        let mut layers = Vec::new();
        for (index, summary) in model.layers.iter().enumerate() {
            let (input, order) = match summary.inputs[0] {
                LayerInput::Samples => (&network.input[..], &None),
                LayerInput::Layer(i) => (model.layers[i].output.dims(), &orders[i]),
            };
            let mut tensors = Vec::new();
            for spec in model.parameters.iter().filter(|spec| spec.layer() == summary.path) {
                let refuse = || PlanError::Layer {
                    layer: summary.path.clone(),
                    scheme,
                    part: spec.part().to_owned(),
                };
                let part = match spec.part() {
                    "weight" => TensorPart::Weight,
                    "bias" => TensorPart::Bias,
                    "scale" => TensorPart::Scale,
                    "offset" => TensorPart::Offset,
                    "table" => TensorPart::Table,
                    _ => return Err(refuse()),
                };
                let layout = layout(scheme, summary.kind, part, &spec.shape, input, order);
                let (shape, places) = layout.ok_or_else(refuse)?;
                let places = places.into_iter().map(|at| at + spec.range.start as u32).collect();
                tensors.push(TensorPlan { part, shape, is_statistic: false, places });
            }
            for statistics in &model.running_statistics {
                if statistics.path.rsplit_once('.').is_some_and(|(layer, _)| layer == summary.path)
                {
                    let n = statistics.channels as u32;
                    let first = statistics.range.start as u32;
                    for (part, start) in
                        [(TensorPart::Mean, first), (TensorPart::Variance, first + n)]
                    {
                        let places = ordered(n, order).map(|at| start + at).collect();
                        let shape = vec![n as usize];
                        tensors.push(TensorPlan { part, shape, is_statistic: true, places });
                    }
                }
            }
            if !tensors.is_empty() {
                let path = summary.path.clone();
                layers.push((index, summary, LayerPlan { path, name: String::new(), tensors }));
            }
        }
        let named = layers.iter().map(|(index, summary, _)| (*index, summary.kind, summary.name()));
        let names = scheme.layer_names(named);
        let layers = layers.into_iter().zip(names);
        let layers = layers.map(|((_, _, layer), name)| LayerPlan { name, ..layer }).collect();
        let n_statistics = model.running_statistics.iter().map(|statistic| statistic.range.len());
        Ok(Self {
            scheme,
            layers,
            n_parameters: model.graph.n_parameters(),
            n_statistics: n_statistics.sum(),
        })
    }

    /// The tensors for the other program.
    ///
    /// # Panics
    ///
    /// If there are not as many parameters or running statistics as the network has.
    pub fn tensors(&self, parameters: &[f32], running_statistics: &[f32]) -> Vec<NumberArray> {
        assert_eq!(
            (parameters.len(), running_statistics.len()),
            (self.n_parameters, self.n_statistics),
            "parameters and running statistics"
        );
        let tensors = self.layers.iter().flat_map(|layer| {
            layer.tensors.iter().map(|tensor| {
                let from = if tensor.is_statistic { running_statistics } else { parameters };
                NumberArray {
                    name: self.scheme.name(&layer.name, tensor.part),
                    shape: tensor.shape.clone(),
                    values: tensor.places.iter().map(|&at| from[at as usize]).collect(),
                }
            })
        });
        tensors.collect()
    }

    /// Vectors for all parameters and all running statistics.
    pub(crate) fn empty(&self) -> (Vec<f32>, Vec<f32>) {
        (vec![0.0; self.n_parameters], vec![0.0; self.n_statistics])
    }
}

/// The shape of a tensor there, and where its elements are in the tensor here; none if it has no counterpart.
fn layout(
    scheme: NameScheme,
    kind: &str,
    part: TensorPart,
    shape: &[usize],
    input: &[usize],
    order: &FeatureOrder,
) -> Option<(Vec<usize>, Vec<u32>)> {
    let is_first = scheme.has_channels_first();
    Some(match (kind, part, shape) {
        ("linear", TensorPart::Weight, &[inputs, outputs]) => {
            let at = move |input: u32, output: usize| input * outputs as u32 + output as u32;
            let inputs_there: Vec<u32> = ordered(inputs as u32, order).collect();
            match scheme {
                NameScheme::Torch => {
                    let rows = (0..outputs).flat_map(|output| {
                        inputs_there.iter().map(move |&input| at(input, output))
                    });
                    (vec![outputs, inputs], rows.collect())
                }
                _ => {
                    let rows = inputs_there
                        .iter()
                        .flat_map(|&input| (0..outputs).map(move |output| at(input, output)));
                    (vec![inputs, outputs], rows.collect())
                }
            }
        }
        ("conv2d", TensorPart::Weight, shape) if is_first => transposed(shape, &[3, 2, 0, 1]),
        ("depthwise_conv2d", TensorPart::Weight, &[height, width, channels, multiplier])
            if is_first =>
        {
            let (_, places) = transposed(shape, &[2, 3, 0, 1]);
            (vec![channels * multiplier, 1, height, width], places)
        }
        // Normalisation over all of an image.
        (_, TensorPart::Scale | TensorPart::Offset, &[_, _, _]) if is_first => {
            transposed(shape, &[2, 0, 1])
        }
        (_, TensorPart::Scale | TensorPart::Offset, &[n])
            if order.is_some() && input.len() == 1 =>
        {
            (shape.to_vec(), ordered(n as u32, order).collect())
        }
        (_, _, shape) => {
            let len = shape.iter().product::<usize>() as u32;
            (shape.to_vec(), (0..len).collect())
        }
    })
}

/// Where each feature of the other program is here.
fn ordered(n: u32, order: &FeatureOrder) -> impl Iterator<Item = u32> {
    let order = order.as_ref().filter(|order| order.len() == n as usize);
    (0..n).map(move |at| order.map_or(at, |order| order[at as usize]))
}

/// The shape of a tensor with its axes in another order, and where its elements were.
fn transposed(shape: &[usize], axes: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let places = transposed_elements(shape, axes).map(|at| at as u32);
    (axes.iter().map(|&axis| shape[axis]).collect(), places.collect())
}
