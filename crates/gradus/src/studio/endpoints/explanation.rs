//! Explanations of the numbers of a run: of a sample through its model, and of what a step did to a parameter.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::studio::{Call, CalledRun, Endpoint, EndpointError};
use data::{Dataset, Features, Targets};
use events::Part;
use explain::element::{ElementName, ExplainedPass, Explanation, PassNode};
use graph::Pool;
use runs::{Parts, SavedModel, predicted_class};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use train::Trainer;
use train::explanation::{
    ExplanationError, ShareExplanation, UpdateExplanation, explain_share, explain_update,
    of_sample, trainer_before,
};

/// The most terms and samples in an answer.
const MAX_TERMS: usize = 10_000;
/// Passes that are kept: from one click to the next only the element changes.
const MAX_PASSES: usize = 8;

pub(super) fn endpoints() -> Vec<Box<dyn Endpoint>> {
    vec![Box::new(ExplanationEndpoint::default())]
}

/// Explains numbers, and keeps what was computed for the last ones.
#[derive(Debug, Default)]
struct ExplanationEndpoint {
    passes: Mutex<Vec<KeptPass>>,
}

/// A sample through a model.
#[derive(Debug)]
struct KeptPass {
    model: Arc<SavedModel>,
    sample: ExplainedSample,
    pass: Arc<ExplainedPass<f32>>,
}

/// What is passed through the model.
#[derive(Clone, Debug, PartialEq)]
enum ExplainedSample {
    OfPart(Part, usize),
    /// A drawing.
    Pixels(Vec<u8>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExplanationRequest {
    run: String,
    /// The step of the model, of the update or of the share; null for the latest.
    step: Option<u64>,
    part: Part,
    sample: usize,
    pixels: Option<Vec<u8>>,
    of: String,
    view: ExplanationView,
    terms: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ExplanationView {
    Element,
    Update,
    /// Of the sample in the update.
    Share,
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum ExplanationAnswer {
    Explained {
        step: u64,
        explanation: Box<Explanation>,
        nodes: Vec<PassNode>,
    },
    Updated {
        update: Box<UpdateExplanation>,
    },
    Shared {
        #[serde(flatten)]
        share: Box<ShareExplanation>,
    },
    /// What the visitor named does not exist.
    Mistake {
        message: String,
    },
}

impl Endpoint for ExplanationEndpoint {
    fn name(&self) -> &'static str {
        "explanation"
    }

    fn answer(&self, call: &Call<'_>) -> Result<Value, EndpointError> {
        let mut request: ExplanationRequest = call.parse()?;
        request.terms = request.terms.min(MAX_TERMS);
        let run = call.run(&request.run)?;
        let answer = match request.of.parse() {
            Err(error) => mistake(&error),
            Ok(of) => match request.view {
                ExplanationView::Element => self.element(&run, &request, &of)?,
                ExplanationView::Update => of_step(call, &run, &request, |trainer, folder| {
                    let update = explain_update(trainer, &of, request.terms, Some(folder))?;
                    Ok(ExplanationAnswer::Updated { update: Box::new(update) })
                })?,
                ExplanationView::Share => of_step(call, &run, &request, |trainer, _| {
                    let sample = u32::try_from(request.sample).unwrap_or(u32::MAX);
                    let share = explain_share(trainer, &of, request.terms, sample)?;
                    Ok(ExplanationAnswer::Shared { share: Box::new(share) })
                })?,
            },
        };
        Ok(serde_json::to_value(answer).expect("answers have names as keys"))
    }

    /// A run in progress has other numbers soon.
    fn keep(&self) -> Duration {
        Duration::from_secs(2)
    }
}

fn mistake(error: &(dyn std::error::Error + 'static)) -> ExplanationAnswer {
    ExplanationAnswer::Mistake { message: diagnostics::chain(error) }
}

impl ExplanationEndpoint {
    fn element(
        &self,
        run: &CalledRun<'_>,
        request: &ExplanationRequest,
        of: &ElementName,
    ) -> Result<ExplanationAnswer, EndpointError> {
        let (step, model) = run.model(request.step)?;
        let sample = match &request.pixels {
            Some(pixels) => ExplainedSample::Pixels(pixels.clone()),
            None => ExplainedSample::OfPart(request.part, request.sample),
        };
        let explained = self.pass(&model, &sample, &*run.data()?).and_then(|pass| {
            let explanation = Box::new(pass.explain(of, request.terms, 0)?);
            let nodes = pass.nodes().collect();
            Ok(ExplanationAnswer::Explained { step, explanation, nodes })
        });
        Ok(explained.unwrap_or_else(|error| mistake(&error)))
    }

    /// The pass of a sample through a model, computed or kept.
    fn pass(
        &self,
        model: &Arc<SavedModel>,
        sample: &ExplainedSample,
        data: &Parts,
    ) -> Result<Arc<ExplainedPass<f32>>, ExplanationError> {
        let passes = || self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = |kept: &&KeptPass| Arc::ptr_eq(&kept.model, model) && kept.sample == *sample;
        if let Some(kept) = passes().iter().find(is_same) {
            return Ok(Arc::clone(&kept.pass));
        }
        let pass = Arc::new(match sample {
            ExplainedSample::OfPart(part, sample) => {
                let set = data.get(*part).unwrap_or(&data.test);
                of_sample(model, set, *sample, None)?
            }
            ExplainedSample::Pixels(pixels) => of_drawing(model, pixels, &data.test)?,
        });
        let mut passes = passes();
        if passes.len() >= MAX_PASSES {
            passes.remove(0);
        }
        let (model, sample) = (Arc::clone(model), sample.clone());
        passes.push(KeptPass { model, sample, pass: Arc::clone(&pass) });
        Ok(pass)
    }
}

/// A drawing through a model. It has no label: its loss is that of the class which the model predicts.
fn of_drawing(
    model: &SavedModel,
    pixels: &[u8],
    like: &Dataset,
) -> Result<ExplainedPass<f32>, ExplanationError> {
    let expected = model.experiment.model.input.clone();
    let Targets::Labels { classes, .. } = *like.targets() else {
        return Err(ExplanationError::SampleShape { found: vec![pixels.len()], expected });
    };
    let labelled = |label: u32| {
        let targets = Targets::Labels { values: vec![label], classes };
        let set = Dataset::new("drawing", &expected[..], Features::U8(pixels.to_vec()), targets);
        set.and_then(|set| model.transforms.encode_dataset(set)).map_err(|_| {
            ExplanationError::SampleShape { found: vec![pixels.len()], expected: expected.clone() }
        })
    };
    let pass = of_sample(model, &labelled(0)?, 0, None)?;
    let output = |i: usize| pass.number(&ElementName::value("logits", [i]), 0).ok();
    let outputs: Vec<f32> = (0..).map_while(output).map(|output| output as f32).collect();
    let predicted = predicted_class(&outputs);
    of_sample(model, &labelled(predicted as u32)?, 0, None)
}

/// What `explain` tells of a step: the run is done again from its checkpoint before the step.
fn of_step(
    call: &Call<'_>,
    run: &CalledRun<'_>,
    request: &ExplanationRequest,
    explain: impl FnOnce(&mut Trainer, &Path) -> Result<ExplanationAnswer, ExplanationError>,
) -> Result<ExplanationAnswer, EndpointError> {
    let (data, folder) = (run.data()?, run.folder());
    let explained = || {
        let (step, pool) = (request.step, Arc::new(Pool::new(call.threads())));
        let mut trainer = trainer_before(folder, step, (*data).clone(), pool, &|| call.is_over())?;
        explain(&mut trainer, folder)
    };
    match explained() {
        Err(ExplanationError::OutOfTime) => Err(EndpointError::OutOfTime),
        Err(error) => Ok(mistake(&error)),
        Ok(answer) => Ok(answer),
    }
}
