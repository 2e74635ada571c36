//! Adding to rows, and setting them.

use kernels::{Float, inlined, vectorize};

/// `to += from`, or `to = from`.
pub(crate) fn add_or_set<T: Float>(to: &mut [T], from: &[T], adds: bool) {
    if adds {
        add(to, from);
    } else {
        to.copy_from_slice(from);
    }
}

/// Copies the first `columns` values of each row, as many rows as both have; in each, rows are a distance apart.
pub(crate) fn copy_rows<T: Copy>(
    (from, from_stride): (&[T], usize),
    (to, to_stride): (&mut [T], usize),
    columns: usize,
) {
    /// As long as most short rows, for which a call each would take longer than the values.
    const SHORT: usize = 16;
    let rows = to.chunks_mut(to_stride).zip(from.chunks(from_stride));
    if columns == SHORT {
        vectorize(inlined!(|| {
            for (to, from) in rows {
                to[..SHORT].copy_from_slice(&from[..SHORT]);
            }
        }));
    } else {
        rows.for_each(|(to, from)| to[..columns].copy_from_slice(&from[..columns]));
    }
}

pub(crate) fn add<T: Float>(to: &mut [T], from: &[T]) {
    vectorize(inlined!(|| to.iter_mut().zip(from).for_each(|(to, &from)| *to += from)));
}
