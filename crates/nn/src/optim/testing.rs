//! What every optimizer is held against: its formula, for one parameter, in plain `f64`.

use kernels::{Float, random::Stream};

use super::{Optimize, Optimizer, StepInfo};

/// One step of one parameter as the source writes it: `(step, w, g, state)` to the new `w`.
type UpdateFormula = fn(StepInfo, f64, f64, &mut [f64; 2]) -> f64;

/// Each rule with its default settings, and the learning rate at which it is to descend a valley, if it can in 30 steps.
const RULES: [(&str, UpdateFormula, Option<f64>); 7] = [
    ("sgd", |info, w, g, _| w - info.learning_rate * g, Some(0.95)),
    (
        "momentum",
        |info, w, g, [v, _]| {
            *v = 0.9 * *v - info.learning_rate * g;
            w + *v
        },
        Some(0.1),
    ),
    (
        "nesterov",
        |info, w, g, [v, _]| {
            // As arranged in "Deep Learning from Scratch": by the old velocity.
            let old = *v;
            *v = 0.9 * old - info.learning_rate * g;
            w + 0.9 * 0.9 * old - (1.0 + 0.9) * info.learning_rate * g
        },
        Some(0.1),
    ),
    (
        "adagrad",
        |info, w, g, [h, _]| {
            *h += g.powi(2);
            w - info.learning_rate / (h.sqrt() + 1e-7) * g
        },
        Some(1.5),
    ),
    (
        "rmsprop",
        |info, w, g, [h, _]| {
            *h = 0.99 * *h + 0.01 * g.powi(2);
            w - info.learning_rate / (h.sqrt() + 1e-8) * g
        },
        None,
    ),
    ("adam", |info, w, g, state| w - info.learning_rate * adam(info, g, state), Some(0.3)),
    ("adamw", |info, w, g, state| w - info.learning_rate * (adam(info, g, state) + 0.01 * w), None),
];

fn adam(info: StepInfo, g: f64, [m, v]: &mut [f64; 2]) -> f64 {
    let t = info.step as i32;
    *m = 0.9 * *m + (1.0 - 0.9) * g;
    *v = 0.999 * *v + (1.0 - 0.999) * g.powi(2);
    let (m_hat, v_hat) = (*m / (1.0 - 0.9f64.powi(t)), *v / (1.0 - 0.999f64.powi(t)));
    m_hat / (v_hat.sqrt() + 1e-8)
}

/// In `f32` and `f64`, for lengths that fill no vector register.
#[test]
fn every_rule_follows_its_formula_in_any_pieces_and_down_a_valley() {
    assert_eq!(RULES.map(|(name, ..)| name), Optimizer::NAMES);
    for (name, formula, rate) in RULES {
        let optimizer: Optimizer = toml::from_str(&format!("kind = '{name}'")).unwrap();
        for n in [0, 1, 17, 1000] {
            check_five_steps::<f32>(&optimizer, formula, n, f32::EPSILON.into());
            check_five_steps::<f64>(&optimizer, formula, n, f64::EPSILON);
        }
        if let Some(rate) = rate {
            check_descent(&optimizer, rate, formula);
        }
    }
}

fn check_five_steps<T: Float>(
    optimizer: &Optimizer,
    formula: UpdateFormula,
    n: usize,
    epsilon: f64,
) {
    let (name, optimizer) = (optimizer.name(), optimizer.as_dyn());
    let whole = State::<T>::after_five_steps(optimizer, n, n);
    for piece in [1, 7, 64] {
        let pieces = State::after_five_steps(optimizer, n, piece);
        assert!(pieces.params == whole.params, "{name} {} n={n} in pieces of {piece}", T::NAME);
        assert!(pieces.state == whole.state, "{name} {} n={n} in pieces of {piece}", T::NAME);
    }

    let mut random = Stream::new(7, n as u64);
    let mut expected: Vec<f64> = draw::<T>(&mut random, n).iter().map(|w| w.to_f64()).collect();
    let mut state = vec![[0.0; 2]; n];
    for step in 1..=5 {
        let grads = draw::<T>(&mut random, n);
        for ((w, g), state) in expected.iter_mut().zip(grads).zip(&mut state) {
            *w = formula(info(step), *w, g.to_f64(), state);
        }
    }
    for (i, (found, want)) in whole.params.iter().zip(expected).enumerate() {
        // Five steps of about six roundings each, of numbers around |w| and 1.
        let error = (found.to_f64() - want).abs() / want.abs().max(1.0);
        assert!(
            error <= 30.0 * epsilon,
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
    let mut state = State { params: vec![-7.0, 2.0], state: empty_slots(optimizer, 2) };
    let (mut point, mut moments) = ([-7.0, 2.0], [[0.0; 2]; 2]);
    for step in 1..=30 {
        let info = StepInfo { learning_rate, step };
        let grads = gradient([state.params[0], state.params[1]]);
        state.update(optimizer, info, &grads, 2);
        let grads = gradient(point);
        for i in 0..2 {
            point[i] = formula(info, point[i], grads[i], &mut moments[i]);
            let error = (state.params[i] - point[i]).abs();
            assert!(error < 1e-12, "{name}, step {step}: {:?}, expected {point:?}", state.params);
        }
    }
    let [x, y] = point;
    let height = x * x / 20.0 + y * y;
    assert!(
        height < 0.11,
        "{name} ends at {point:?}, {height} above the minimum; it began 6.45 above"
    );
}

struct State<T> {
    params: Vec<T>,
    state: [Vec<T>; 2],
}

impl<T: Float> State<T> {
    fn after_five_steps(optimizer: &dyn Optimize<T>, n: usize, piece: usize) -> Self {
        let mut random = Stream::new(7, n as u64);
        let mut state = Self { params: draw(&mut random, n), state: empty_slots(optimizer, n) };
        for step in 1..=5 {
            state.update(optimizer, info(step), &draw(&mut random, n), piece);
        }
        state
    }

    fn update(&mut self, optimizer: &dyn Optimize<T>, info: StepInfo, grads: &[T], piece: usize) {
        let [first, second] = &mut self.state;
        if piece >= grads.len() {
            return optimizer.update(&info, &mut self.params, grads, [first, second]);
        }
        let (mut first, mut second) = (first.chunks_mut(piece), second.chunks_mut(piece));
        for (params, grads) in self.params.chunks_mut(piece).zip(grads.chunks(piece)) {
            let state = [&mut first, &mut second].map(|slot| slot.next().unwrap_or_default());
            optimizer.update(&info, params, grads, state);
        }
    }
}

fn empty_slots<T: Float>(optimizer: &dyn Optimize<T>, n: usize) -> [Vec<T>; 2] {
    [0, 1].map(|slot| if slot < optimizer.state_vectors() { vec![T::ZERO; n] } else { Vec::new() })
}

/// A rate that changes, so that a rule which keeps an old one is found out.
fn info(step: u64) -> StepInfo {
    StepInfo { learning_rate: 0.1 / step as f64, step }
}

fn draw<T: Float>(random: &mut Stream, n: usize) -> Vec<T> {
    (0..n).map(|_| T::from_f64(random.normal())).collect()
}

/// The parameters after the first step.
pub(super) fn first_step<T: Float, const N: usize>(
    optimizer: &dyn Optimize<T>,
    learning_rate: f64,
    mut params: [T; N],
    grads: [T; N],
) -> [T; N] {
    let (mut first, mut second) = ([T::ZERO; N], [T::ZERO; N]);
    let info = StepInfo { learning_rate, step: 1 };
    optimizer.update(&info, &mut params, &grads, [&mut first, &mut second]);
    params
}
