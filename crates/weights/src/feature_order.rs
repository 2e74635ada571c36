//! The order of features where images have their channels first.

use nn::{LayerInput, Model, Network};

use crate::error::PlanError;

/// For each output of a layer, `[n]` for a sample, where feature `i` of the other program is here; none where it is `i`.
pub(crate) type FeatureOrder = Option<Vec<u32>>;

/// The order of the outputs of each layer.
pub(crate) fn orders(
    network: &Network,
    model: &Model<f32>,
) -> Result<Vec<FeatureOrder>, PlanError> {
    let mut orders: Vec<FeatureOrder> = Vec::new();
    for summary in &model.layers {
        let of = |input: &LayerInput| match *input {
            LayerInput::Samples => (&network.input[..], &None),
            LayerInput::Layer(i) => (model.layers[i].output.dims(), &orders[i]),
        };
        let inputs: Vec<_> = summary.inputs.iter().map(of).collect();
        let (shape, first) = inputs[0];
        let refuse = || Err(PlanError::Order { layer: summary.path.clone() });
        let is_reordered = inputs.iter().any(|(_, order)| order.is_some());
        orders.push(match (summary.kind, shape) {
            ("flatten", &[height, width, channels]) => of_image(height, width, channels),
            ("concat", _) if is_reordered => {
                let mut order = Vec::new();
                for (shape, part) in inputs {
                    let start = order.len() as u32;
                    let n = shape.iter().product::<usize>() as u32;
                    match part {
                        Some(part) => order.extend(part.iter().map(|at| start + at)),
                        None => order.extend(start..start + n),
                    }
                }
                Some(order)
            }
            ("add", _) if inputs.iter().any(|(_, order)| *order != first) => return refuse(),
            // Its groups are of neighbours.
            ("group_norm", _) if is_reordered => return refuse(),
            ("linear" | "embedding", _) => None,
            _ => first.clone(),
        });
    }
    Ok(orders)
}

/// The order of the features of an image; none if it is the same.
fn of_image(height: usize, width: usize, channels: usize) -> FeatureOrder {
    let pixels = height * width;
    (channels > 1 && pixels > 1).then(|| {
        (0..pixels * channels).map(|at| ((at % pixels) * channels + at / pixels) as u32).collect()
    })
}
