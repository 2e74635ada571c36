//! Which layer takes which tensors of a file.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::NumberArray;
use crate::names::TensorPart;
use crate::plan::{LayerPlan, WeightPlan};

/// The numbers of a network, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct TakenWeights {
    /// The parameter vector.
    pub parameters: Vec<f32>,
    /// The running statistics, one batch normalisation after the other.
    pub running_statistics: Vec<f32>,
    /// What each layer with weights took.
    pub layers: Vec<LayerMatch>,
}

/// A layer and the name of what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerMatch {
    /// The path of the layer: `3.conv2d`.
    pub layer: String,
    /// The layer of the file: `conv1`.
    pub found: String,
}

/// Why tensors do not fit a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// Layers and tensors of these shapes are left over.
    #[error(
        "layers without weights in the file:{layers}\nweights of the file without a layer:{tensors}"
    )]
    Left {
        /// The layers, with the shapes that they take, a line each.
        layers: String,
        /// The tensors, with their shapes, a line each.
        tensors: String,
    },
    /// A number that no network can have.
    #[error("{tensor}: element {index} is {value}")]
    NotFinite {
        /// The tensor.
        tensor: String,
        /// The index of the number, row-major.
        index: usize,
        /// The number.
        value: String,
    },
}

/// The tensors of one layer of the file, by part.
type Group<'a> = BTreeMap<TensorPart, &'a NumberArray>;
/// What a layer takes, and what a group is: parts with shapes.
type Signature<'a> = Vec<(TensorPart, &'a [usize])>;

impl WeightPlan {
    /// The parameter vector and the running statistics from the tensors of a file, and which layer took what.
    ///
    /// A layer takes the tensors of its name. If not all do, those of the same shapes are taken in the order of their
    /// names, numbers in them as numbers.
    ///
    /// # Errors
    ///
    /// If a layer finds no tensors, tensors find no layer, or a number is not finite.
    pub fn take(&self, tensors: &[NumberArray]) -> Result<TakenWeights, MatchError> {
        let mut groups: BTreeMap<NaturalName, Group<'_>> = BTreeMap::new();
        for tensor in tensors {
            if let Some((layer, part)) = self.scheme.parse(&tensor.name) {
                groups.entry(NaturalName(layer.into_owned())).or_default().insert(part, tensor);
            }
        }
        let groups: Vec<(String, Group<'_>)> =
            groups.into_iter().map(|(name, group)| (name.0, group)).collect();
        let matches = self.by_name(&groups).map_or_else(|| self.by_shape(&groups), Ok)?;
        let (mut parameters, mut running_statistics) = self.empty();
        let mut matches_by_layer = Vec::new();
        for (layer, at) in self.layers.iter().zip(matches) {
            let (name, group) = &groups[at];
            for plan in &layer.tensors {
                let tensor = group[&self.scheme.stored(plan.part)];
                let to = if plan.is_statistic { &mut running_statistics } else { &mut parameters };
                for (index, (&place, &value)) in plan.places.iter().zip(&tensor.values).enumerate()
                {
                    if !value.is_finite() {
                        let (tensor, value) = (tensor.name.clone(), value.to_string());
                        return Err(MatchError::NotFinite { tensor, index, value });
                    }
                    to[place as usize] = value;
                }
            }
            matches_by_layer.push(LayerMatch { layer: layer.path.clone(), found: name.clone() });
        }
        Ok(TakenWeights { parameters, running_statistics, layers: matches_by_layer })
    }

    fn signature<'a>(&self, layer: &'a LayerPlan) -> Signature<'a> {
        let parts = layer.tensors.iter().map(|plan| (self.scheme.stored(plan.part), &*plan.shape));
        let mut parts: Vec<_> = parts.collect();
        parts.sort_unstable();
        parts
    }

    /// The group of each layer, if all have one of their name and no group is left.
    fn by_name(&self, groups: &[(String, Group<'_>)]) -> Option<Vec<usize>> {
        let of_layer = |layer: &LayerPlan| {
            // The name of a layer has no dots: `layer1_0_conv` takes what is called `layer1.0.conv`.
            let fits = |(name, group): &(String, Group<'_>)| {
                (*name == layer.name || name.replace('.', "_") == layer.name)
                    && signature_of(group) == self.signature(layer)
            };
            groups.iter().position(fits)
        };
        let found: Option<Vec<usize>> = self.layers.iter().map(of_layer).collect();
        found.filter(|found| found.len() == groups.len())
    }

    /// The group of each layer by shapes and order.
    fn by_shape(&self, groups: &[(String, Group<'_>)]) -> Result<Vec<usize>, MatchError> {
        let mut is_left = vec![true; groups.len()];
        let found: Vec<Option<usize>> = self
            .layers
            .iter()
            .map(|layer| {
                let wanted = self.signature(layer);
                let mut fitting = groups
                    .iter()
                    .enumerate()
                    .filter(|(at, (_, group))| is_left[*at] && signature_of(group) == wanted);
                let at = fitting.next().map(|(at, _)| at)?;
                is_left[at] = false;
                Some(at)
            })
            .collect();
        let whole: Option<Vec<usize>> = found.iter().copied().collect();
        match whole {
            Some(whole) if !is_left.contains(&true) => Ok(whole),
            _ => {
                let (mut layers, mut tensors) = (String::new(), String::new());
                for (layer, _) in
                    self.layers.iter().zip(&found).filter(|(_, found)| found.is_none())
                {
                    for (part, shape) in self.signature(layer) {
                        let name = self.scheme.name(&layer.name, part);
                        let _ = write!(layers, "\n  {}: {name} {shape:?}", layer.path);
                    }
                }
                for ((_, group), _) in groups.iter().zip(&is_left).filter(|(_, is_left)| **is_left)
                {
                    for tensor in group.values() {
                        let _ = write!(tensors, "\n  {} {:?}", tensor.name, tensor.shape);
                    }
                }
                let or_none =
                    |text: String| if text.is_empty() { " none".to_owned() } else { text };
                Err(MatchError::Left { layers: or_none(layers), tensors: or_none(tensors) })
            }
        }
    }
}

fn signature_of<'a>(group: &Group<'a>) -> Signature<'a> {
    group.iter().map(|(&part, tensor)| (part, &*tensor.shape)).collect()
}

/// A name that is ordered with the numbers in it as numbers: `conv2` before `conv10`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NaturalName(String);

impl NaturalName {
    /// Its texts and numbers in turn.
    fn pieces(&self) -> impl Iterator<Item = (u64, &str)> {
        let mut rest = &*self.0;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let is_digit = first.is_ascii_digit();
            let end = rest.find(|letter: char| letter.is_ascii_digit() != is_digit);
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            Some((if is_digit { piece.parse().unwrap_or(u64::MAX) } else { 0 }, piece))
        })
    }
}

impl PartialOrd for NaturalName {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for NaturalName {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.pieces().cmp(other.pieces()).then_with(|| self.0.cmp(&other.0))
    }
}
