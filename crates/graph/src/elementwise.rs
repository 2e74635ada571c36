//! What the ops of one operand that are a function of each element have in common.

use std::borrow::Cow;

use kernels::Float;

use crate::Shape;
use crate::op::{
    Attributes, BackwardPass, Choices, ElementFormula, ForwardPass, Linearity, Op, ResultElement,
    Saved,
};

/// The op `y = value(x)`. Both functions are written as [`inlined!`].
pub(crate) struct Elementwise<V, S> {
    name: &'static str,
    /// Of `x`.
    formula: Cow<'static, str>,
    saved: Saved,
    kinks: &'static [f64],
    attributes: Attributes,
    value: V,
    slope: S,
}

impl<V, S> Elementwise<V, S> {
    /// `formula` is that of `x`, as `gradus explain` reads it; `slope` is `dy/dx` at what is saved: [`Saved::FIRST`], or else, with which the op works in place,
    /// [`Saved::RESULT`] or, for a slope that is the same everywhere, [`Saved::NOTHING`].
    pub(crate) fn new(
        name: &'static str,
        formula: impl Into<Cow<'static, str>>,
        saved: Saved,
        value: V,
        slope: S,
    ) -> Self {
        Self {
            name,
            formula: formula.into(),
            saved,
            kinks: &[],
            attributes: Attributes::default(),
            value,
            slope,
        }
    }

    /// The function has kinks at these places.
    pub(crate) fn with_kinks(self, kinks: &'static [f64]) -> Self {
        Self { kinks, ..self }
    }

    /// The function has these settings.
    pub(crate) fn with_attributes(self, attributes: Attributes) -> Self {
        Self { attributes, ..self }
    }
}

impl<T, V, S> Op<T> for Elementwise<V, S>
where
    T: Float,
    V: Fn(T) -> T + Copy + Send + Sync + 'static,
    S: Fn(T) -> T + Copy + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn attributes(&self, _operands: &[Shape]) -> Attributes {
        self.attributes.clone()
    }

    fn saved(&self, _operand: usize) -> Saved {
        self.saved
    }

    fn in_place(&self) -> bool {
        !self.saved.has_operand(0)
    }

    fn in_strips(&self, _operands: &[Shape]) -> bool {
        true
    }

    fn sets_gradient(&self, _operand: usize) -> bool {
        true
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        pass.map(self.value);
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        pass.map(self.slope);
    }

    /// A slope that is the same everywhere reads nothing.
    fn linearity(&self) -> Linearity {
        if self.saved == Saved::NOTHING { Linearity::Linear } else { Linearity::Nonlinear }
    }

    fn formula(&self, of: ResultElement<'_>) -> Option<ElementFormula> {
        Some(ElementFormula::elementwise(self.formula.clone(), &["x"], of))
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        for &kink in self.kinks {
            choices.add_sides(pass.x[0], T::from_f64(kink));
        }
    }
}
