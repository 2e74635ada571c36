//! A network run forward and backward on a batch, whose numbers can be explained.

use std::fmt;

use graph::elements::{ElementId, Elements, GradientTerm, LocalTerm};
use graph::op::Linearity;
use graph::{Compile, CompileError, Float, Graph, MemoryLimit, NodeId, Program, RunArgs};
use nn::Model;
use nn::losses::Prediction;

use super::explanation::{Explanation, ExplanationTerm, FormulaText, Relation, rest_of};
use super::formula_text::{NameNumbers, with_numbers};
use super::name::{ElementName, ElementQuantity};
use super::paths::{ElementError, NodePaths, resolve};
use crate::six_digits;

/// Bytes that a pass may take: pages ask for those of models that others made.
const MEMORY_LIMIT: usize = 4 << 30;
/// Terms of a sum, and elements of a vector, that a formula shows.
const SHOWN: usize = 4;
/// Terms of a sum in which products are opened: a layer adds a bias, and no more than a few values.
const MOST_OPENED: usize = 8;

/// A network run forward and backward on a batch, with all values and gradients kept.
///
/// Beside the nodes of the model there are the probabilities, if its prediction has any.
///
/// ```
/// use gradus_explain::element::{ElementName, ExplainedPass, Relation};
/// use graph::{RunArgs, Shape, Tensor, Tensors};
/// use nn::{Mode, Network, Objective};
///
/// let network: Network = toml::from_str("input = [2]\nlayers = [{ kind = 'linear', units = 3 }]")?;
/// let objective = Objective::default();
/// let model = network.model::<f32>(Mode::Evaluate, &objective, 3, Shape::batch([]))?;
/// let [sample, label] = [Tensor::new([1, 2], [1.0, -2.0]), Tensor::new([1], [2.0])];
/// let parameters = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.0, 0.0, 0.5];
/// let run = RunArgs { parameters, inputs: &Tensors(&[&sample, &label]), ..RunArgs::default() };
/// let pass = ExplainedPass::new(&model, objective.loss.prediction(), 1, &run)?;
///
/// let found = pass.explain(&"logits[2]".parse()?, 10, 0)?;
/// assert_eq!((found.of.to_string().as_str(), found.relation), ("1.linear[2]", Relation::SumOfProducts));
/// // -2 · 0.6, 0.5 and 1 · 0.3.
/// let products: Vec<f32> = found.terms.iter().map(|term| term.product as f32).collect();
/// assert_eq!(products, [-1.2, 0.5, 0.3]);
/// assert_eq!(found.terms[0].factor, Some(ElementName::value("1.linear.weight", [1, 2])));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ExplainedPass<T> {
    program: Program<T>,
    parameters: Vec<T>,
    seed: u64,
    step: u64,
    loss: NodeId,
    paths: NodePaths,
}

/// A node that can be explained.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct PassNode {
    /// Its path.
    pub path: String,
    /// The layer it belongs to; empty for the loss and what is passed in.
    pub layer: String,
    /// Its op; `input`, `parameter` or `constant` for one that is given.
    pub op: String,
    /// Its shape, without the batch.
    pub shape: Vec<usize>,
    /// Whether each sample has a value of its own.
    pub is_batched: bool,
}

/// What each sample adds to a gradient.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientShares {
    /// For each sample of the batch.
    pub of_samples: Vec<f64>,
    /// What does not come by one sample: the penalty on large weights.
    pub of_all: f64,
}

impl<T: Float> ExplainedPass<T> {
    /// Runs `model` forward and backward on `batch` samples with these arguments; `prediction` is what its loss
    /// makes of the prediction.
    ///
    /// # Errors
    ///
    /// If the values take more than 4 GiB.
    ///
    /// # Panics
    ///
    /// As [`Program::run`].
    pub fn new(
        model: &Model<T>,
        prediction: Prediction,
        batch: usize,
        run: &RunArgs<'_, T>,
    ) -> Result<Self, CompileError> {
        let mut graph = model.graph.clone();
        graph.begin_scope("probabilities");
        let probabilities = match prediction {
            Prediction::Logits => Some(graph.softmax(model.prediction)?),
            Prediction::SeparateLogits => Some(graph.sigmoid(model.prediction)),
            Prediction::Probabilities | Prediction::Scores => None,
        };
        let paths = NodePaths::new(model, &graph, (prediction, probabilities));
        let memory = MemoryLimit { bytes: MEMORY_LIMIT, ..MemoryLimit::default() };
        let loss = model.loss;
        let options =
            Compile { batch, loss: Some(loss), keep_all: true, memory, ..Compile::default() };
        let mut program = Program::new(graph, &options)?;
        program.run(run);
        let (parameters, seed, step) = (run.parameters.to_vec(), run.seed, run.step);
        Ok(Self { program, parameters, seed, step, loss, paths })
    }

    /// Samples of the batch.
    pub fn batch(&self) -> usize {
        self.program.batch()
    }

    /// All nodes, operands before those that read them.
    pub fn nodes(&self) -> impl Iterator<Item = PassNode> {
        let graph = self.graph();
        graph.nodes().map(|(id, node)| PassNode {
            path: self.paths.of(id).to_owned(),
            layer: if node.leaf().is_some() { "" } else { graph.scope(id) }.to_owned(),
            op: node.op_name().to_owned(),
            shape: node.shape().dims().to_vec(),
            is_batched: node.shape().is_batched(),
        })
    }

    fn graph(&self) -> &Graph<T> {
        self.program.graph()
    }

    fn elements(&self) -> Elements<'_, T> {
        let (parameters, seed, step) = (&self.parameters[..], self.seed, self.step);
        Elements::new(&self.program, RunArgs { parameters, seed, step, ..RunArgs::default() })
    }

    /// The element that a name means; of `sample`, if the name says nothing else.
    ///
    /// # Errors
    ///
    /// If there is no such element.
    pub fn find(&self, name: &ElementName, sample: usize) -> Result<ElementId, ElementError> {
        resolve(&self.paths, self.graph(), name, (sample, self.batch()))
    }

    /// The value or the gradient of an element.
    ///
    /// # Errors
    ///
    /// If there is no such element, or it has no gradient.
    pub fn number(&self, name: &ElementName, sample: usize) -> Result<f64, ElementError> {
        let of = self.find(name, sample)?;
        match name.quantity {
            ElementQuantity::Value => Ok(self.elements().value(of).to_f64()),
            ElementQuantity::Gradient => self.gradient(of),
        }
    }

    /// Explains an element, with at most `terms` terms; of `sample`, if the name says nothing else.
    ///
    /// # Errors
    ///
    /// If there is no such element, or it has no gradient.
    pub fn explain(
        &self,
        name: &ElementName,
        terms: usize,
        sample: usize,
    ) -> Result<Explanation, ElementError> {
        let of = self.find(name, sample)?;
        match name.quantity {
            ElementQuantity::Value => Ok(self.explain_value(of, terms)),
            ElementQuantity::Gradient => self.explain_gradient(of, terms),
        }
    }

    /// What each sample of the batch adds to the gradient of an element that they share, such as a weight.
    ///
    /// # Errors
    ///
    /// If there is no such element, or it has no gradient.
    pub fn gradient_shares(&self, name: &ElementName) -> Result<GradientShares, ElementError> {
        let of = self.find(name, 0)?;
        self.gradient(of)?;
        let (mut of_samples, mut of_all) = (vec![0.0; self.batch()], 0.0);
        for term in self.terms_of_samples(of) {
            match self.sample_of(&term) {
                Some(sample) => of_samples[sample] += product(&term),
                None => of_all += product(&term),
            }
        }
        Ok(GradientShares { of_samples, of_all })
    }

    /// Explains what one sample of the batch adds to the gradient of an element that they share, with at most `terms`
    /// terms. The gradient of all is beside it.
    ///
    /// # Errors
    ///
    /// If there is no such element, or it has no gradient.
    ///
    /// # Panics
    ///
    /// If the batch has no such sample.
    pub fn explain_share(
        &self,
        name: &ElementName,
        terms: usize,
        sample: usize,
    ) -> Result<Explanation, ElementError> {
        assert!(sample < self.batch(), "sample {sample} of a batch of {}", self.batch());
        let of = self.find(name, sample)?;
        let of_all = self.gradient(of)?;
        let mut local = self.terms_of_samples(of);
        local.retain(|term| self.sample_of(term) == Some(sample));
        let value = sum_of(&local);
        let explanation = self.explain_terms(of, value, local, terms);
        Ok(Explanation { relation: Relation::GradientShare, gradient: Some(of_all), ..explanation })
    }

    /// The terms of the gradient of an element, with those of the samples in place of a value that is made of it for all of
    /// them, such as the factor that batch normalisation makes of its scale.
    fn terms_of_samples(&self, of: ElementId) -> Vec<GradientTerm<T>> {
        let terms = self.elements().gradient_terms(of).into_iter();
        let opened = terms.flat_map(|term| {
            let is_made_of_it = self.sample_of(&term).is_none() && term.readers == 1;
            let mut behind =
                if is_made_of_it { self.terms_of_samples(term.reader) } else { Vec::new() };
            if behind.iter().all(|term| self.sample_of(term).is_none()) {
                return vec![term];
            }
            behind.iter_mut().for_each(|inner| inner.derivative *= term.derivative);
            behind
        });
        opened.collect()
    }

    /// The sample by which a term comes; none for one of all, such as that of the penalty.
    fn sample_of(&self, term: &GradientTerm<T>) -> Option<usize> {
        self.graph().shape(term.reader.node).is_batched().then_some(term.reader.sample)
    }

    fn gradient(&self, of: ElementId) -> Result<f64, ElementError> {
        let gradient = self.elements().gradient(of).map(Float::to_f64);
        gradient.ok_or_else(|| {
            let is_frozen = self.graph().node(of.node).is_frozen();
            let path = self.paths.of(of.node).to_owned();
            let reason = match is_frozen {
                true => "it is frozen",
                false => "the loss does not depend on it",
            };
            ElementError::NoGradient { path, reason }
        })
    }

    fn name(&self, of: ElementId) -> ElementName {
        self.paths.name(self.graph(), of, self.batch())
    }

    fn given(&self, of: ElementId, value: f64) -> Explanation {
        let node = self.graph().node(of.node);
        Explanation {
            of: self.name(of),
            quantity: ElementQuantity::Value,
            op: node.op_name().to_owned(),
            shape: node.shape().dims().to_vec(),
            value,
            relation: Relation::Given,
            formula: None,
            terms: Vec::new(),
            rest: None,
            sum: None,
            gradient: self.gradient(of).ok(),
        }
    }

    fn explain_value(&self, of: ElementId, n: usize) -> Explanation {
        let elements = self.elements();
        let explanation = self.given(of, elements.value(of).to_f64());
        let node = self.graph().node(of.node);
        let Some(op) = node.op() else { return explanation };
        let mut local = elements.terms(of);
        let (relation, formula) = if op.linearity() == Linearity::Nonlinear {
            match elements.formula(of) {
                None => (Relation::Unstated, None),
                Some(formula) => {
                    let numbers = |name: &str| self.numbers(&formula, name, of);
                    let numbers = with_numbers(&formula.text, numbers, n.max(SHOWN));
                    (Relation::Formula, Some(FormulaText { symbols: formula.text.into(), numbers }))
                }
            }
        } else {
            local = self.opened(of.node, local);
            let symbols = self.symbols(&local);
            let has_products = local.iter().any(|term| term.factor.is_some());
            let relation = if has_products { Relation::SumOfProducts } else { Relation::Sum };
            (relation, Some(FormulaText { symbols, numbers: String::new() }))
        };
        let is_sum = matches!(relation, Relation::Sum | Relation::SumOfProducts);
        let product = |term: &LocalTerm<T>| term.value.to_f64() * term.derivative.to_f64();
        let sum = is_sum.then(|| local.iter().map(product).sum());
        let rest = rest_of(&mut local, n, product);
        let terms: Vec<ExplanationTerm> = local.iter().map(|term| self.value_term(term)).collect();
        let formula = formula.map(|formula| match is_sum {
            true => FormulaText { numbers: numbers_of(&terms, rest.is_some()), ..formula },
            false => formula,
        });
        Explanation { relation, formula, terms, rest, sum, ..explanation }
    }

    /// The terms of a sum, with those of a product in it that nothing else reads in place of that: a layer is one sum.
    fn opened(&self, node: NodeId, terms: Vec<LocalTerm<T>>) -> Vec<LocalTerm<T>> {
        let graph = self.graph();
        let is_inner = |term: &LocalTerm<T>| {
            let id = term.element.node;
            let op = graph.node(id).op();
            let is_product = op.is_some_and(|op| op.linearity() == Linearity::Bilinear);
            let n_readers = graph.nodes().flat_map(|(_, node)| node.operands());
            let n_readers = n_readers.filter(|operand| **operand == id).count();
            let has_scope = graph.scope(id) == graph.scope(node);
            is_product && has_scope && n_readers == 1 && term.derivative == T::ONE
        };
        if terms.len() > MOST_OPENED {
            return terms;
        }
        let elements = self.elements();
        let open = |term: LocalTerm<T>| match is_inner(&term) {
            true => elements.terms(term.element),
            false => vec![term],
        };
        terms.into_iter().flat_map(open).collect()
    }

    /// A sum in the paths of its terms: `Σ 7.flatten · 8.linear.weight + 8.linear.bias`.
    fn symbols(&self, terms: &[LocalTerm<T>]) -> String {
        let mut parts: Vec<(String, usize)> = Vec::new();
        for term in terms {
            let path = self.paths.of(term.element.node);
            let part = match term.factor {
                Some(factor) => format!("{path} · {}", self.paths.of(factor.node)),
                None if term.derivative == T::ONE => path.to_owned(),
                None if term.derivative == -T::ONE => format!("(-{path})"),
                None => format!("factor · {path}"),
            };
            match parts.iter_mut().find(|(other, _)| *other == part) {
                Some((_, count)) => *count += 1,
                None => parts.push((part, 1)),
            }
        }
        let parts = parts.into_iter();
        let parts = parts.map(|(part, n)| if n > 1 { format!("Σ {part}") } else { part });
        let text = parts.collect::<Vec<_>>().join(" + ");
        if text.is_empty() { "0".to_owned() } else { text }
    }

    fn value_term(&self, term: &LocalTerm<T>) -> ExplanationTerm {
        let (value, derivative) = (term.value.to_f64(), term.derivative.to_f64());
        ExplanationTerm {
            name: term.name.map(str::to_owned),
            element: self.name(term.element),
            value,
            derivative,
            factor: term.factor.map(|factor| self.name(factor)),
            product: value * derivative,
            elements: 1,
        }
    }

    /// The numbers that a name of a formula stands for.
    fn numbers(
        &self,
        formula: &graph::op::ElementFormula,
        name: &str,
        of: ElementId,
    ) -> Option<NameNumbers> {
        let names = formula.operands.iter().find(|names| names.name == name)?;
        let graph = self.graph();
        let node = graph.node(of.node).operands()[names.operand];
        let shape = graph.shape(node);
        let is_reduction = shape.is_batched() && !graph.shape(of.node).is_batched();
        let len = shape.len();
        let elements = self.elements();
        let number = |&at: &usize| {
            let (sample, index) = if is_reduction { (at / len, at % len) } else { (of.sample, at) };
            elements.value(ElementId { node, sample, index }).to_f64()
        };
        match (names.is_vector, &names.elements[..]) {
            (false, [element]) => Some(NameNumbers::One(number(element))),
            (_, all) => Some(NameNumbers::Vector(all.iter().map(number).collect())),
        }
    }

    fn explain_gradient(&self, of: ElementId, n: usize) -> Result<Explanation, ElementError> {
        let (value, local) = (self.gradient(of)?, self.elements().gradient_terms(of));
        let explanation = self.explain_terms(of, value, local, n);
        if of.node != self.loss {
            return Ok(explanation);
        }
        let formula = FormulaText { symbols: "∂loss/∂loss".into(), numbers: "1".into() };
        Ok(Explanation { formula: Some(formula), sum: Some(1.0), ..explanation })
    }

    /// A gradient, or a part of it, that is the sum of these terms.
    fn explain_terms(
        &self,
        of: ElementId,
        value: f64,
        mut local: Vec<GradientTerm<T>>,
        n: usize,
    ) -> Explanation {
        let elements = self.elements();
        let sum = sum_of(&local);
        let rest = rest_of(&mut local, n, product);
        let factors = elements.factors(of, &local);
        let terms = local.iter().zip(factors).map(|(term, factor)| {
            let (upstream, derivative) = (term.upstream.to_f64(), term.derivative.to_f64());
            ExplanationTerm {
                name: None,
                element: self.name(term.reader).gradient(),
                value: upstream,
                derivative,
                factor: factor.map(|factor| self.name(factor)),
                product: upstream * derivative,
                elements: term.readers,
            }
        });
        let terms: Vec<ExplanationTerm> = terms.collect();
        let formula = FormulaText {
            symbols: "Σ upstream · derivative".into(),
            numbers: numbers_of(&terms, rest.is_some()),
        };
        let of_value = self.given(of, value);
        Explanation {
            of: of_value.of.clone().gradient(),
            quantity: ElementQuantity::Gradient,
            relation: Relation::Gradient,
            formula: Some(formula),
            terms,
            rest,
            sum: Some(sum),
            gradient: None,
            ..of_value
        }
    }
}

impl<T> fmt::Debug for ExplainedPass<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a pass of {} parameters", self.parameters.len())
    }
}

fn product<T: Float>(term: &GradientTerm<T>) -> f64 {
    term.upstream.to_f64() * term.derivative.to_f64()
}

fn sum_of<T: Float>(terms: &[GradientTerm<T>]) -> f64 {
    // The sum of no terms would be -0.
    terms.iter().map(product).fold(0.0, |sum, product| sum + product)
}

/// The largest terms of a sum: `1.84 · 0.412 + 2.2 · (-0.247) + …`.
fn numbers_of(terms: &[ExplanationTerm], has_more: bool) -> String {
    let negative = |number: f64| {
        let text = six_digits(number);
        if text.starts_with('-') { format!("({text})") } else { text }
    };
    let term = |term: &ExplanationTerm| match term.derivative {
        1.0 if term.factor.is_none() => negative(term.value),
        derivative => format!("{} · {}", negative(term.value), negative(derivative)),
    };
    let mut shown: Vec<String> = terms.iter().take(SHOWN).map(term).collect();
    if has_more || terms.len() > SHOWN {
        shown.push("…".to_owned());
    }
    if shown.is_empty() { "0".to_owned() } else { shown.join(" + ") }
}
