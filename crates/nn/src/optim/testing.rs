//! What every optimizer is held against: its formula, for one parameter, in plain `f64`.

use kernels::{Float, random::Stream};

use super::{MAX_STATE, Optimize, Optimizer, OptimizerState, StepInfo};

/// One step of one parameter as the source writes it: `(step, w, g, state)` to the new `w`.
type UpdateFormula = fn(StepInfo, f64, f64, &mut [f64; 3]) -> f64;

/// Each rule with its default settings, and the learning rate at which it is to descend a valley, if it can in 30 steps.
const RULES: [(&str, UpdateFormula, Option<f64>); 12] = [
    ("sgd", |info, w, g, _| w - info.learning_rate * g, Some(0.95)),
    (
        "momentum",
        |info, w, g, [v, ..]| {
            *v = 0.9 * *v - info.learning_rate * g;
            w + *v
        },
        Some(0.1),
    ),
    (
        "nesterov",
        |info, w, g, [v, ..]| {
            // As arranged in "Deep Learning from Scratch": by the old velocity.
            let old = *v;
            *v = 0.9 * old - info.learning_rate * g;
            w + 0.9 * 0.9 * old - (1.0 + 0.9) * info.learning_rate * g
        },
        Some(0.1),
    ),
    (
        "adagrad",
        |info, w, g, [h, ..]| {
            *h += g.powi(2);
            w - info.learning_rate / (h.sqrt() + 1e-7) * g
        },
        Some(1.5),
    ),
    (
        "adadelta",
        |info, w, g, [squares, changes, _]| {
            let rms = |average: f64| (average + 1e-6).sqrt();
            *squares = 0.95 * *squares + 0.05 * g.powi(2);
            let change = -rms(*changes) / rms(*squares) * g;
            *changes = 0.95 * *changes + 0.05 * change.powi(2);
            w + info.learning_rate * change
        },
        None,
    ),
    (
        "rmsprop",
        |info, w, g, [h, ..]| {
            *h = 0.99 * *h + 0.01 * g.powi(2);
            w - info.learning_rate / (h.sqrt() + 1e-8) * g
        },
        None,
    ),
    ("adam", |info, w, g, state| w - info.learning_rate * adam(info, g, state), Some(0.3)),
    ("adamw", |info, w, g, state| w - info.learning_rate * (adam(info, g, state) + 0.01 * w), None),
    (
        "nadam",
        |info, w, g, state| {
            let t = info.step as f64;
            let [_, v_hat] = corrected_moments(info, g, [0.9, 0.999], state);
            let momentum = |t: f64| 0.9 * (1.0 - 0.5 * 0.96f64.powf(t * 0.004));
            let [m, _, product] = state;
            *product = if info.step == 1 { momentum(t) } else { *product * momentum(t) };
            let ahead = momentum(t + 1.0);
            let gradient = (1.0 - momentum(t)) * g / (1.0 - *product);
            let mean = ahead * *m / (1.0 - *product * ahead);
            w - info.learning_rate * (gradient + mean) / (v_hat.sqrt() + 1e-8)
        },
        Some(0.3),
    ),
    (
        "radam",
        |info, w, g, state| {
            let (t, decayed) = (info.step as f64, 0.999f64.powi(info.step as i32));
            let [m_hat, v_hat] = corrected_moments(info, g, [0.9, 0.999], state);
            let longest = 2.0 / (1.0 - 0.999) - 1.0;
            let length = longest - 2.0 * t * decayed / (1.0 - decayed);
            if length <= 5.0 {
                return w - info.learning_rate * m_hat;
            }
            let numerator = (length - 4.0) * (length - 2.0) * longest;
            let r = (numerator / ((longest - 4.0) * (longest - 2.0) * length)).sqrt();
            w - info.learning_rate * r * m_hat / (v_hat.sqrt() + 1e-8)
        },
        None,
    ),
    (
        "lion",
        |info, w, g, [m, ..]| {
            let direction = 0.9 * *m + (1.0 - 0.9) * g;
            *m = 0.99 * *m + (1.0 - 0.99) * g;
            w - info.learning_rate * direction.signum()
        },
        None,
    ),
    // Of parameters that are not matrices.
    (
        "muon",
        |info, w, g, state| {
            let [m_hat, v_hat] = corrected_moments(info, g, [0.9, 0.95], state);
            w - 0.015 * info.learning_rate * m_hat / (v_hat.sqrt() + 1e-10)
        },
        None,
    ),
];

fn adam(info: StepInfo, g: f64, state: &mut [f64; 3]) -> f64 {
    let [m_hat, v_hat] = corrected_moments(info, g, [0.9, 0.999], state);
    m_hat / (v_hat.sqrt() + 1e-8)
}

fn corrected_moments(
    info: StepInfo,
    g: f64,
    [beta1, beta2]: [f64; 2],
    [m, v, _]: &mut [f64; 3],
) -> [f64; 2] {
    let t = info.step as i32;
    *m = beta1 * *m + (1.0 - beta1) * g;
    *v = beta2 * *v + (1.0 - beta2) * g.powi(2);
    [*m / (1.0 - beta1.powi(t)), *v / (1.0 - beta2.powi(t))]
}

/// The optimizer of this name, with its default settings.
pub(super) fn by_name(name: &str) -> Optimizer {
    toml::from_str(&format!("kind = '{name}'")).unwrap()
}

const STEPS: u64 = 100;

/// In `f32` and `f64`, for lengths that fill no vector register.
#[test]
fn every_rule_follows_its_formula_in_any_pieces_and_down_a_valley() {
    assert_eq!(RULES.map(|(name, ..)| name), Optimizer::NAMES);
    for (name, formula, rate) in RULES {
        let optimizer = by_name(name);
        for n in [0, 1, 17, 1000] {
            check_steps::<f32>(&optimizer, formula, n, f32::EPSILON.into());
            check_steps::<f64>(&optimizer, formula, n, f64::EPSILON);
        }
        if let Some(rate) = rate {
            check_descent(&optimizer, rate, formula);
        }
    }
}

fn check_steps<T: Float>(optimizer: &Optimizer, formula: UpdateFormula, n: usize, epsilon: f64) {
    let (name, optimizer) = (optimizer.name(), optimizer.as_dyn());
    let whole = TrainedPieces::<T>::after_steps(optimizer, n, n);
    for piece in [1, 7, 64] {
        let pieces = TrainedPieces::after_steps(optimizer, n, piece);
        assert!(pieces.params == whole.params, "{name} {} n={n} in pieces of {piece}", T::NAME);
        assert!(pieces.state == whole.state, "{name} {} n={n} in pieces of {piece}", T::NAME);
    }

    let mut random = Stream::new(7, n as u64);
    let mut expected: Vec<f64> = draw::<T>(&mut random, n).iter().map(|w| w.to_f64()).collect();
    let mut state = vec![[0.0; 3]; n];
    // The largest |w| on the way.
    let mut largest: Vec<f64> = expected.iter().map(|w| w.abs().max(1.0)).collect();
    for step in 1..=STEPS {
        let grads = draw::<T>(&mut random, n);
        let all = expected.iter_mut().zip(grads).zip(&mut state).zip(&mut largest);
        for (((w, g), state), largest) in all {
            *w = formula(info(step), *w, g.to_f64(), state);
            *largest = largest.max(w.abs());
        }
    }
    for (i, (found, want)) in whole.params.iter().zip(expected).enumerate() {
        // Each step has about six roundings, of numbers around |w| and 1.
        let error = (found.to_f64() - want).abs() / largest[i];
        assert!(
            error <= 6.0 * STEPS as f64 * epsilon,
            "{name} {} n={n} i={i}: {found}, expected {want}",
            T::NAME
        );
    }
}

/// Checks 30 steps down `x²/20 + y²` from (−7, 2), figure 6-3 of "Deep Learning from Scratch": along the
/// path of the formula, to an end near the minimum.
fn check_descent(optimizer: &Optimizer, learning_rate: f64, formula: UpdateFormula) {
    let (name, optimizer) = (optimizer.name(), optimizer.as_dyn());
    let gradient = |[x, y]: [f64; 2]| [x / 10.0, 2.0 * y];
    let mut trained = TrainedPieces { params: vec![-7.0, 2.0], state: zeros(optimizer, 2) };
    let (mut point, mut moments) = ([-7.0, 2.0], [[0.0; 3]; 2]);
    for step in 1..=30 {
        let info = StepInfo::new(learning_rate, step);
        let grads = gradient([trained.params[0], trained.params[1]]);
        trained.update(optimizer, info, &grads, 2);
        let grads = gradient(point);
        for i in 0..2 {
            point[i] = formula(info, point[i], grads[i], &mut moments[i]);
            let error = (trained.params[i] - point[i]).abs();
            assert!(error < 1e-12, "{name}, step {step}: {:?}, expected {point:?}", trained.params);
        }
    }
    let [x, y] = point;
    let height = x * x / 20.0 + y * y;
    assert!(
        height < 0.11,
        "{name} ends at {point:?}, {height} above the minimum; it began 6.45 above"
    );
}

struct TrainedPieces<T> {
    params: Vec<T>,
    state: [Vec<T>; MAX_STATE],
}

impl<T: Float> TrainedPieces<T> {
    fn after_steps(optimizer: &dyn Optimize<T>, n: usize, piece: usize) -> Self {
        let mut random = Stream::new(7, n as u64);
        let mut trained = Self { params: draw(&mut random, n), state: zeros(optimizer, n) };
        for step in 1..=STEPS {
            trained.update(optimizer, info(step), &draw(&mut random, n), piece);
        }
        trained
    }

    fn update(&mut self, optimizer: &dyn Optimize<T>, info: StepInfo, grads: &[T], piece: usize) {
        let mut state = self.state.each_mut().map(|vector| vector.chunks_mut(piece.max(1)));
        let pieces = self.params.chunks_mut(piece.max(1)).zip(grads.chunks(piece.max(1)));
        for (params, grads) in pieces {
            let state: OptimizerState<'_, T> =
                state.each_mut().map(|pieces| pieces.next().unwrap_or_default());
            optimizer.update(&info, params, grads, state);
        }
    }
}

fn zeros<T: Float>(optimizer: &dyn Optimize<T>, n: usize) -> [Vec<T>; MAX_STATE] {
    let len = |vector| if vector < optimizer.state_vectors() { n } else { 0 };
    std::array::from_fn(|vector| vec![T::ZERO; len(vector)])
}

/// A rate that changes, so that a rule which keeps an old one is found out.
fn info(step: u64) -> StepInfo {
    StepInfo::new(0.1 / step as f64, step)
}

fn draw<T: Float>(random: &mut Stream, n: usize) -> Vec<T> {
    (0..n).map(|_| T::from_f64(random.normal())).collect()
}

/// The parameters after the first step.
pub(super) fn first_step<T: Float, const N: usize>(
    optimizer: &dyn Optimize<T>,
    info: &StepInfo,
    params: [T; N],
    grads: [T; N],
) -> [T; N] {
    after_steps(optimizer, params, [(*info, grads)])
}

/// The parameters after steps with these gradients.
pub(super) fn after_steps<T: Float, const N: usize>(
    optimizer: &dyn Optimize<T>,
    params: [T; N],
    steps: impl IntoIterator<Item = (StepInfo, [T; N])>,
) -> [T; N] {
    let mut trained = TrainedPieces { params: params.to_vec(), state: zeros(optimizer, N) };
    steps.into_iter().for_each(|(info, grads)| trained.update(optimizer, info, &grads, N));
    trained.params.try_into().expect("as many as before")
}
