//! The source of a forward pass under construction.

use std::collections::HashMap;

use graph::{NodeId, Shape, Tensor};
use nn::TrainedGraph;

use crate::buffers::Buffers;
use crate::runtime::Functions;
use crate::weights::{LINE, WeightFormat, Weights, WholeNumbers};

/// A forward pass under construction, and what it is made from.
pub(crate) struct SourceWriter<'a> {
    trained: TrainedGraph<'a>,
    format: WeightFormat,
    buffers: Buffers,
    /// The arrays of the values that are written; none of the input.
    places: HashMap<NodeId, Option<usize>>,
    functions: Functions,
    pub(crate) weights: Weights,
    /// What became of the weights that are stored as whole numbers.
    rounded: HashMap<NodeId, Vec<f32>>,
    /// Numbers of the arrays within the largest function.
    function_numbers: usize,
    lines: Vec<String>,
    /// The layer of the last line.
    scope: String,
}

/// A matrix of weights: the constant, and that of the scales of its outputs if it has whole numbers.
pub(crate) struct StoredWeight {
    pub(crate) path: String,
    pub(crate) scale: Option<String>,
}

impl<'a> SourceWriter<'a> {
    pub(crate) fn new(trained: TrainedGraph<'a>, format: WeightFormat) -> Self {
        let places = HashMap::from([(trained.model().input, None)]);
        Self {
            trained,
            format,
            buffers: Buffers::default(),
            places,
            functions: Functions::default(),
            weights: Weights::default(),
            rounded: HashMap::new(),
            function_numbers: 0,
            lines: Vec::new(),
            scope: String::new(),
        }
    }

    pub(crate) fn trained(&self) -> &TrainedGraph<'a> {
        &self.trained
    }

    /// The shape of a value.
    pub(crate) fn shape(&self, id: NodeId) -> &Shape {
        self.trained.model().graph.shape(id)
    }

    /// The value of a node that no sample changes.
    pub(crate) fn constant(&self, id: NodeId) -> Option<&Tensor<f32>> {
        self.trained.constant(id)
    }

    /// The value of an operand that no sample changes.
    ///
    /// # Errors
    ///
    /// If samples change it.
    pub(crate) fn known(&self, id: NodeId) -> Result<&Tensor<f32>, String> {
        self.constant(id).ok_or_else(|| format!("{} depends on the sample", self.trained.label(id)))
    }

    /// An operand as a slice of numbers; one that no sample changes is loaded first.
    pub(crate) fn operand(&mut self, id: NodeId) -> String {
        let len = self.shape(id).len();
        match self.places.get(&id) {
            Some(Some(number)) => format!("&{}", slice(*number, len)),
            Some(None) => "features".to_owned(),
            None => {
                let value = self.trained.constant(id).expect("operands come before");
                let stored = self.weights.store(&self.trained.label(id), value.values(), &[]);
                let y = self.result(id);
                self.call("load", &[stored, y]);
                self.operand(id)
            }
        }
    }

    /// A new array for the result of a node; after its operands.
    pub(crate) fn result(&mut self, id: NodeId) -> String {
        let len = self.shape(id).len();
        let number = self.take(id, len);
        format!("&mut {}", slice(number, len))
    }

    fn take(&mut self, id: NodeId, len: usize) -> usize {
        let number = self.buffers.take(len);
        self.set_place(id, number);
        number
    }

    fn set_place(&mut self, id: NodeId, number: usize) {
        self.buffers.add_reads(number, self.trained.n_readers(id));
        self.places.insert(id, Some(number));
    }

    /// An array for the result of a node that holds the operand already: that of the operand if nothing else reads it.
    pub(crate) fn in_place(&mut self, id: NodeId, operand: NodeId) -> String {
        let from = self.operand(operand);
        let len = self.shape(id).len();
        if let Some(number) = self.places[&operand]
            && self.buffers.is_last_read(number)
        {
            self.set_place(id, number);
            return format!("&mut {}", slice(number, len));
        }
        let number = self.take(id, len);
        let to = slice(number, len);
        self.line(format!("{to}.copy_from_slice({from});"));
        format!("&mut {to}")
    }

    /// The result of a node is its operand.
    pub(crate) fn alias(&mut self, id: NodeId, operand: NodeId) {
        self.operand(operand);
        match self.places[&operand] {
            Some(number) => self.set_place(id, number),
            None => drop(self.places.insert(id, None)),
        }
    }

    /// After a node is written, its operands have been read.
    pub(crate) fn end_reads(&mut self, operands: &[NodeId]) {
        for operand in operands {
            if let Some(&Some(number)) = self.places.get(operand) {
                self.buffers.end_read(number);
            }
        }
    }

    /// A number array for intermediate values of a node, which is free again at once.
    pub(crate) fn scratch(&mut self, len: usize) -> [String; 2] {
        let number = self.buffers.take(len);
        let slice = slice(number, len);
        [format!("&mut {slice}"), format!("&{slice}")]
    }

    /// The path of a function, perhaps with its sizes, or of a type; the crate gets it.
    pub(crate) fn function(&mut self, name: &str) -> String {
        self.functions.add(name.split("::").next().unwrap_or(name));
        format!("ops::{name}")
    }

    /// A function has arrays of so many numbers.
    pub(crate) fn use_stack(&mut self, n_numbers: usize) {
        self.function_numbers = self.function_numbers.max(n_numbers);
    }

    /// Calls a function.
    pub(crate) fn call(&mut self, name: &str, arguments: &[String]) {
        let function = self.function(name);
        let one_line = format!("{function}({});", arguments.join(", "));
        if one_line.len() + 4 <= LINE {
            return self.line(one_line);
        }
        self.line(format!("{function}("));
        arguments.iter().for_each(|argument| self.line(format!("    {argument},")));
        self.line(");".to_owned());
    }

    /// Stores a weight of a node as the format says: a slice of arrays of the sizes `inner`. Its last axes have `outputs`
    /// indices, behind which zeros are stored, so that there are `stored`.
    ///
    /// # Panics
    ///
    /// If samples change it.
    pub(crate) fn weight(
        &mut self,
        id: NodeId,
        inner: &[usize],
        [stored, outputs]: [usize; 2],
    ) -> StoredWeight {
        let values = self.trained.constant(id).expect("its shape was asked for").values();
        let label = self.trained.label(id);
        match self.format {
            WeightFormat::Float32 => {
                let values = with_zeros(values, [stored, outputs]);
                StoredWeight { path: self.weights.store(&label, &values, inner), scale: None }
            }
            WeightFormat::Int8 => {
                let whole = WholeNumbers::new(values, outputs);
                let numbers = with_zeros(&whole.numbers, [stored, outputs]);
                let path = self.weights.store_whole(&label, &numbers, inner);
                let scale = self.weights.store(&format!("{label}.scale"), &whole.scales, &[]);
                self.rounded.insert(id, whole.values());
                StoredWeight { path, scale: Some(scale) }
            }
        }
    }

    /// Multiplies a result by the scales of its outputs, if its weight has some.
    pub(crate) fn scale(&mut self, y: String, weight: StoredWeight) {
        if let Some(scale) = weight.scale {
            self.call("combine_weight", &[y, scale, "|y, scale| y * scale".to_owned()]);
        }
    }

    /// A comment with the name of the layer, where another one begins.
    pub(crate) fn begin(&mut self, id: NodeId) {
        let scope = self.trained.model().graph.scope(id);
        if scope != self.scope {
            scope.clone_into(&mut self.scope);
            self.line(format!("// {}", scope.replace(char::is_control, " ")));
        }
    }

    fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    /// The pass, which ends with the array of the outputs.
    pub(crate) fn finish(mut self) -> PassSource {
        let model = self.trained.model();
        let outputs = self.operand(model.prediction);
        self.line("let mut outputs = [0.0; OUTPUTS];".to_owned());
        self.line(format!("outputs.copy_from_slice({outputs});"));
        self.line("outputs".to_owned());
        let (mut body, mut n_numbers) = (String::new(), self.function_numbers);
        for (number, len) in self.buffers.lens().enumerate() {
            body += &format!("    let mut buffer_{number} = [0.0; {len}];\n");
            n_numbers += len;
            // A whole array needs no range.
            let (whole, range) = (format!("buffer_{number}"), slice(number, len));
            self.lines.iter_mut().for_each(|line| *line = line.replace(&range, &whole));
        }
        self.lines.iter().for_each(|line| body += &format!("    {line}\n"));
        PassSource {
            multiply_adds: model.multiply_adds(),
            body,
            buffer_bytes: 4 * n_numbers,
            inputs: self.shape(model.input).len(),
            outputs: self.shape(model.prediction).len(),
            functions: self.functions,
            weights: self.weights,
            rounded: self.rounded,
        }
    }
}

/// The array of a value, from its first number to its last.
fn slice(number: usize, len: usize) -> String {
    format!("buffer_{number}[..{len}]")
}

/// Rows of `outputs` numbers, and zeros behind each, so that they are `stored`.
fn with_zeros<T: Copy + Default>(values: &[T], [stored, outputs]: [usize; 2]) -> Vec<T> {
    let zeros = || std::iter::repeat_n(T::default(), stored - outputs);
    values.chunks_exact(outputs).flat_map(|row| row.iter().copied().chain(zeros())).collect()
}

/// A forward pass as Rust source.
#[derive(Debug)]
pub(crate) struct PassSource {
    /// The statements, from `features` to the array of the outputs.
    pub(crate) body: String,
    /// The bytes of its arrays on the stack.
    pub(crate) buffer_bytes: usize,
    /// Numbers of a sample.
    pub(crate) inputs: usize,
    /// Numbers of a prediction.
    pub(crate) outputs: usize,
    pub(crate) multiply_adds: u64,
    /// What it calls.
    pub(crate) functions: Functions,
    pub(crate) weights: Weights,
    /// What became of the weights that are stored as whole numbers.
    pub(crate) rounded: HashMap<NodeId, Vec<f32>>,
}
