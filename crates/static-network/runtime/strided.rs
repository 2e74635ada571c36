//! The elements of one value beside those of another with other axes.

/// Along the elements of a value of these sizes, the places in another one that grow by a stride for each axis.
pub(crate) fn strided<const AXES: usize>(
    dims: [usize; AXES],
    strides: [usize; AXES],
) -> impl Iterator<Item = usize> {
    let mut at = [0; AXES];
    (0..dims.iter().product()).map(move |_| {
        let place = at.iter().zip(strides).map(|(at, stride)| at * stride).sum();
        for (at, size) in at.iter_mut().zip(dims).rev() {
            *at += 1;
            if *at < size {
                break;
            }
            *at = 0;
        }
        place
    })
}
