//! Decompression is not felt at start-up. Alone in its file, so that no other test runs beside it.

use std::time::{Duration, Instant};

const BUDGET: Duration = Duration::from_millis(120);

/// Enough to find one moment in which the machine does nothing else; a slow decoder has none.
const TRIES: usize = 20;

#[test]
fn all_digits_are_decompressed_within_the_budget() {
    let mut best = Duration::MAX;
    for _ in 0..TRIES {
        let start = Instant::now();
        let digits = gradus_mnist::load().expect("the embedded digits are intact");
        best = best.min(start.elapsed());
        assert_eq!(digits.test_labels.len(), gradus_mnist::TEST_COUNT);
        if best < BUDGET {
            return;
        }
    }
    panic!("best of {TRIES} took {best:?}, the budget is {BUDGET:?}");
}
