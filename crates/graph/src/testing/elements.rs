//! The terms of single elements against values and gradients of the program.

use kernels::Float;

use super::OpTrial;
use crate::elements::{ElementId, Elements};
use crate::graph::NodeId;
use crate::op::Linearity;
use crate::{Compile, RunArgs};

/// The largest difference of a sum from the element, over the sum of magnitudes.
const ROUNDING_F64: f64 = 1e-12;
const ROUNDING_F32: f64 = 1e-5;
/// The same with Winograd's algorithm.
const ROUNDING_WINOGRAD: f64 = 1e-4;

impl<T: Float> OpTrial<'_, T> {
    /// Checks that the terms of elements of a linear or bilinear result add up to them, and those of the gradients of all
    /// operands to these.
    pub(super) fn check_elements(&self, place: &str) {
        let options = Compile { loss: Some(self.loss), keep_all: true, ..Compile::default() };
        let program = self.program(options);
        let run = RunArgs { parameters: &self.parameters, ..RunArgs::default() };
        let elements = Elements::new(&program, run);
        let node = self.graph.node(self.y);
        let op = node.op().expect("the result of an op");
        // Winograd's algorithm adds up what cancels out beside other pixels, where a window sees none.
        let largest = match op.name() {
            "conv2d" => program
                .value(self.y)
                .expect("kept")
                .values()
                .iter()
                .map(|y| y.to_f64().abs())
                .fold(0.0, f64::max),
            _ => 0.0,
        };
        let bound = match size_of::<T>() {
            4 if op.name() == "conv2d" => ROUNDING_WINOGRAD,
            4 => ROUNDING_F32,
            _ => ROUNDING_F64,
        };
        let expect_sum = |terms: &mut dyn Iterator<Item = f64>, whole: T, least, what: String| {
            let (sum, magnitude) =
                terms.fold((0.0, 0.0), |(sum, all), term| (sum + term, all + term.abs()));
            let error = (whole.to_f64() - sum).abs();
            let is_close = error <= bound * f64::max(magnitude, least);
            assert!(is_close, "{place}: {what} is {whole:?}, its terms add up to {sum}");
        };
        if op.linearity() != Linearity::Nonlinear {
            for of in self.some_elements(self.y) {
                let terms = elements.terms(of);
                let mut products =
                    terms.iter().map(|term| term.value.to_f64() * term.derivative.to_f64());
                expect_sum(&mut products, elements.value(of), largest, format!("{of:?}"));
            }
        }
        for of in self.nodes.iter().flat_map(|&node| self.some_elements(node)) {
            let Some(gradient) = elements.gradient(of) else { continue };
            let terms = elements.gradient_terms(of);
            let mut products =
                terms.iter().map(|term| term.upstream.to_f64() * term.derivative.to_f64());
            expect_sum(&mut products, gradient, 0.0, format!("the gradient of {of:?}"));
            let shown = &terms[..terms.len().min(2)];
            for (term, factor) in shown.iter().zip(elements.factors(of, shown)) {
                let value = factor.map_or(term.derivative, |factor| elements.value(factor));
                assert_eq!(value, term.derivative, "{place}: {of:?}");
            }
        }
    }

    /// The first, the last and one between of a node: of the last sample, if it has the batch axis.
    fn some_elements(&self, node: NodeId) -> Vec<ElementId> {
        let shape = self.graph.shape(node);
        let sample = if shape.is_batched() { self.layout.batch - 1 } else { 0 };
        let last = shape.len().checked_sub(1);
        let mut indices: Vec<usize> = last.map_or(Vec::new(), |last| vec![0, last / 2, last]);
        indices.dedup();
        indices.into_iter().map(|index| ElementId { node, sample, index }).collect()
    }
}
