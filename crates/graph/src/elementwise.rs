//! What the ops of one operand that are a function of each element have in common.

use std::fmt::Debug;

use kernels::{Float, inlined};

use crate::op::{BackwardPass, Choices, ForwardPass, Op, Saved};

/// The function `y = value(x)` of an elementwise op. Both methods must be `#[inline(always)]`.
pub(crate) trait Elementwise: Debug + Send + Sync + 'static {
    const NAME: &'static str;
    /// What the slope is a function of: [`Saved::FIRST`], or [`Saved::RESULT`], with which the op works in
    /// place.
    const SAVED: Saved;
    /// Whether the function has a kink at 0.
    const HAS_KINK: bool = false;

    fn value<T: Float>(x: T) -> T;

    /// `dy/dx`, at the operand or the result, whichever is saved.
    fn slope<T: Float>(at: T) -> T;
}

/// The op of a function.
#[derive(Debug)]
pub(crate) struct ElementwiseOp<F>(pub(crate) F);

impl<T: Float, F: Elementwise> Op<T> for ElementwiseOp<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn saved(&self, _operand: usize) -> Saved {
        F::SAVED
    }

    fn in_place(&self) -> bool {
        F::SAVED.has_result()
    }

    fn forward(&self, pass: ForwardPass<'_, T>) {
        // A path would not do: the call through it is not sure to be inlined.
        pass.map(inlined!(|x| F::value(x)));
    }

    fn backward(&self, pass: BackwardPass<'_, T>) {
        if F::SAVED.has_result() {
            pass.map_result(inlined!(|y| F::slope(y)));
        } else {
            pass.map_operand(inlined!(|x| F::slope(x)));
        }
    }

    fn choices(&self, pass: &ForwardPass<'_, T>, choices: &mut Choices) {
        if F::HAS_KINK {
            choices.add_signs(pass.x[0]);
        }
    }
}
