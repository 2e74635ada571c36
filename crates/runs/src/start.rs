//! A network that begins with the parameters of a trained one.

use std::collections::BTreeMap;
use std::ops::Range;

use nn::{Model, NetworkError};

use crate::saved::SavedModel;

/// What a network took from a trained one: the paths of parameters and running statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Those that both have, in the same shape: they begin with the trained values.
    pub taken: Vec<String>,
    /// Those of the trained network that this one does not have, or in another shape.
    pub left: Vec<String>,
    /// Those of this network that the trained one does not have, or in another shape: they begin as without it.
    pub new: Vec<String>,
}

impl Start {
    /// Copies into `network`, whose graph is `model`, what `trained` has at the same path and in the same shape.
    ///
    /// # Errors
    ///
    /// If the trained network does not fit in itself.
    pub fn take(
        trained: &SavedModel,
        network: &mut SavedModel,
        model: &Model<f32>,
    ) -> Result<Self, NetworkError> {
        let source = trained.model()?;
        let mut start = Self::default();
        for (from, to, of_source, of_model) in [
            (&trained.parameters, &mut network.parameters, parameters(&source), parameters(model)),
            (
                &trained.running_statistics,
                &mut network.running_statistics,
                statistics(&source),
                statistics(model),
            ),
        ] {
            for (path, (shape, range)) in &of_model {
                match of_source.get(path) {
                    Some((same, source)) if same == shape => {
                        to[range.clone()].copy_from_slice(&from[source.clone()]);
                        start.taken.push((*path).to_owned());
                    }
                    _ => start.new.push((*path).to_owned()),
                }
            }
            let is_left = |path: &&&str| {
                of_model.get(*path).map(|(shape, _)| shape)
                    != of_source.get(*path).map(|(shape, _)| shape)
            };
            start.left.extend(of_source.keys().filter(is_left).map(|path| (*path).to_owned()));
        }
        Ok(start)
    }
}

/// The shape of each tensor, and its elements of the vector of all, by path.
type TensorsByPath<'a> = BTreeMap<&'a str, (Vec<usize>, Range<usize>)>;

fn parameters(model: &Model<f32>) -> TensorsByPath<'_> {
    let specs = model.parameters.iter();
    specs.map(|spec| (&spec.path[..], (spec.shape.clone(), spec.range.clone()))).collect()
}

fn statistics(model: &Model<f32>) -> TensorsByPath<'_> {
    let specs = model.running_statistics.iter();
    specs.map(|spec| (&spec.path[..], (vec![2, spec.channels], spec.range.clone()))).collect()
}
