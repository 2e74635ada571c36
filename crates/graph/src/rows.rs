//! Adding to gradients, and setting them.

use kernels::{Float, inlined, vectorize};

/// `to += from`, or `to = from`.
pub(crate) fn add_or_set<T: Float>(to: &mut [T], from: &[T], adds: bool) {
    if adds {
        add(to, from);
    } else {
        to.copy_from_slice(from);
    }
}

pub(crate) fn add<T: Float>(to: &mut [T], from: &[T]) {
    vectorize(inlined!(|| to.iter_mut().zip(from).for_each(|(to, &from)| *to += from)));
}
