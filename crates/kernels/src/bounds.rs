//! Bounds of slices that are read by pointers, computed without overflow.

/// One past the last index reached from `start` by all of `strides` (how often, how far) and `len` elements
/// more; nothing if that is beyond `usize`.
pub(crate) fn end<const N: usize>(
    strides: [(usize, usize); N],
    start: usize,
    len: usize,
) -> Option<usize> {
    strides.into_iter().try_fold(start.checked_add(len)?, |end, (count, stride)| {
        end.checked_add(count.checked_mul(stride)?)
    })
}

/// Panics unless `end`, from [`end`], lies inside the slice of `operand`.
#[track_caller]
pub(crate) fn check(operand: &str, end: Option<usize>, len: usize) {
    match end {
        Some(end) if end <= len => {}
        Some(end) => panic!("{operand}: indices end at {end}, but the slice has {len} elements"),
        None => panic!("{operand}: indices overflow, and the slice has {len} elements"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_would_wrap_is_not_a_number() {
        // With plain arithmetic each of these is small: 2⁶³ · 2 is 0, and MAX + 1 too.
        let half = usize::MAX / 2 + 1;
        assert_eq!(end([(2, half)], 0, 1), None);
        assert_eq!(end([(1, usize::MAX)], 1, 1), None);
        assert_eq!(end([(1, half), (1, half)], 0, 1), None);
        assert_eq!(end::<0>([], usize::MAX, 1), None);
        assert_eq!(end([(2, 10), (3, 1)], 4, 5), Some(32));
    }
}
