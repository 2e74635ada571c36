//! A network with random numbers.

use graph::{Compile, Float, Program, RunArgs, Shape, Tensor, Tensors};
use kernels::random::Stream;
use nn::{InputRole, LayerInput, LayerKind, Mode, Model, Network, Objective, ParameterRole};

/// A network with random parameters, running statistics, samples and class numbers. All are `f32` numbers, whatever
/// `T` is, and the same for both.
#[derive(Clone, Debug)]
pub struct RandomTrial<T> {
    /// The network.
    pub model: Model<T>,
    /// The parameters.
    pub parameters: Vec<T>,
    /// The running statistics.
    pub running_statistics: Vec<T>,
    /// The samples: normal, or the numbers of words.
    pub samples: Tensor<T>,
    /// The targets: class numbers.
    pub targets: Tensor<T>,
    seed: u64,
}

impl<T: Float> RandomTrial<T> {
    /// Draws all numbers; `seed` is that of dropout too.
    ///
    /// Weights are those of the first step. No other parameter has its first value: a bias of 0 would put a ReLU on its
    /// kink, a scale of 1 would hide that it is missing.
    ///
    /// # Panics
    ///
    /// If the network does not fit.
    pub fn new(
        network: &Network,
        objective: &Objective,
        mode: Mode,
        batch: usize,
        seed: u64,
    ) -> Self {
        let outputs = network.outputs().unwrap_or_else(|error| panic!("{error}"));
        let model = network.model::<T>(mode, objective, outputs, Shape::batch([]));
        let model = model.unwrap_or_else(|error| panic!("{error}"));
        let mut random = Stream::new(seed, 0x74_7269_616c);
        let single = |value: f64| T::from_f64(f64::from(value as f32));
        let mut parameters: Vec<T> = model.initial_parameters(seed);
        parameters.iter_mut().for_each(|value| *value = single(value.to_f64()));
        for spec in &model.parameters {
            let start = match spec.role {
                ParameterRole::Bias | ParameterRole::Offset => 0.0,
                ParameterRole::Scale => 1.0,
                _ => continue,
            };
            parameters[spec.range.clone()].fill_with(|| single(start + 0.3 * random.normal()));
        }
        let statistics = model.running_statistics.iter().flat_map(|statistics| {
            let mut draw = |start: f64, deviation: f64| -> Vec<f64> {
                (0..statistics.channels).map(|_| start + deviation * random.uniform()).collect()
            };
            [draw(-0.5, 1.0), draw(0.5, 1.0)].concat()
        });
        let running_statistics = statistics.map(single).collect();
        let counts = model.layers.iter().zip(&network.layers).filter_map(|(summary, layer)| {
            let LayerKind::Embedding(embedding) = &layer.kind else { return None };
            summary.inputs.contains(&LayerInput::Samples).then_some(embedding.count as u64)
        });
        let words = counts.min();
        let draw = |_| match words {
            Some(count) => random.below(count) as f64,
            None => random.normal(),
        };
        let sizes = [&[batch], &network.input[..]].concat();
        let values: Vec<T> = (0..sizes.iter().product()).map(draw).map(single).collect();
        let samples = Tensor::new(sizes, values);
        let classes = outputs.max(2) as u64;
        let values: Vec<T> =
            (0..batch).map(|_| T::from_f64(random.below(classes) as f64)).collect();
        let targets = Tensor::new([batch], values);
        Self { model, parameters, running_statistics, samples, targets, seed }
    }

    /// The samples of the batch.
    pub fn batch(&self) -> usize {
        self.targets.values().len()
    }

    /// The seed of dropout.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Runs the network forward and backward, compiled with these options but for batch and loss.
    ///
    /// # Panics
    ///
    /// If the network does not fit into the memory limit.
    pub fn run(&self, options: &Compile) -> Program<T> {
        let options =
            Compile { batch: self.batch(), loss: Some(self.model.loss), ..options.clone() };
        let mut program = Program::new(self.model.graph.clone(), &options)
            .unwrap_or_else(|error| panic!("{error}"));
        let inputs = self.inputs();
        let inputs: Vec<_> = inputs.iter().collect();
        let (parameters, seed) = (&self.parameters[..], self.seed);
        program.run(&RunArgs { parameters, inputs: &Tensors(&inputs), seed, ..RunArgs::default() });
        program
    }

    /// The inputs of the graph, in their order.
    pub fn inputs(&self) -> Vec<Tensor<T>> {
        let of_role = |role: &InputRole| match *role {
            InputRole::Samples => self.samples.clone(),
            InputRole::Targets => self.targets.clone(),
            InputRole::RunningStatistics(i) => {
                let statistics = &self.model.running_statistics[i];
                let values = self.running_statistics[statistics.range.clone()].to_vec();
                Tensor::new([2, statistics.channels], values)
            }
        };
        self.model.inputs.iter().map(of_role).collect()
    }
}
