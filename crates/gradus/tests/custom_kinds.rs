//! Kinds that a program registers are used wherever those of the library are.

use gradus::graph::gradient_check::GradCheckOptions;
use gradus::kernels::random::Stream;
use gradus::nn::ParameterRole;
use gradus::nn::init::{Initialize, Initializer, ParameterSize};
use gradus::nn::layers::{BuildLayer, Linear};
use gradus::nn::schedule::{LearningRate, Schedule, StepOf};
use gradus::prelude::*;
use gradus::runs::sources::{DataSource, Digits, ReadSource, SourceData};
use gradus::runs::{ExperimentError, RunFolder};
use gradus::train::gradient_check::gradient_check;

gradus::settings! {
    /// `x · weight²`, element by element.
    struct Squared {
        /// How the weight begins.
        init: Initializer, gradus::nn::registry::nested;
    }
}

impl<T: Float> BuildLayer<T> for Squared {
    fn build(&self, builder: &mut Builder<'_, T>, x: &[NodeId]) -> Result<NodeId, ShapeError> {
        let shape = builder.graph.shape(x[0]).dims().to_vec();
        let weight =
            builder.parameter("weight", ParameterRole::Scale, &shape, self.init.clone())?;
        let square = builder.graph.mul(weight, weight)?;
        builder.graph.mul(x[0], square)
    }
}

gradus::settings! {
    /// Every weight the same.
    struct Same {
        value: f64 = 0.75;
    }
}

impl Initialize for Same {
    fn fill(&self, _: ParameterSize<'_>, _: &mut Stream, values: &mut [f64]) {
        values.fill(self.value);
    }
}

gradus::settings! {
    /// Is the first number larger than the second?
    struct Pairs {
        count: usize = 200;
    }
}

impl ReadSource for Pairs {
    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        let features: Vec<f32> = (0..2 * self.count).map(|i| (i * 37 % 100) as f32).collect();
        let values = features.chunks(2).map(|pair| u32::from(pair[0] > pair[1])).collect();
        let targets = Targets::Labels { values, classes: 2 };
        let set = Dataset::new("pairs", [2], Features::F32(features), targets)?.divided_by(100.0);
        Ok(Split { train: set.clone(), test: set }.into())
    }
}

#[test]
fn a_network_of_custom_kinds_is_read_trained_checked_saved_and_asked() {
    LayerKind::register::<Squared>("squared").unwrap();
    Initializer::register::<Same>("same").unwrap();
    DataSource::register::<Pairs>("pairs").unwrap();
    let text = r#"
        data = { source = { kind = "pairs", count = 300 } }

        [model]
        input = [2]
        layers = [
            { kind = "squared", init = { kind = "same", value = 0.5 }, name = "own", learning_rate_factor = 2 },
            { kind = "linear", units = 2, weight_init = "same" },
        ]

        [train]
        schedule = { kind = "constant", learning_rate = 0.05 }
        steps = 400
        batch = 50
    "#;
    let experiment = Experiment::parse("pairs.toml", text).unwrap();
    let network = Network::builder([2])
        .layer(Squared { init: Same { value: 0.5 }.into() })
        .named("own")
        .learning_rate_factor(2.0)
        .layer(Linear { weight_init: Some(Same::default().into()), ..Linear::new(2) });
    assert_eq!(experiment.model, network.build().unwrap());
    assert_eq!(experiment.model.layers[0].kind.name(), "squared");

    let split = experiment.data.open(gradus::mnist).unwrap();
    let options = GradCheckOptions { batch: 20, ..GradCheckOptions::default() };
    for (parameter, report) in gradient_check(&experiment, &split.train, &options).unwrap() {
        assert!(report.passes(1e-6), "{}: {report:?}", parameter.path);
    }

    let mut trainer = Trainer::new(experiment, split, Pool::new(1)).unwrap();
    assert_eq!(trainer.saved().parameters[..2], [0.5; 2]);
    let runs = tempfile::tempdir().unwrap();
    let folder = runs.path().join("first");
    let finished = gradus::train::record(&mut trainer, &folder).unwrap();
    assert!(finished.summary.test.get("accuracy") > Some(0.9), "{finished:?}");

    let written = std::fs::read_to_string(folder.join("experiment.toml")).unwrap();
    let read = Experiment::parse("experiment.toml", &written).unwrap();
    assert_eq!(read, trainer.saved().experiment, "{written}");
    let model = SavedModel::read(folder.join(RunFolder::LAST)).unwrap();
    assert_eq!(model, *trainer.saved());
    let mut predictor = model.predictor().unwrap();
    assert_eq!(predictor.classify(&[90.0, 10.0]).unwrap().class, 1);
    assert_eq!(predictor.classify(&[10_u8, 90]).unwrap().class, 0);
}

gradus::settings! {
    /// A rate that falls by the square root of the steps.
    struct Falling {
        start: f64 = 0.5, gradus::nn::registry::positive;
    }
}

impl LearningRate for Falling {
    fn learning_rate(&self, at: StepOf) -> f64 {
        self.start / (1.0 + at.step as f64).sqrt()
    }
}

#[test]
fn a_mistake_in_a_custom_kind_has_its_place() {
    LayerKind::register::<Squared>("squared").unwrap();
    Initializer::register::<Same>("same").unwrap();
    Schedule::register::<Falling>("falling").unwrap();
    let refusal = |layer: &str| {
        let text = format!("[model]\ninput = [2]\nlayers = [\n  {layer},\n]\n[train]\nsteps = 1\n");
        Experiment::parse("own.toml", &text).unwrap_err().to_string()
    };
    let unknown = refusal("{ kind = 'squared', start = 1 }");
    assert!(unknown.starts_with("own.toml:4:23: unknown field `start`"), "{unknown}");
    let missing = refusal("{ kind = 'squared' }");
    assert!(missing.starts_with("own.toml:4:3: missing field `init`"), "{missing}");
    let other = refusal("'squarred'");
    assert!(other.contains("did you mean `squared`?"), "{other}");
    // As in a layer of the library.
    for (init, place, message) in [
        ("3", "own.toml:4:30:", "invalid type: integer `3`, expected a name such as"),
        ("{ kind = 'normal', deviation = 0 }", "own.toml:4:61:", "model.layers.1.init.deviation: "),
        ("{ kind = 'normal', deviation = 'x' }", "own.toml:4:61:", "invalid type: string \"x\""),
        ("{ kind = 'normal', deviatoin = 1 }", "own.toml:4:49:", "unknown field `deviatoin`"),
        ("{ kind = 'same', value = 'x' }", "own.toml:4:55:", "invalid type: string \"x\""),
        ("{ kind = 'same', deviation = 1 }", "own.toml:4:47:", "unknown field `deviation`"),
        ("'nomral'", "own.toml:4:30:", "unknown variant `nomral`"),
    ] {
        let error = refusal(&format!("{{ kind = 'squared', init = {init} }}"));
        assert!(error.starts_with(&format!("{place} {message}")), "{init}: {error}");
        assert!(!error.contains("\nin `"), "{error}");
    }
    for (schedule, place, message) in [
        ("kind = 'falling'\nstrat = 1", "own.toml:8:1:", "unknown field `strat`"),
        ("kind = 'falling'\nstart = 'x'", "own.toml:8:9:", "invalid type: string \"x\""),
        ("start = 0\nkind = 'falling'", "own.toml:7:9:", "train.schedule.start: expected a number"),
    ] {
        let text = format!(
            "[model]\ninput = [2]\nlayers = []\n[train]\nsteps = 1\n[train.schedule]\n{schedule}\n"
        );
        let error = Experiment::parse("own.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{place} {message}")), "{schedule}: {error}");
    }
}
