//! The graph: nodes in the order they were added.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kernels::Float;

use crate::op::{Attributes, MAX_OPERANDS, Op};
use crate::shape::{Shape, ShapeError};
use crate::tensor::Tensor;

/// A node of one graph, or of a clone of it. Nodes are numbered from 0 in the order they were added.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    graph: GraphId,
    index: u32,
}

impl NodeId {
    /// The node's number.
    pub fn index(self) -> usize {
        self.index as usize
    }
}

/// Tells the graphs of a process apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct GraphId(u32);

impl GraphId {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The origin of the value of a node without operands.
#[derive(Clone, Debug)]
pub enum Leaf<T> {
    /// Passed in with each run: the index of the input, in the order they were added.
    Input(usize),
    /// Trained: these elements of the parameter vector.
    Parameter(Range<usize>),
    /// Fixed when the graph was built.
    Constant(Tensor<T>),
}

#[derive(Clone)]
enum NodeKind<T> {
    Leaf(Leaf<T>),
    Op(Arc<dyn Op<T>>),
}

/// What the planner knows of a node beside its op.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PlannerHint {
    #[default]
    None,
    /// The sum of two operands, broadcast, of which the second may be fused as a bias.
    Sum,
    /// The operand itself, with another shape.
    View,
    /// A parameter that is not trained.
    Frozen,
}

/// One node: an op and its operands, or a leaf.
#[derive(Clone)]
pub struct Node<T> {
    kind: NodeKind<T>,
    operands: Vec<NodeId>,
    shape: Shape,
    name: String,
    scope: Arc<str>,
    hint: PlannerHint,
}

impl<T: Float> Node<T> {
    /// The shape of the node's value.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The nodes this one reads.
    pub fn operands(&self) -> &[NodeId] {
        &self.operands
    }

    /// The op's name; `"input"`, `"parameter"` or `"constant"` for a leaf.
    pub fn op_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Op(op) => op.name(),
            NodeKind::Leaf(Leaf::Input(_)) => "input",
            NodeKind::Leaf(Leaf::Parameter(_)) => "parameter",
            NodeKind::Leaf(Leaf::Constant(_)) => "constant",
        }
    }

    /// The name it was given; empty for most nodes that are not leaves.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() { self.op_name() } else { &self.name }
    }

    /// The origin of the value, for a node without operands.
    pub fn leaf(&self) -> Option<&Leaf<T>> {
        if let NodeKind::Leaf(leaf) = &self.kind { Some(leaf) } else { None }
    }

    /// The op, for a node that is not a leaf.
    pub fn op(&self) -> Option<&(dyn Op<T> + 'static)> {
        if let NodeKind::Op(op) = &self.kind { Some(op.as_ref()) } else { None }
    }

    pub(crate) fn is<O: Op<T>>(&self) -> bool {
        self.op().is_some_and(|op| (op as &dyn Any).is::<O>())
    }

    pub(crate) fn is_parameter(&self) -> bool {
        matches!(self.leaf(), Some(Leaf::Parameter(_)))
    }

    /// Whether it is a parameter that is [not trained](Graph::freeze).
    pub fn is_frozen(&self) -> bool {
        self.hint == PlannerHint::Frozen
    }

    pub(crate) fn hint(&self) -> PlannerHint {
        self.hint
    }
}

/// A computation graph under construction, to be compiled into a [`Program`](crate::Program).
///
/// Each op adds its own method, in its file of [`ops`](crate::ops).
///
/// An operand exists before the node that reads it, so the order in which nodes were added is a
/// topological order, and its reverse is one for the gradients: no sort, no recursion.
#[derive(Clone)]
pub struct Graph<T> {
    id: GraphId,
    nodes: Vec<Node<T>>,
    /// That of the next node.
    scope: Arc<str>,
    n_inputs: usize,
    n_parameters: usize,
}

impl<T: Float> Graph<T> {
    /// A graph without nodes.
    pub fn new() -> Self {
        let (nodes, scope) = (Vec::new(), Arc::default());
        Self { id: GraphId::new(), nodes, scope, n_inputs: 0, n_parameters: 0 }
    }

    /// Adds a value that is passed in with each run.
    pub fn input(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> NodeId {
        self.n_inputs += 1;
        self.leaf(name.into(), shape.into(), Leaf::Input(self.n_inputs - 1))
    }

    /// Adds a trained value. All parameters form one vector, in the order they were added.
    ///
    /// # Panics
    ///
    /// If the shape has the batch axis.
    pub fn parameter(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> NodeId {
        let (name, shape) = (name.into(), shape.into());
        let is_shared = !shape.is_batched();
        assert!(is_shared, "parameter {name} of shape {shape}: it cannot have one value a sample");
        let range = self.n_parameters..self.n_parameters + shape.len();
        self.n_parameters = range.end;
        self.leaf(name, shape, Leaf::Parameter(range))
    }

    /// Adds a fixed value.
    pub fn constant(&mut self, value: Tensor<T>) -> NodeId {
        let shape = Shape::from(value.shape());
        self.leaf(String::new(), shape, Leaf::Constant(value))
    }

    /// Adds a fixed number.
    pub fn scalar(&mut self, value: f64) -> NodeId {
        self.constant(Tensor::new([], [T::from_f64(value)]))
    }

    /// Freezes a parameter: it is read but not trained. Neither its gradient nor what only that needs is computed:
    /// its elements of the vector of gradients are 0, and a step leaves those of the parameter vector as they are.
    ///
    /// # Panics
    ///
    /// If the node is not a parameter of this graph.
    pub fn freeze(&mut self, parameter: NodeId) {
        let node = self.node(parameter);
        assert!(node.is_parameter(), "{parameter}, {}: only a parameter is frozen", node.label());
        self.nodes[parameter.index()].hint = PlannerHint::Frozen;
    }

    /// Adds a custom op.
    ///
    /// # Errors
    ///
    /// If the operands break the op's shape rule, are of another graph or more than [`MAX_OPERANDS`].
    pub fn push(&mut self, op: impl Op<T>, operands: &[NodeId]) -> Result<NodeId, ShapeError> {
        let name = op.name();
        if operands.len() > MAX_OPERANDS {
            let found = operands.len();
            let rule = format!("expected at most {MAX_OPERANDS} operands, got {found}");
            return Err(ShapeError { op: name, rule });
        }
        let shapes = operands.iter().map(|&id| self.operand(name, id).cloned());
        let shapes = shapes.collect::<Result<Vec<Shape>, ShapeError>>()?;
        let shape = op.infer_shape(&shapes)?;
        Ok(self.add_node(NodeKind::Op(Arc::new(op)), operands, shape, String::new()))
    }

    /// The same for an op that the planner knows something of.
    pub(crate) fn push_with(
        &mut self,
        hint: PlannerHint,
        op: impl Op<T>,
        operands: &[NodeId],
    ) -> Result<NodeId, ShapeError> {
        let id = self.push(op, operands)?;
        self.nodes[id.index()].hint = hint;
        Ok(id)
    }

    /// Adds an op of one operand whose shape rule accepts every shape.
    ///
    /// # Panics
    ///
    /// If the operand is of another graph.
    pub(crate) fn push_unary(&mut self, op: impl Op<T>, x: NodeId) -> NodeId {
        self.push(op, &[x]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The shape of an operand of the op `name`.
    ///
    /// # Errors
    ///
    /// If the node is of another graph.
    pub(crate) fn operand(&self, name: &'static str, id: NodeId) -> Result<&Shape, ShapeError> {
        match self.find(id) {
            Some(node) => Ok(&node.shape),
            None => Err(ShapeError { op: name, rule: format!("{id} is a node of another graph") }),
        }
    }

    /// A node; none if it is of another graph, or was added to a clone.
    fn find(&self, id: NodeId) -> Option<&Node<T>> {
        self.nodes.get(id.index()).filter(|_| id.graph == self.id)
    }

    fn leaf(&mut self, name: String, shape: Shape, leaf: Leaf<T>) -> NodeId {
        self.add_node(NodeKind::Leaf(leaf), &[], shape, name)
    }

    fn add_node(
        &mut self,
        kind: NodeKind<T>,
        operands: &[NodeId],
        shape: Shape,
        name: String,
    ) -> NodeId {
        let (operands, scope) = (operands.to_vec(), Arc::clone(&self.scope));
        self.nodes.push(Node { kind, operands, shape, name, scope, hint: PlannerHint::None });
        self.id(self.nodes.len() - 1)
    }

    pub(crate) fn id(&self, index: usize) -> NodeId {
        NodeId { graph: self.id, index: u32::try_from(index).expect("fewer than 2³² nodes") }
    }

    /// Gives a node a name, which errors and descriptions print.
    ///
    /// # Panics
    ///
    /// If the node is of another graph; so does every method that takes a node and returns no error.
    pub fn set_name(&mut self, id: NodeId, name: impl Into<String>) {
        self.node(id);
        self.nodes[id.index()].name = name.into();
    }

    /// Begins a part of the network, such as a layer: the nodes from here on belong to `scope`.
    pub fn begin_scope(&mut self, scope: impl Into<String>) {
        self.scope = scope.into().into();
    }

    /// The part of the network that a node belongs to; empty before the first.
    pub fn scope(&self, id: NodeId) -> &str {
        &self.node(id).scope
    }

    /// The shape of a node's value.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.node(id).shape
    }

    /// A node.
    ///
    /// # Panics
    ///
    /// If it is of another graph.
    pub fn node(&self, id: NodeId) -> &Node<T> {
        self.find(id).unwrap_or_else(|| panic!("{id} is a node of another graph"))
    }

    pub(crate) fn at(&self, index: usize) -> &Node<T> {
        &self.nodes[index]
    }

    /// The [settings](Op::attributes) of a node's op; none for a leaf.
    pub fn attributes(&self, id: NodeId) -> Attributes {
        let node = self.node(id);
        let shapes: Vec<Shape> = node.operands.iter().map(|&id| self.shape(id).clone()).collect();
        node.op().map_or_else(Attributes::default, |op| op.attributes(&shapes))
    }

    /// All nodes, operands before the nodes that read them.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node<T>)> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(i, node)| (self.id(i), node))
    }

    /// The number of inputs.
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// The length of the parameter vector.
    pub fn n_parameters(&self) -> usize {
        self.n_parameters
    }

    /// The parameters with their elements of the parameter vector, in order.
    pub fn parameters(&self) -> impl Iterator<Item = (NodeId, Range<usize>)> {
        self.nodes().filter_map(|(id, node)| match node.leaf()? {
            Leaf::Parameter(range) => Some((id, range.clone())),
            _ => None,
        })
    }
}

impl<T: Float> Default for Graph<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Graph<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a graph of {} nodes", self.nodes.len())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.index)
    }
}

/// The number alone: that of the graph differs from run to run.
impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({})", self.index)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::{Compile, Program};

    fn panic_of<R>(run: impl FnOnce() -> R) -> String {
        let panic = catch_unwind(AssertUnwindSafe(run)).err().expect("refused");
        panic.downcast::<String>().map_or_else(|_| String::new(), |text| *text)
    }

    #[test]
    fn a_node_of_another_graph_is_refused() {
        let [mut first, mut second] = [Graph::<f32>::new(), Graph::new()];
        let ours = first.parameter("ours", [3]);
        let theirs = second.parameter("theirs", [3]);
        let errors = [
            first.add(ours, theirs),
            first.mean(theirs, &[0]),
            first.elu(theirs, 1.0),
            first.reshape(theirs, [3]),
        ];
        for (name, error) in ["add", "mean", "elu", "reshape"].into_iter().zip(errors) {
            let want = format!("{name}: #0 is a node of another graph");
            assert_eq!(error.unwrap_err().to_string(), want);
        }
        assert_eq!(panic_of(|| first.relu(theirs)), "relu: #0 is a node of another graph");
        assert_eq!(panic_of(|| first.shape(theirs).len()), "#0 is a node of another graph");
        assert_eq!(panic_of(|| first.freeze(theirs)), "#0 is a node of another graph");
        for options in [
            Compile { loss: Some(theirs), ..Compile::default() },
            Compile { keep: vec![theirs], ..Compile::default() },
        ] {
            let error = Program::new(first.clone(), &options).unwrap_err().to_string();
            assert!(error.ends_with(": #0 is a node of another graph"), "{error}");
        }
        let program = Program::new(first.clone(), &Compile::default()).unwrap();
        assert_eq!(panic_of(|| program.value(theirs)), "#0 is a node of another graph");
    }

    #[test]
    fn a_clone_has_the_nodes_of_its_original_but_not_those_added_later() {
        let mut original = Graph::<f32>::new();
        let x = original.parameter("x", [3]);
        let mut copy = original.clone();
        let y = copy.relu(x);
        let error = original.add(x, y).unwrap_err();
        assert_eq!(error.to_string(), "add: #1 is a node of another graph");
    }

    #[test]
    fn only_a_parameter_is_frozen() {
        let mut g = Graph::<f32>::new();
        let (weight, input) = (g.parameter("weight", [3]), g.input("x", [3]));
        let y = g.relu(weight);
        assert_eq!(panic_of(|| g.freeze(input)), "#1, x: only a parameter is frozen");
        assert_eq!(panic_of(|| g.freeze(y)), "#2, relu: only a parameter is frozen");
        g.freeze(weight);
        assert!(g.node(weight).is_frozen() && !g.node(input).is_frozen());
    }

    #[test]
    fn more_operands_than_an_op_may_have_are_refused() {
        let mut g = Graph::<f32>::new();
        let x = g.input("x", [3]);
        let error = g.concat(&[x; 33], 0).unwrap_err();
        assert_eq!(error.to_string(), "concat: expected at most 32 operands, got 33");
    }
}
