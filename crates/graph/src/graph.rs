//! The graph: nodes in the order they were added.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use kernels::Float;

use crate::op::{MAX_OPERANDS, Op};
use crate::shape::{Shape, ShapeError};
use crate::tensor::Tensor;

/// A node of one graph. Nodes are numbered from 0 in the order they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    pub(crate) fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("fewer than 2³² nodes"))
    }

    /// The node's number.
    pub fn index(self) -> usize {
        self.0 as usize
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

/// One node: an op and its operands, or a leaf.
#[derive(Clone)]
pub struct Node<T> {
    kind: NodeKind<T>,
    operands: Vec<NodeId>,
    shape: Shape,
    name: String,
    scope: Arc<str>,
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
}

/// A computation graph under construction, to be compiled into a [`Program`](crate::Program).
///
/// Each op adds its own method, in its file of [`ops`](crate::ops).
///
/// An operand exists before the node that reads it, so the order in which nodes were added is a
/// topological order, and its reverse is one for the gradients: no sort, no recursion.
#[derive(Clone, Default)]
pub struct Graph<T> {
    nodes: Vec<Node<T>>,
    /// That of the next node.
    scope: Arc<str>,
    n_inputs: usize,
    n_parameters: usize,
}

impl<T: Float> Graph<T> {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
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

    /// Adds a custom op.
    ///
    /// # Errors
    ///
    /// If the operands break the op's shape rule.
    ///
    /// # Panics
    ///
    /// If an operand is not of this graph, or there are more than [`MAX_OPERANDS`].
    pub fn push(&mut self, op: impl Op<T>, operands: &[NodeId]) -> Result<NodeId, ShapeError> {
        assert!(operands.len() <= MAX_OPERANDS, "{}: more than {MAX_OPERANDS} operands", op.name());
        let shapes: Vec<Shape> = operands.iter().map(|&id| self.shape(id).clone()).collect();
        let shape = op.infer_shape(&shapes)?;
        Ok(self.add_node(NodeKind::Op(Arc::new(op)), operands, shape, String::new()))
    }

    /// Adds an op of one operand whose shape rule accepts every shape.
    pub(crate) fn push_unary(&mut self, op: impl Op<T>, x: NodeId) -> NodeId {
        self.push(op, &[x]).expect("an elementwise op fits every shape")
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
        self.nodes.push(Node { kind, operands, shape, name, scope });
        NodeId::new(self.nodes.len() - 1)
    }

    /// Gives a node a name, which errors and descriptions print.
    pub fn set_name(&mut self, id: NodeId, name: impl Into<String>) {
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
        &self.nodes[id.index()]
    }

    pub(crate) fn at(&self, index: usize) -> &Node<T> {
        &self.nodes[index]
    }

    /// All nodes, operands before the nodes that read them.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node<T>)> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(i, node)| (NodeId::new(i), node))
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

impl<T> fmt::Debug for Graph<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a graph of {} nodes", self.nodes.len())
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}
