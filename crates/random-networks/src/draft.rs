//! How a random network grows, block by block.

use kernels::random::Stream;
use nn::{Layer, LayerKind, Network};
use serde::Deserialize;

use crate::{output_of, parse};

/// Outputs of the last layer.
const CLASSES: usize = 3;
/// The most elements of an output: a gradient check computes every network many times.
const MOST_ELEMENTS: usize = 250;
/// How many layers the networks of two seeds begin apart, in the list of those that are taken one after the
/// other.
const STRIDE: usize = 5;
/// The fewest features that are normalised together: two become 1 and −1 whatever they are.
const FEWEST_FEATURES: usize = 3;

/// A random network of four to six blocks, the same for the same `seed`: for images, rows of features or rows of
/// numbers of words, with three outputs.
pub fn network(seed: u64) -> Network {
    let mut draft = NetworkDraft::new(seed);
    draft.branches();
    for _ in 0..3 + draft.below(3) {
        match draft.below(5) {
            0 => draft.sequence(),
            1 => draft.residual_block(),
            2 => draft.branches(),
            3 => draft.merge_with_itself(),
            _ => draft.reduction(),
        }
    }
    draft.finish()
}

/// The index of a layer whose output is meant; none for the network's input.
type Output = Option<usize>;

struct NetworkDraft {
    random: Stream,
    input: Vec<usize>,
    layers: Vec<Layer>,
    /// Of each layer, the shape of its output and whether it has parameters.
    outputs: Vec<(Vec<usize>, bool)>,
    /// Names of layers that need no settings and keep the shape. They are taken one after the other, so that no kind is
    /// left out.
    simple: Vec<&'static str>,
    /// The next of them, and the next of those with settings.
    next_simple: usize,
    next_choice: usize,
}

impl NetworkDraft {
    fn new(seed: u64) -> Self {
        let random = Stream::new(seed, 0x64_7261_6674);
        let mut simple: Vec<&str> = LayerKind::NAMES.to_vec();
        let shape = [3, 4, FEWEST_FEATURES];
        let keeps_shape =
            |layer: &Layer| output_of(layer, &shape).is_some_and(|(output, _)| output == shape);
        simple.retain(|name| read(&format!("'{name}'")).is_ok_and(|layer| keeps_shape(&layer)));
        let inputs: [&[usize]; 7] =
            [&[7, 6, 3], &[6], &[9, 4, 1], &[5], &[5, 5, 4], &[11], &[6, 8, 2]];
        let input = inputs[seed as usize % inputs.len()].to_vec();
        let (layers, outputs) = (Vec::new(), Vec::new());
        let next = STRIDE * seed as usize;
        let (next_simple, next_choice) = (next, next);
        let mut draft = Self { random, input, layers, outputs, simple, next_simple, next_choice };
        if seed % 7 == 3 {
            draft.push("{ kind = 'embedding', count = 7, features = 4 }");
        }
        draft
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random.below(bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn choose<C: Clone>(&mut self, choices: &[C]) -> C {
        choices[self.below(choices.len())].clone()
    }

    fn last(&self) -> Output {
        self.layers.len().checked_sub(1)
    }

    fn shape(&self, output: Output) -> &[usize] {
        output.map_or(&self.input, |i| &self.outputs[i].0)
    }

    /// Whether the input holds the numbers of words, which only their table takes.
    fn has_words(&self) -> bool {
        matches!(self.layers.first(), Some(Layer { kind: LayerKind::Embedding(_), .. }))
    }

    /// How another layer names this output.
    fn path(&self, output: Output) -> String {
        let Some(i) = output else { return "input".to_owned() };
        let layer = &self.layers[i];
        layer.name.clone().unwrap_or_else(|| format!("{}.{}", i + 1, layer.kind.name()))
    }

    /// Adds a layer behind the last one, with a name or without.
    fn push(&mut self, text: &str) {
        self.push_from(text, self.last());
    }

    /// Adds a layer that takes an earlier output.
    fn push_from(&mut self, text: &str, from: Output) {
        let mut layer = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let output = output_of(&layer, self.shape(from));
        let output = output.unwrap_or_else(|| panic!("{text} does not fit {:?}", self.shape(from)));
        if from != self.last() {
            layer.from = vec![self.path(from)];
        }
        self.add(layer, output);
    }

    fn add(&mut self, mut layer: Layer, output: (Vec<usize>, bool)) {
        if self.one_in(4) {
            layer.name = Some(format!("{}-{}", layer.kind.name(), self.layers.len() + 1));
        }
        if self.one_in(5) {
            layer.learning_rate_factor = 0.5;
        }
        self.layers.push(layer);
        self.outputs.push(output);
    }

    /// Adds a layer that merges the last output with others: their sum, or all side by side along an axis of a sample.
    fn merge(&mut self, others: &[Output], axis: Option<usize>) {
        let text = match axis {
            None => "'add'".to_owned(),
            Some(axis) => format!("{{ kind = 'concat', axis = {} }}", axis + 1),
        };
        let mut layer = read(&text).expect("a layer that merges");
        layer.from = others.iter().map(|&other| self.path(other)).collect();
        let mut shape = self.shape(self.last()).to_vec();
        if let Some(axis) = axis {
            shape[axis] += others.iter().map(|&other| self.shape(other)[axis]).sum::<usize>();
        }
        self.add(layer, (shape, false));
    }

    /// A layer whose output has the shape of its input.
    fn same_shape(&mut self, shape: &[usize]) -> String {
        let channels = *shape.last().expect("a shape has an axis");
        let size = 1 + self.below(3);
        let mut choices = vec![
            "{ kind = 'dropout', rate = 0.3 }".to_owned(),
            "{ kind = 'dropout', rate = 0.2, scaling = 'at_evaluation' }".to_owned(),
            "{ kind = 'leaky_relu', slope = 0.2 }".to_owned(),
        ];
        let groups = (1..=channels).filter(|groups| channels.is_multiple_of(*groups));
        let groups: Vec<_> = groups
            .filter(|groups| shape.len() > 1 || channels / groups >= FEWEST_FEATURES)
            .collect();
        if !groups.is_empty() {
            let groups = self.choose(&groups);
            choices.push(format!("{{ kind = 'group_norm', groups = {groups} }}"));
        }
        match shape.len() {
            1 => choices.extend([
                format!("{{ kind = 'linear', units = {channels} }}"),
                format!("{{ kind = 'linear', units = {channels}, bias = false }}"),
            ]),
            3 => choices.extend([
                format!(
                    "{{ kind = 'conv2d', filters = {channels}, kernel = {size}, padding = 'same', bias = false }}"
                ),
                format!("{{ kind = 'conv2d', filters = {channels}, kernel = [1, 3], padding = [0, 0, 2, 0] }}"),
                format!("{{ kind = 'depthwise_conv2d', kernel = [{size}, 2], padding = 'same' }}"),
                format!("{{ kind = 'depthwise_conv2d', kernel = {size}, padding = 'same', bias = false }}"),
                "{ kind = 'max_pool2d', size = 3, stride = 1, padding = 1 }".to_owned(),
                "{ kind = 'avg_pool2d', size = [2, 3], stride = 1, padding = 'same' }".to_owned(),
                "{ kind = 'layer_norm', axes = 3 }".to_owned(),
            ]),
            _ => choices.push("{ kind = 'layer_norm', axes = 2, offset = false }".to_owned()),
        }
        if self.one_in(2) {
            self.next_choice += 1;
            return choices.swap_remove(self.next_choice % choices.len());
        }
        let is_wide = channels >= FEWEST_FEATURES;
        loop {
            self.next_simple += 1;
            let name = self.simple[self.next_simple % self.simple.len()];
            if is_wide || !["layer_norm", "softmax"].contains(&name) {
                return format!("'{name}'");
            }
        }
    }

    /// A layer that changes at most the last axis.
    fn other_channels(&mut self, shape: &[usize]) -> String {
        let (channels, size) = (3 + self.below(4), 1 + self.below(3));
        match shape.len() {
            1 => format!("{{ kind = 'linear', units = {channels} }}"),
            3 if shape[2] < 3 && self.one_in(2) => {
                format!(
                    "{{ kind = 'depthwise_conv2d', kernel = {size}, multiplier = 2, padding = 'same' }}"
                )
            }
            3 => {
                format!(
                    "{{ kind = 'conv2d', filters = {channels}, kernel = {size}, padding = 'same' }}"
                )
            }
            _ => self.same_shape(shape),
        }
    }

    /// One to three layers that keep the shape, behind an output; the first of them takes that output.
    fn chain(&mut self, from: Output) {
        let shape = self.shape(from).to_vec();
        for number in 0..1 + self.below(3) {
            let layer = self.same_shape(&shape);
            self.push_from(&layer, if number == 0 { from } else { self.last() });
        }
    }

    fn sequence(&mut self) {
        let shape = self.shape(self.last()).to_vec();
        let layer = self.other_channels(&shape);
        self.push(&layer);
        self.chain(self.last());
    }

    /// A sum of an output and of what some layers make of it, perhaps with others of the same shape.
    fn residual_block(&mut self) {
        let start = self.last();
        self.chain(start);
        let shape = self.shape(start).to_vec();
        let mut others = vec![start];
        let inputs = if self.has_words() { None } else { Some(None) };
        let earlier = inputs.into_iter().chain((0..self.layers.len()).map(Some));
        let fitting: Vec<Output> = earlier.filter(|&output| self.shape(output) == shape).collect();
        for _ in 0..self.below(3) {
            others.push(self.choose(&fitting));
        }
        self.merge(&others, None);
    }

    /// Two or three branches from one output, which are added or put side by side.
    fn branches(&mut self) {
        let start = self.last();
        let shape = self.shape(start).to_vec();
        let mut ends = Vec::new();
        let has_other_channels = self.one_in(2);
        for _ in 0..2 + self.below(2) {
            if has_other_channels {
                let layer = self.other_channels(&shape);
                self.push_from(&layer, start);
                self.chain(self.last());
            } else {
                self.chain(start);
            }
            ends.push(self.last());
        }
        ends.pop();
        if self.one_in(2) {
            ends.push(start);
        }
        let last_shape = self.shape(self.last());
        let is_one_shape = ends.iter().all(|&end| self.shape(end) == last_shape);
        let last_axis = Some(shape.len() - 1);
        let axes = if is_one_shape { vec![None, Some(0), last_axis] } else { vec![last_axis] };
        let axis = self.choose(&axes);
        self.merge(&ends, axis);
        self.limit_size();
    }

    fn merge_with_itself(&mut self) {
        if self.layers.is_empty() {
            self.sequence();
        }
        let last = self.last();
        let others = vec![last; 1 + self.below(2)];
        let axis = if self.one_in(2) { None } else { Some(self.shape(last).len() - 1) };
        self.merge(&others, axis);
        self.limit_size();
    }

    /// Half the height and width, by a convolution and by a pool side by side.
    fn reduction(&mut self) {
        let start = self.last();
        let &[height, width, _] = self.shape(start) else { return self.sequence() };
        if height.min(width) < 3 {
            return self.sequence();
        }
        let filters = 2 + self.below(3);
        let kernel = 2 + self.below(2);
        self.push(&format!(
            "{{ kind = 'conv2d', filters = {filters}, kernel = {kernel}, stride = 2, padding = 'same' }}"
        ));
        let convolved = self.last();
        let pool = self.choose(&["max_pool2d", "avg_pool2d"]);
        self.push_from(&format!("{{ kind = '{pool}', size = 2, padding = 'same' }}"), start);
        self.merge(&[convolved], Some(2));
        self.limit_size();
    }

    /// Fewer elements if there are too many.
    fn limit_size(&mut self) {
        let shape = self.shape(self.last()).to_vec();
        if shape.iter().product::<usize>() <= MOST_ELEMENTS {
            return;
        }
        match shape.len() {
            1 => self.push("{ kind = 'linear', units = 6 }"),
            3 => self.push("{ kind = 'conv2d', filters = 4, kernel = 2, stride = 2 }"),
            _ => self.push("'flatten'"),
        }
        self.limit_size();
    }

    fn finish(mut self) -> Network {
        match self.shape(self.last()).len() {
            1 => {}
            3 if self.one_in(2) => self.push("'global_avg_pool2d'"),
            _ => self.push("'flatten'"),
        }
        let head = format!("{{ kind = 'linear', units = {CLASSES} }}");
        self.push(&head);
        if !self.has_words() && self.one_in(2) {
            // A branch of its own from the input.
            let main = self.last();
            if self.input.len() > 1 {
                self.push_from("'flatten'", None);
                self.push(&head);
            } else {
                self.push_from(&head, None);
            }
            self.merge(&[main], None);
        }
        let last = self.outputs.iter().rposition(|(_, has_parameters)| *has_parameters);
        for i in 0..last.expect("the head has parameters") {
            self.layers[i].freeze = self.outputs[i].1 && self.one_in(2);
        }
        Network { layers: self.layers, ..parse(&self.input, "") }
    }
}

/// A layer as in an experiment file.
fn read(text: &str) -> Result<Layer, toml::de::Error> {
    #[derive(Deserialize)]
    struct File {
        layer: Layer,
    }
    toml::from_str::<File>(&format!("layer = {text}")).map(|file| file.layer)
}
