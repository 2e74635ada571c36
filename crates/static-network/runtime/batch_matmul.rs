//! Products of matrices that both depend on the sample.

/// `y_i = a_i · b_i`, each `b_i` of `k` rows and `COLUMNS` columns.
#[inline(always)]
pub(crate) fn batch_matmul<const COLUMNS: usize>(
    [a, b]: [&[f32]; 2],
    [rows, k]: [usize; 2],
    y: &mut [f32],
) {
    let (b, y) = (b.as_chunks::<COLUMNS>().0, y.as_chunks_mut::<COLUMNS>().0);
    let matrices = a.chunks_exact(rows * k).zip(b.chunks_exact(k)).zip(y.chunks_exact_mut(rows));
    for ((a, b), y) in matrices {
        for (a, y) in a.chunks_exact(k).zip(y) {
            *y = [0.0; COLUMNS];
            for (a, b) in a.iter().zip(b) {
                y.iter_mut().zip(b).for_each(|(y, b)| *y += a * b);
            }
        }
    }
}
