//! Experiments in code.

use augment::Augmentation;
use data::{Order, TransformPlan};
use nn::optim::{Optimizer, clip::Clip, ema::Ema, lookahead::Lookahead};
use nn::schedule::{Schedule, constant::ConstantRate};
use nn::{Loss, Network};

use super::sources::memory::MemoryData;
use super::{
    DataSource, DataSpec, EarlyStopping, Experiment, ExperimentError, PartSize, TrainSpec,
};

/// An experiment under construction: see [`Experiment::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ExperimentBuilder(Experiment);

impl Experiment {
    /// Begins an experiment with a network, and the defaults of a file for all that is not set.
    ///
    /// ```
    /// use gradus_runs::Experiment;
    /// use nn::Network;
    ///
    /// let network = Network::builder([28, 28, 1]).flatten().linear(10).build()?;
    /// let experiment = Experiment::builder(network).learning_rate(0.01).epochs(3.0).build()?;
    /// assert_eq!(experiment.train.batch, 100);
    ///
    /// let error = Experiment::builder(experiment.model).batch(0).steps(10).build().unwrap_err();
    /// assert_eq!(error.to_string(), "experiment: train.batch: expected 1 or more, found 0");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(network: Network) -> ExperimentBuilder {
        Self {
            name: String::new(),
            data: DataSpec::default(),
            model: network,
            train: TrainSpec::default(),
            reference: None,
        }
        .into()
    }
}

impl From<Experiment> for ExperimentBuilder {
    /// Begins with all settings of an experiment, such as a preset.
    fn from(experiment: Experiment) -> Self {
        Self(experiment)
    }
}

/// A method for each setting, which replaces its default.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident($value:ident: $Type:ty) $($field:ident).+ = $new:expr;)+) => {
        impl ExperimentBuilder {
            $(
                $(#[$doc])*
                pub fn $name(mut self, $value: $Type) -> Self {
                    self.0.$($field).+ = $new;
                    self
                }
            )+
        }
    };
}

setters! {
    /// The name of its runs.
    name(name: impl Into<String>) name = name.into();
    /// Which data.
    source(source: impl Into<DataSource>) data.source = source.into();
    /// What makes features of the columns of the data.
    transforms(plan: TransformPlan) data.transforms = Some(plan);
    /// Training samples that are the validation set instead: their number, or a fraction of all.
    validation(size: impl Into<PartSize>) data.validation = Some(size.into());
    /// Rows of a table that are the test set: their number, or a fraction of all.
    test(size: impl Into<PartSize>) data.test = Some(size.into());
    /// Training samples used, from the first.
    limit(samples: usize) data.limit = Some(samples);
    /// The names of the classes, in order.
    class_names(names: impl IntoIterator<Item = impl Into<String>>)
        data.class_names = names.into_iter().map(Into::into).collect();
    /// All settings of the data at once.
    data(data: DataSpec) data = data;
    /// The loss.
    loss(loss: impl Into<Loss>) train.loss = loss.into();
    /// From gradients to new parameters.
    optimizer(optimizer: impl Into<Optimizer>) train.optimizer = optimizer.into();
    /// The learning rate at each step.
    schedule(schedule: impl Into<Schedule>) train.schedule = schedule.into();
    /// The same learning rate in every step.
    learning_rate(learning_rate: f64) train.schedule = ConstantRate { learning_rate }.into();
    /// Bounds on the gradients.
    clip(clip: Clip) train.clip = clip;
    /// Slow weights around the optimizer.
    lookahead(lookahead: Lookahead) train.lookahead = Some(lookahead);
    /// Averaged weights, with which the network is evaluated and saved.
    ema(ema: Ema) train.ema = Some(ema);
    /// Factor of the sum of magnitudes of all weights.
    l1(factor: f64) train.l1 = factor;
    /// Factor of half the sum of squares of all weights.
    l2(factor: f64) train.l2 = factor;
    /// Samples of a step.
    batch(samples: usize) train.batch = samples;
    /// Parts of a batch whose sums over samples begin at zero.
    shards(shards: usize) train.shards = shards;
    /// How batches are drawn.
    order(order: Order) train.order = order;
    /// The seed of every random draw.
    seed(seed: u64) train.seed = seed;
    /// Steps from one evaluation to the next.
    evaluate_every(steps: u64) train.evaluate_every = Some(steps);
    /// Steps between measurements of the training accuracy.
    report_every(steps: u64) train.report_every = steps;
    /// When the run ends before its last step.
    early_stopping(rule: EarlyStopping) train.early_stopping = Some(rule);
    /// All settings of the training at once.
    train(train: TrainSpec) train = train;
}

impl ExperimentBuilder {
    /// Passes over the training set, with their fraction: in place of [`steps`](Self::steps).
    pub fn epochs(mut self, epochs: f64) -> Self {
        (self.0.train.epochs, self.0.train.steps) = (Some(epochs), None);
        self
    }

    /// Optimizer updates: in place of [`epochs`](Self::epochs).
    pub fn steps(mut self, steps: u64) -> Self {
        (self.0.train.epochs, self.0.train.steps) = (None, Some(steps));
        self
    }

    /// A random change of training pictures, after those before it.
    pub fn augment(mut self, augmentation: impl Into<Augmentation>) -> Self {
        self.0.data.augment.push(augmentation.into());
        self
    }

    /// The data is passed by the program, and not kept.
    pub fn memory(self) -> Self {
        self.source(MemoryData {})
    }

    /// Checks every setting.
    ///
    /// # Errors
    ///
    /// The first mistake: the setting, what was found and expected.
    pub fn build(self) -> Result<Experiment, ExperimentError> {
        self.0.checked()
    }
}

#[cfg(test)]
mod tests {
    use data::transforms::divide::Divide;
    use nn::optim::sgd::Sgd;

    use super::*;

    fn network() -> Network {
        Network::builder([4]).linear(3).build().unwrap()
    }

    #[test]
    fn what_is_built_is_what_the_file_says() {
        let built = Experiment::builder(network())
            .name("three")
            .memory()
            .transforms(TransformPlan {
                arrays: vec![Divide { by: Some(2.0) }.into()],
                ..TransformPlan::default()
            })
            .validation(0.25)
            .limit(7)
            .optimizer(Sgd {})
            .learning_rate(0.5)
            .l2(0.25)
            .batch(5)
            .order(Order::WithReplacement)
            .steps(9)
            .seed(3)
            .evaluate_every(2)
            .report_every(4)
            .shards(3)
            .early_stopping(EarlyStopping { patience: 3, ..EarlyStopping::default() })
            .ema(Ema::default())
            .lookahead(Lookahead::default());
        let text = r#"
            name = "three"
            [data]
            source = "memory"
            transforms.arrays = [{ kind = "divide", by = 2.0 }]
            validation = 0.25
            limit = 7
            [model]
            input = [4]
            layers = [{ kind = "linear", units = 3 }]
            [train]
            optimizer = "sgd"
            schedule = { kind = "constant", learning_rate = 0.5 }
            l2 = 0.25
            batch = 5
            order = "with_replacement"
            steps = 9
            seed = 3
            evaluate_every = 2
            report_every = 4
            shards = 3
            early_stopping = { patience = 3 }
            ema = {}
            lookahead = {}
        "#;
        assert_eq!(built.build().unwrap(), Experiment::parse("three.toml", text).unwrap());
    }

    #[test]
    fn mistakes_are_refused_when_it_is_built() {
        let refusal = |builder: ExperimentBuilder| builder.build().unwrap_err().to_string();
        let builder = || Experiment::builder(network());
        assert_eq!(
            refusal(builder()),
            "experiment: [train]: expected either `epochs` or `steps`, found neither"
        );
        assert_eq!(
            refusal(builder().name("a/b").steps(1)),
            "experiment: name: expected a folder name, found `a/b`"
        );
        assert_eq!(
            refusal(builder().learning_rate(-1.0).steps(1)),
            "experiment: train.schedule.learning_rate: expected a number above 0, found -1"
        );
    }
}
