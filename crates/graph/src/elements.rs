//! Single elements of a computed graph: what each is made of, and what its gradient is made of.
//!
//! Nothing is computed beside the run itself but single ops again, on one sample or one batch. The local derivatives of
//! one element are the backward pass of its op from a gradient of 1 for it and 0 for all others, so an op needs no code
//! of its own for this: only its [linearity](crate::op::Linearity) and, if it is not linear, its formula.

mod single_op;

use std::collections::HashMap;
use std::ops::Range;

use kernels::Float;

use self::single_op::SingleOp;
use crate::graph::{Leaf, NodeId};
use crate::op::{ElementFormula, Linearity, ResultElement};
use crate::program::{Program, RunArgs};

/// One element of a node's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ElementId {
    /// The node.
    pub node: NodeId,
    /// The sample in the batch; 0 for a node without batch axis.
    pub sample: usize,
    /// The index in the sample, or in the whole value without batch axis: row-major.
    pub index: usize,
}

/// What an element of a result owes to one element of an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalTerm<T> {
    /// The number of the operand.
    pub operand: usize,
    /// Its element.
    pub element: ElementId,
    /// The value of that.
    pub value: T,
    /// The derivative of the result with respect to it: in a product the other factor.
    pub derivative: T,
    /// The other factor of a product, an element of the second operand.
    pub factor: Option<ElementId>,
    /// Its name in the formula of the op, if that has names.
    pub name: Option<&'static str>,
}

/// What a gradient owes to one element that reads the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientTerm<T> {
    /// The first element that reads it.
    pub reader: ElementId,
    /// How many elements this stands for: more than 1 where the op is too large to take its elements one by one. These
    /// are all of the sample, or of the node if it has no batch axis.
    pub readers: usize,
    /// Which operand of the reader it is.
    pub operand: usize,
    /// The gradient of the reader; of several, the sum of all products.
    pub upstream: T,
    /// The derivative of the reader with respect to the value; of several, 1.
    pub derivative: T,
}

impl<T: Float> GradientTerm<T> {
    /// What it adds to the gradient.
    pub fn product(&self) -> T {
        self.upstream * self.derivative
    }
}

/// Numbers that may be read for one answer: beyond it the elements of an op are taken together.
const MOST_NUMBERS: usize = 1 << 23;

/// The numbers of a program that was compiled with [`Compile::keep_all`](crate::Compile::keep_all) and has run.
///
/// ```
/// use gradus_graph::elements::{ElementId, Elements};
/// use gradus_graph::{Compile, Graph, Program, RunArgs};
///
/// // Two scores, w · x.
/// let mut g = Graph::<f64>::new();
/// let (w, x) = (g.parameter("w", [1, 2]), g.parameter("x", [2, 1]));
/// let score = g.matmul(w, x)?;
/// let loss = g.sum_all(score)?;
/// let options = Compile { loss: Some(loss), keep_all: true, ..Compile::default() };
/// let mut program = Program::new(g, &options)?;
/// let run = RunArgs { parameters: &[0.5, -1.0, 4.0, 3.0], ..RunArgs::default() };
/// program.run(&run);
///
/// let elements = Elements::new(&program, run);
/// let terms = elements.terms(ElementId { node: score, sample: 0, index: 0 });
/// let products: Vec<_> = terms.iter().map(|term| (term.value, term.derivative)).collect();
/// assert_eq!(products, [(0.5, 4.0), (-1.0, 3.0)]);
/// # Ok::<(), gradus_graph::CompileError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Elements<'a, T> {
    program: &'a Program<T>,
    run: RunArgs<'a, T>,
}

impl<'a, T: Float> Elements<'a, T> {
    /// The numbers of the last run of `program`, which had these arguments.
    pub fn new(program: &'a Program<T>, run: RunArgs<'a, T>) -> Self {
        Self { program, run }
    }

    /// The value of an element.
    ///
    /// # Panics
    ///
    /// If there is no such element, or the values were not kept.
    pub fn value(&self, of: ElementId) -> T {
        match self.program.graph().node(of.node).leaf() {
            Some(Leaf::Parameter(range)) => self.run.parameters[range.clone()][of.index],
            _ => self.values(of.node, of.sample)[of.index],
        }
    }

    /// The gradient of the loss for an element; none if the loss does not depend on it, or nothing is trained by it.
    ///
    /// # Panics
    ///
    /// If there is no such element.
    pub fn gradient(&self, of: ElementId) -> Option<T> {
        let node = self.program.graph().node(of.node);
        match node.leaf() {
            Some(Leaf::Parameter(_)) if node.is_frozen() => None,
            Some(Leaf::Parameter(range)) => Some(self.program.gradients()[range.clone()][of.index]),
            _ => self.gradients(of.node, of.sample).map(|gradients| gradients[of.index]),
        }
    }

    /// The value of a node for one sample, or that all samples share.
    fn values(&self, id: NodeId, sample: usize) -> Vec<T> {
        match self.program.graph().node(id).leaf() {
            Some(Leaf::Parameter(range)) => self.run.parameters[range.clone()].to_vec(),
            Some(Leaf::Constant(value)) => value.values().to_vec(),
            _ => self.program.sample_value(id, sample).expect("compiled to keep every value"),
        }
    }

    /// The gradients of a node for one sample, or those of a shared value.
    fn gradients(&self, id: NodeId, sample: usize) -> Option<Vec<T>> {
        let is_frozen = self.program.graph().node(id).is_frozen();
        if is_frozen { None } else { self.program.sample_gradient(id, sample) }
    }

    /// What an element is made of; nothing for a leaf.
    ///
    /// The terms of a linear or bilinear op, value times derivative, add up to the element, up to rounding. Of a bilinear
    /// op each product is one term.
    pub fn terms(&self, of: ElementId) -> Vec<LocalTerm<T>> {
        let node = self.program.graph().node(of.node);
        let Some(op) = node.op() else { return Vec::new() };
        let single = SingleOp::new(self, of.node, self.samples_of(of));
        let upstream = single.one_hot(of);
        if op.linearity() == Linearity::Bilinear {
            return self.products(&single, &upstream);
        }
        let is_linear = op.linearity() == Linearity::Linear;
        let formula = if is_linear { None } else { self.formula(of) };
        let mut terms = Vec::new();
        for operand in 0..node.operands().len() {
            let derivatives = single.backward(operand, single.operands(), &upstream);
            let names = formula.iter().flat_map(|formula| &formula.operands);
            let mut named: Vec<(usize, &'static str)> = names
                .filter(|names| names.operand == operand)
                .flat_map(|names| names.elements.iter().map(|&element| (element, names.name)))
                .collect();
            // The first name of an element counts: `a`, of which `x` has all.
            named.sort_by_key(|&(element, _)| element);
            named.dedup_by_key(|&mut (element, _)| element);
            let values = single.elements(operand, &single.operands()[operand]);
            for (i, ((element, value), (_, derivative))) in
                values.into_iter().zip(single.elements(operand, &derivatives)).enumerate()
            {
                let name = named.binary_search_by_key(&i, |&(element, _)| element);
                let name = name.ok().map(|at| named[at].1);
                // A factor of 0 that stands alone is one, such as that of dropout.
                let stands_alone = op.in_place() && element.index == of.index;
                if derivative != T::ZERO || name.is_some() || stands_alone {
                    let factor = None;
                    terms.push(LocalTerm { operand, element, value, derivative, factor, name });
                }
            }
        }
        terms
    }

    /// The products of an element of a bilinear op. The backward pass to the first operand, with numbers that tell the
    /// elements of the second apart, gives for each element that takes part the one that it is multiplied with.
    fn products(&self, single: &SingleOp<'_, T>, upstream: &[T]) -> Vec<LocalTerm<T>> {
        let partners = single.numbered(1).into_iter();
        let partners = partners.map(|x| single.elements(0, &single.backward(0, &x, upstream)));
        let partners = single.indices(&partners.collect::<Vec<_>>());
        let values = single.elements(0, &single.operands()[0]).into_iter();
        let terms = values.zip(partners).filter_map(|((element, value), partner)| {
            let factor = single.element(1, partner?);
            let derivative = single.at(1, &single.operands()[1], factor);
            let factor = Some(factor);
            Some(LocalTerm { operand: 0, element, value, derivative, factor, name: None })
        });
        terms.collect()
    }

    /// The formula of an element, if its op states one.
    pub fn formula(&self, of: ElementId) -> Option<ElementFormula> {
        let node = self.program.graph().node(of.node);
        let shapes = self.program.operand_shapes(of.node);
        let batch = self.program.batch();
        let element = ResultElement { index: of.index, shapes, y_shape: node.shape(), batch };
        node.op()?.formula(element)
    }

    /// What the gradient of an element is made of: one term for each element that reads it.
    ///
    /// Their products add up to the gradient, up to rounding. There are none for the loss, and for what it does not
    /// depend on.
    pub fn gradient_terms(&self, of: ElementId) -> Vec<GradientTerm<T>> {
        let graph = self.program.graph();
        let readers = graph.nodes().flat_map(|(id, node)| {
            let operands = node.operands().iter().enumerate();
            operands.filter(|(_, operand)| **operand == of.node).map(move |(k, _)| (id, k))
        });
        let has_gradient = |id| self.program.sample_gradient(id, 0).is_some();
        let readers = readers.filter(|&(id, _)| has_gradient(id));
        readers.flat_map(|(reader, operand)| self.terms_of_reader(reader, operand, of)).collect()
    }

    /// The terms of one node that reads the element as its operand `k`.
    fn terms_of_reader(&self, reader: NodeId, k: usize, of: ElementId) -> Vec<GradientTerm<T>> {
        let graph = self.program.graph();
        let node = graph.node(reader);
        let op = node.op().expect("it reads");
        let reads_sample = graph.shape(of.node).is_batched() && node.shape().is_batched();
        let samples = if reads_sample { of.sample..of.sample + 1 } else { 0..self.program.batch() };
        let single = SingleOp::new(self, reader, samples.clone());
        if op.linearity() != Linearity::Nonlinear {
            let derivatives = single.forward(&single.unit_operands(k, of));
            let derivatives = single.results(&derivatives).into_iter();
            let derivatives = derivatives.filter(|&(_, derivative)| derivative != T::ZERO);
            let mut of_sample = (usize::MAX, Vec::new());
            let terms = derivatives.map(|(reader, derivative)| {
                if of_sample.0 != reader.sample {
                    let gradients = self.gradients(reader.node, reader.sample);
                    of_sample = (reader.sample, gradients.expect("a reader with a gradient"));
                }
                let upstream = of_sample.1[reader.index];
                GradientTerm { reader, readers: 1, operand: k, upstream, derivative }
            });
            return terms.collect();
        }
        if node.shape().is_batched() && !reads_sample {
            let each = samples.map(|sample| self.all_together(reader, k, of, sample..sample + 1));
            return each.collect();
        }
        match self.readers(&single, k, of) {
            None => vec![self.all_together(reader, k, of, samples)],
            Some(elements) => {
                let (x, gradients) = (single.operands(), self.gradients(reader, of.sample));
                let gradients = gradients.expect("a reader with a gradient");
                let terms = elements.into_iter().map(|index| {
                    let sample = if node.shape().is_batched() { of.sample } else { 0 };
                    let reader = ElementId { node: reader, sample, index };
                    let derivatives = single.backward(k, x, &single.one_hot(reader));
                    let derivative = single.at(k, &derivatives, of);
                    let upstream = gradients[index];
                    GradientTerm { reader, readers: 1, operand: k, upstream, derivative }
                });
                terms.filter(|term| term.derivative != T::ZERO).collect()
            }
        }
    }

    /// The elements of a nonlinear op's result that read `of` as operand `k`; none if that would take too long.
    fn readers(&self, single: &SingleOp<'_, T>, k: usize, of: ElementId) -> Option<Vec<usize>> {
        let (node, len) = (single.node(), single.result_len());
        let formula = |index| self.formula(ElementId { node, sample: 0, index });
        let in_all = |formula: &ElementFormula| {
            formula.operands.iter().map(|operand| operand.elements.len()).sum::<usize>()
        };
        let at = single.formula_index(k, of);
        let elements: Vec<usize> = match (len > 0).then(|| formula(0)).flatten() {
            None => (0..len).collect(),
            Some(first) if in_all(&first).saturating_mul(len) > MOST_NUMBERS => return None,
            Some(_) => {
                let reads = |index: &usize| {
                    formula(*index).is_some_and(|formula| {
                        let mut of_operand =
                            formula.operands.iter().filter(|each| each.operand == k);
                        of_operand.any(|each| each.elements.contains(&at))
                    })
                };
                (0..len).filter(reads).collect()
            }
        };
        let cost = elements.len().saturating_mul(single.len());
        (cost <= MOST_NUMBERS).then_some(elements)
    }

    /// All elements of a reader for these samples as one term.
    fn all_together(
        &self,
        reader: NodeId,
        k: usize,
        of: ElementId,
        samples: Range<usize>,
    ) -> GradientTerm<T> {
        let sample = samples.start;
        let single = SingleOp::new(self, reader, samples);
        let upstream = single
            .upstream(|sample| self.gradients(reader, sample).expect("a reader with a gradient"));
        let gradients = single.backward(k, single.operands(), &upstream);
        let (upstream, derivative) = (single.at(k, &gradients, of), T::ONE);
        let readers = single.result_len();
        let reader = ElementId { node: reader, sample, index: 0 };
        GradientTerm { reader, readers, operand: k, upstream, derivative }
    }

    /// The element that `of` is multiplied with in the reader of each term of its gradient, where that is a product.
    pub fn factors(&self, of: ElementId, terms: &[GradientTerm<T>]) -> Vec<Option<ElementId>> {
        // All elements of one reader take two passes.
        let mut partners: HashMap<(NodeId, usize, usize), Vec<Option<usize>>> = HashMap::new();
        let factor = |term: &GradientTerm<T>| {
            let GradientTerm { reader, operand: k, .. } = *term;
            let node = self.program.graph().node(reader.node);
            if node.op()?.linearity() != Linearity::Bilinear {
                return None;
            }
            let of_reader = partners.entry((reader.node, k, reader.sample)).or_insert_with(|| {
                let single = SingleOp::new(self, reader.node, self.samples_of(reader));
                let numbered = single.numbered(1 - k).into_iter().map(|mut x| {
                    x[k] = single.unit(k, of);
                    single.results(&single.forward(&x))
                });
                single.indices(&numbered.collect::<Vec<_>>())
            });
            let (index, other) = (of_reader[reader.index]?, node.operands()[1 - k]);
            let is_batched = self.program.graph().shape(other).is_batched();
            let sample = if is_batched { reader.sample } else { 0 };
            Some(ElementId { node: other, sample, index })
        };
        terms.iter().map(factor).collect()
    }

    /// The samples that take part in an element.
    fn samples_of(&self, of: ElementId) -> Range<usize> {
        let is_batched = self.program.graph().shape(of.node).is_batched();
        if is_batched { of.sample..of.sample + 1 } else { 0..self.program.batch() }
    }
}
