//! A prediction allocates nothing after the first. A binary of its own: the allocator is counted for the whole
//! process.

use std::alloc::System;
use std::sync::{Arc, Barrier};

use gradus_runs::{Experiment, Predictor, SavedModel};
use graph::Pool;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

// One test only: another one at the same time would be counted too.
#[test]
fn a_warm_prediction_allocates_nothing() {
    let text = "data.source = 'memory'\ntrain = { steps = 1 }\n\
        model = { input = [50], layers = [{ linear = { units = 30 } }, 'relu', { linear = { units = 3 } }] }";
    let experiment = Experiment::parse("small.toml", text).unwrap();
    let mut saved =
        SavedModel { experiment, parameters: Vec::new(), running_statistics: Vec::new() };
    saved.parameters = saved.model().unwrap().initial_parameters(1);
    let pool = Arc::new(Pool::new(2));
    // A thread allocates when it begins: all must have.
    let all = Barrier::new(pool.threads());
    pool.run(pool.threads(), |_| {
        all.wait();
    });
    for batch in [1, 5, 100] {
        let samples = vec![1.0; batch * 50];
        let predictor = Predictor::new(saved.clone(), batch).unwrap();
        let mut predictor = predictor.with_pool(Arc::clone(&pool));
        predictor.predict(&samples);
        let region = Region::new(ALLOCATOR);
        for _ in 0..10 {
            predictor.predict(&samples);
        }
        let counted = region.change();
        assert_eq!((counted.allocations, counted.reallocations), (0, 0), "{batch}: {counted:?}");
    }
}
