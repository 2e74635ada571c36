//! The description of a run: its experiment, network and data.

use std::collections::BTreeMap;

use data::Targets;
use diagnostics::chain;
use drawing::Diagram;
use events::{Event, Part};
use nn::{LayerInput, Mode};
use runs::Parts;
use serde_json::{Value, json};

use crate::error::RunError;
use crate::images;
use crate::library::OpenRun;

/// A run without its events. Without data the classes, the image shape and two panels are missing. Of a run whose
/// experiment cannot be read, as that of a program with kinds of its own, there is what its log holds.
pub(crate) fn about(run: &OpenRun, is_live: bool) -> Result<Value, RunError> {
    of_experiment(run, is_live).or_else(|error| of_log(run, is_live, error))
}

fn of_log(run: &OpenRun, is_live: bool, error: RunError) -> Result<Value, RunError> {
    let events = run.history()?.events();
    let started = events.iter().rev().find_map(|event| match event {
        Event::RunStarted(started) => Some(started),
        _ => None,
    });
    let Some(started) = started else { return Err(error) };
    let snapshot = events.iter().rev().find_map(|event| match event {
        Event::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    let parameters = snapshot.iter().flat_map(|snapshot| &snapshot.parameters);
    let parameters = parameters.map(
        |of| json!({ "path": format!("{}.{}", of.layer, of.part), "role": of.role, "shape": [] }),
    );
    let first_rate = events.iter().find_map(|event| match event {
        Event::StepFinished(step) => Some(step.learning_rate),
        _ => None,
    });
    let metric = |name: &str| started.metrics.iter().find(|metric| metric.name == name);
    // The kind that is not known, without all those that are.
    let problem = chain(&error);
    let problem = problem.lines().next().unwrap_or_default();
    let problem = problem.split_once(", expected").map_or(problem, |(problem, _)| problem);
    Ok(json!({
        "id": run.id,
        "name": started.name,
        "is_live": is_live,
        "can_control": false,
        "state": run.summary(is_live).state,
        "problem": problem,
        "settings": run.unchecked_settings(),
        "loss": started.loss,
        "is_loss_in_nats": metric("loss").is_some_and(|loss| loss.unit == "nats"),
        "has_accuracy": metric("accuracy").is_some(),
        "learning_rate": first_rate,
        "input": "",
        "layers": [],
        "parameters": parameters.collect::<Value>(),
        "classes": null,
        "image_shape": null,
        "is_augmented": false,
        "has_validation": started.parts.contains_key(&Part::Validation),
        "parts": started.parts,
        "saved_steps": run.saved_steps(),
        "damaged_lines": run.log().damaged,
    }))
}

fn of_experiment(run: &OpenRun, is_live: bool) -> Result<Value, RunError> {
    let experiment = run.experiment()?;
    let model = experiment.network(Mode::Train)?;
    let data = run.data().ok();
    let test = data.as_deref().map(|parts| &parts.test);
    let sizes = data.iter().flat_map(|parts| {
        let all = [Part::Train, Part::Validation, Part::Test];
        all.into_iter().filter_map(|part| Some((part, parts.get(part)?.len())))
    });
    let sizes: BTreeMap<Part, usize> = sizes.collect();
    let summary = run.summary(is_live);
    // Of a program whose data is not known here.
    let logged = summary.started.iter().flat_map(|started| started.parts.keys());
    let has_validation = sizes.keys().chain(logged).any(|part| *part == Part::Validation);
    let classes = test.and_then(|set| match set.targets() {
        Targets::Labels { classes, .. } => Some(*classes),
        Targets::Values { .. } => None,
    });
    let diagram = Diagram::of(&model);
    let layers = model.layers.iter().zip(&diagram.nodes[1..]).map(|(layer, node)| {
        json!({
            "path": layer.path,
            "kind": layer.kind,
            // Of each input the index of its layer; null for the network's input.
            "inputs": layer.inputs.iter().map(|input| match *input {
                LayerInput::Samples => None,
                LayerInput::Layer(index) => Some(index),
            }).collect::<Vec<_>>(),
            "output": layer.output.to_string(),
            "parameters": layer.parameters,
            "multiply_adds": layer.multiply_adds,
            "is_frozen": node.is_frozen,
            "learning_rate_factor": node.learning_rate_factor,
        })
    });
    let parameters = model
        .parameters
        .iter()
        .map(|spec| json!({ "path": spec.path, "role": spec.role.name(), "shape": spec.shape }));
    let (train, n_train) = (&experiment.train, sizes.get(&Part::Train).copied().unwrap_or(0));
    Ok(json!({
        "id": run.id,
        "name": experiment.name,
        "is_live": is_live,
        "can_control": false,
        "state": summary.state,
        "settings": experiment.settings(),
        "loss": experiment.train.loss.name(),
        "is_loss_in_nats": experiment.train.loss.is_in_nats(),
        // Of the first step.
        "learning_rate": train.schedule.as_dyn().learning_rate(train.step_of(0, n_train)),
        "input": diagram.nodes[0].output,
        "layers": layers.collect::<Value>(),
        "parameters": parameters.collect::<Value>(),
        "classes": classes,
        "image_shape": test.and_then(images::size),
        "has_rows": data.as_deref().and_then(Parts::transforms).is_some_and(|of| of.has_table_columns()),
        "is_augmented": !experiment.data.augment.is_empty(),
        "has_validation": has_validation,
        "parts": sizes,
        "saved_steps": run.saved_steps(),
        "damaged_lines": run.log().damaged,
    }))
}
