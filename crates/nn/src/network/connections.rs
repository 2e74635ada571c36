//! Which layer takes which outputs.

use std::collections::HashMap;

use super::layer::{INPUT, Layer};
use crate::registry::{InvalidSetting, Validate as _, require};

/// The most layers of a network: more is a mistake in writing.
const MAX_LAYERS: usize = 10_000;

/// What a layer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerInput {
    /// The network's input.
    Samples,
    /// The output of the layer with this index, from 0.
    Layer(usize),
}

/// The inputs of every layer, in the order in which they are merged.
///
/// # Errors
///
/// The first layer with a setting outside its range, a name that another one has, or a `from` that names no earlier
/// layer; then the first whose output is not used.
pub(super) fn connect(layers: &[Layer]) -> Result<Vec<Vec<LayerInput>>, InvalidSetting> {
    let n_layers = layers.len();
    let expected = format!("at most {MAX_LAYERS} layers");
    require(n_layers <= MAX_LAYERS, "layers", n_layers, expected)?;
    let paths: Vec<_> = layers.iter().zip(1..).map(|(layer, number)| layer.path(number)).collect();
    // Of two layers with one name the first counts; the second is refused below.
    let mut by_path = HashMap::new();
    for (i, path) in paths.iter().enumerate() {
        by_path.entry(&path[..]).or_insert(i);
    }
    let connections: Result<Vec<_>, _> = layers
        .iter()
        .enumerate()
        .map(|(i, layer)| {
            let connected = inputs(i, layer, &by_path);
            connected.map_err(|setting| setting.within(&format!("layers.{}", i + 1)))
        })
        .collect();
    let connections = connections?;
    let mut is_used = vec![false; n_layers];
    for input in connections.iter().flatten() {
        if let LayerInput::Layer(i) = *input {
            is_used[i] = true;
        }
    }
    let inner = n_layers.saturating_sub(1);
    match is_used[..inner].iter().position(|used| !used) {
        None => Ok(connections),
        Some(i) => Err(InvalidSetting::new(
            &format!("layers.{}", i + 1),
            "none",
            format!("a later layer that takes the output of {}", paths[i]),
        )),
    }
}

fn inputs(
    i: usize,
    layer: &Layer,
    by_path: &HashMap<&str, usize>,
) -> Result<Vec<LayerInput>, InvalidSetting> {
    layer.validate()?;
    if let Some(name) = &layer.name {
        let first = by_path[&name[..]];
        let found = format_args!("{name:?}, the name of layer {}", first + 1);
        require(first == i, "name", found, "a name that no other layer has")?;
    }
    let merges = layer.kind.as_dyn::<f32>().merges();
    let kind = layer.kind.name();
    let n_names = layer.from.len();
    if merges {
        let expected =
            format!("the layers whose outputs {kind} takes beside that of the layer before");
        require(n_names > 0, "from", "none", expected)?;
    } else {
        let expected = format!("one name, since {kind} takes one input");
        require(n_names <= 1, "from", format_args!("{n_names} names"), expected)?;
    }
    let before = i.checked_sub(1).map_or(LayerInput::Samples, LayerInput::Layer);
    let named = layer.from.iter().zip(1..).map(|(name, number)| match by_path.get(&name[..]) {
        _ if name == INPUT => Ok(LayerInput::Samples),
        Some(&earlier) if earlier < i => Ok(LayerInput::Layer(earlier)),
        other => {
            let fault = match other {
                Some(&at) if at == i => ", this layer itself".to_owned(),
                Some(at) => format!(", which is layer {}", at + 1),
                None => String::new(),
            };
            let place = format!("from.{number}");
            let expected = "the name of an earlier layer or `input`";
            Err(InvalidSetting::new(&place, format_args!("{name:?}{fault}"), expected))
        }
    });
    let named: Vec<_> = named.collect::<Result<_, _>>()?;
    Ok(match (merges, &named[..]) {
        (true, _) => [&[before], &named[..]].concat(),
        (false, []) => vec![before],
        (false, _) => named,
    })
}
