//! The description of a run: its experiment, network and data.

use data::{Dataset, Targets};
use nn::Mode;
use runs::Split;
use serde::Serialize;

use crate::error::RunError;
use crate::images;
use crate::library::OpenRun;
use crate::summary::RunState;

/// A run without its events.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    pub(crate) id: String,
    pub(crate) is_live: bool,
    pub(crate) state: RunState,
    pub(crate) can_control: bool,
    pub(crate) name: String,
    pub(crate) settings: Vec<(String, String)>,
    /// The name of the loss.
    pub(crate) loss: &'static str,
    /// Whether it is a cross-entropy, in nats.
    pub(crate) is_loss_in_nats: bool,
    /// The learning rate of the first step.
    pub(crate) learning_rate: f64,
    pub(crate) layers: Vec<AboutLayer>,
    /// The names of the parameters, in order.
    pub(crate) parameters: Vec<String>,
    /// The number of classes of a classification.
    pub(crate) classes: Option<usize>,
    /// Height, width and channels, if the samples are images.
    pub(crate) image_shape: Option<[usize; 3]>,
    pub(crate) train_samples: usize,
    pub(crate) test_samples: usize,
    /// The steps at which the model was saved.
    pub(crate) saved_steps: Vec<u64>,
    /// Lines of the log that are not events.
    pub(crate) damaged_lines: usize,
}

#[derive(Debug, Serialize)]
pub(crate) struct AboutLayer {
    number: usize,
    kind: &'static str,
    output: String,
    parameters: usize,
    multiply_adds: u64,
}

impl About {
    /// Describes a run, which this process trains if it is live.
    ///
    /// # Errors
    ///
    /// If its experiment cannot be read.
    pub(crate) fn new(run: &OpenRun, is_live: bool) -> Result<Self, RunError> {
        let experiment = run.experiment()?;
        let model = experiment.network(Mode::Train)?;
        // Without data two panels stay empty.
        let data = run.data().ok();
        let set = |choose: fn(&Split) -> &Dataset| data.as_deref().map(choose);
        let test = set(|split| &split.test);
        let classes = test.and_then(|set| match set.targets() {
            Targets::Labels { classes, .. } => Some(*classes),
            Targets::Values { .. } => None,
        });
        let layers = model.layers.iter().map(|layer| AboutLayer {
            number: layer.number,
            kind: layer.kind,
            output: layer.output.to_string(),
            parameters: layer.parameters,
            multiply_adds: layer.multiply_adds,
        });
        let damaged_lines = run.log().damaged();
        Ok(Self {
            id: run.id.clone(),
            is_live,
            state: run.state(is_live),
            can_control: false,
            loss: experiment.train.loss.name(),
            is_loss_in_nats: experiment.train.loss.is_in_nats(),
            learning_rate: experiment.train.schedule.as_dyn().learning_rate(0),
            settings: experiment.settings(),
            name: experiment.name,
            layers: layers.collect(),
            parameters: model.parameters.into_iter().map(|spec| spec.name).collect(),
            classes,
            image_shape: test.and_then(images::size),
            train_samples: set(|split| &split.train).map_or(0, Dataset::len),
            test_samples: test.map_or(0, Dataset::len),
            saved_steps: run.saved_steps(),
            damaged_lines,
        })
    }
}
