//! The worked values of the tutorials and the book, each optimizer by hand, and what is refused.

use super::*;

fn request(formula: &str, from: &[(&str, f64)], optimizers: &[(&str, f64)]) -> DescentRequest {
    let from = from.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let rated = |&(name, learning_rate): &(&str, f64)| RatedOptimizer {
        optimizer: serde_json::from_value(name.into()).unwrap(),
        learning_rate,
    };
    DescentRequest {
        surface: DescentSurface::Formula { formula: formula.into(), from, at: BTreeMap::new() },
        optimizers: optimizers.iter().map(rated).collect(),
        steps: 100,
        ascend: false,
        numerical: false,
    }
}

fn path_of(request: &DescentRequest) -> DescentPath {
    descend(request).unwrap_or_else(|error| panic!("{error}")).paths.remove(0)
}

fn end(path: &DescentPath) -> Vec<f64> {
    path.points.last().expect("a start").at.clone()
}

const BOWL: &str = "x^2 + y^2";
const FROM: [(&str, f64); 2] = [("x", -3.0), ("y", 4.0)];

#[test]
fn g8_descent_arrives_blows_up_or_hardly_moves() {
    for numerical in [false, true] {
        let with = |rate| DescentRequest { numerical, ..request(BOWL, &FROM, &[("sgd", rate)]) };
        let arrived = path_of(&with(0.1));
        let [x, y] = end(&arrived)[..] else { panic!("two variables") };
        assert!((x + 6.11e-10).abs() < 1e-12 && (y - 8.15e-10).abs() < 1e-12, "{x} {y}");
        assert_eq!((arrived.points.len(), arrived.outcome), (101, PathEnd::Ended));
        let blown = path_of(&with(10.0));
        assert!(end(&blown)[0].abs() > 1e6 && blown.outcome == PathEnd::Worse, "{:?}", end(&blown));
        let stuck = end(&path_of(&with(1e-10)));
        assert!((stuck[0] + 3.0).abs() < 1e-6 && (stuck[1] - 4.0).abs() < 1e-6, "{stuck:?}");
    }
    // The tutorial's `gradient_descent` by hand, as it is with defaults: 0.01 and 100 steps.
    let by_hand = numeric::descend(|x| x[0] * x[0] + x[1] * x[1], &[-3.0, 4.0], 0.01, 100);
    let numerical = DescentRequest { numerical: true, ..request(BOWL, &FROM, &[("sgd", 0.01)]) };
    for (found, want) in path_of(&numerical).points.iter().zip(&by_hand) {
        let near = found.at.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(near, "{found:?}, expected {want:?}");
    }
}

#[test]
fn g6_and_g7_are_the_gradients_of_a_start() {
    let start = |formula: &str, from: &[(&str, f64)], numerical| {
        let request =
            DescentRequest { numerical, steps: 0, ..request(formula, from, &[("sgd", 0.1)]) };
        path_of(&request).points[0].gradient.clone()
    };
    for (x, want) in [(5.0, 0.2), (10.0, 0.3)] {
        let found = start("0.01x^2 + 0.1x", &[("x", x)], true)[0];
        assert!((found - want).abs() < 1e-11 && found != want, "{found}");
    }
    let points = [([3.0, 4.0], [6.0, 8.0]), ([0.0, 2.0], [0.0, 4.0]), ([3.0, 0.0], [6.0, 0.0])];
    for (at, want) in points {
        assert_eq!(start(BOWL, &[("x", at[0]), ("y", at[1])], false), want);
    }
}

/// One step of one variable, as the source of the optimizer writes it: `(rate, step, w, g, state)` to the new `w`.
type StepByHand = fn(f64, i32, f64, f64, &mut [f64; 2]) -> f64;

const BY_HAND: [(&str, f64, StepByHand); 6] = [
    ("sgd", 0.95, |rate, _, w, g, _| w - rate * g),
    ("momentum", 0.1, |rate, _, w, g, [v, _]| {
        *v = 0.9 * *v - rate * g;
        w + *v
    }),
    ("nesterov", 0.1, |rate, _, w, g, [v, _]| {
        let old = *v;
        *v = 0.9 * old - rate * g;
        w + 0.9 * 0.9 * old - 1.9 * rate * g
    }),
    ("adagrad", 1.5, |rate, _, w, g, [h, _]| {
        *h += g * g;
        w - rate * g / (h.sqrt() + 1e-7)
    }),
    ("rmsprop", 0.1, |rate, _, w, g, [h, _]| {
        *h = 0.99 * *h + 0.01 * g * g;
        w - rate * g / (h.sqrt() + 1e-8)
    }),
    ("adam", 0.3, |rate, step, w, g, [m, v]| {
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        let (mean, square) = (*m / (1.0 - 0.9_f64.powi(step)), *v / (1.0 - 0.999_f64.powi(step)));
        w - rate * mean / (square.sqrt() + 1e-8)
    }),
];

/// The book's valley and start, with a rate for each optimizer.
fn valley() -> DescentRequest {
    let optimizers = BY_HAND.map(|(name, rate, _)| (name, rate));
    DescentRequest { steps: 30, ..request("x^2/20 + y^2", &[("x", -7.0), ("y", 2.0)], &optimizers) }
}

#[test]
fn the_books_valley_every_optimizer_takes_the_steps_that_are_made_by_hand() {
    let descent = descend(&valley()).unwrap();
    for ((name, rate, step_by_hand), path) in BY_HAND.into_iter().zip(&descent.paths) {
        let (mut at, mut state) = ([-7.0, 2.0], [[0.0; 2]; 2]);
        assert_eq!(
            (path.optimizer.as_str(), path.learning_rate, path.points.len()),
            (name, rate, 31)
        );
        for (step, point) in path.points.iter().enumerate() {
            let near = point.at.iter().zip(at).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "{name}, step {step}: {:?}, expected {at:?}", point.at);
            assert!((point.value - (at[0] * at[0] / 20.0 + at[1] * at[1])).abs() < 1e-12);
            let gradient = [at[0] / 10.0, 2.0 * at[1]];
            let near = point.gradient.iter().zip(gradient).all(|(a, b)| (a - b).abs() < 1e-12);
            assert!(near, "{name}, step {step}: {:?}, expected {gradient:?}", point.gradient);
            for i in 0..2 {
                at[i] = step_by_hand(rate, step as i32 + 1, at[i], gradient[i], &mut state[i]);
            }
        }
    }
}

#[test]
fn the_books_valley_has_the_shapes_of_figure_6_3() {
    let descent = descend(&valley()).unwrap();
    let path = |name: &str| descent.paths.iter().find(|path| path.optimizer == name).expect(name);
    let turns = |name: &str, axis: usize| {
        let at: Vec<f64> = path(name).points.iter().map(|point| point.at[axis]).collect();
        at.windows(2).filter(|pair| pair[0] * pair[1] < 0.0).count()
    };
    // SGD jumps from one side of the valley to the other at every step, and is not at the minimum yet.
    assert_eq!(turns("sgd", 1), 30);
    assert!((-0.5..-0.2).contains(&end(path("sgd"))[0]), "{:?}", end(path("sgd")));
    // Momentum swings beyond the minimum and back along the valley.
    assert!(
        turns("momentum", 0) > 0 && (4..10).contains(&turns("momentum", 1)),
        "{}",
        turns("momentum", 1)
    );
    // AdaGrad goes straight to it, Adam swings a little.
    assert_eq!((turns("adagrad", 0), turns("adagrad", 1)), (0, 0));
    assert!((1..5).contains(&turns("adam", 1)), "{}", turns("adam", 1));
    let surface = descent.surface.expect("two variables");
    assert!(surface.xs[0] < -7.0 && surface.ys[60] > 2.0 && surface.contours.len() == 12);
    assert!(descent.paths.iter().all(|path| path.outcome == PathEnd::Ended));
}

#[test]
fn ascent_is_descent_upside_down_and_runs_to_infinity_are_said() {
    let up = DescentRequest { ascend: true, ..request("-(x^2)", &[("x", 2.0)], &[("sgd", 0.1)]) };
    let down = request("x^2", &[("x", 2.0)], &[("sgd", 0.1)]);
    assert_eq!(end(&path_of(&up)), end(&path_of(&down)));
    assert_eq!(path_of(&up).outcome, PathEnd::Ended);

    let steep = request("exp(x)", &[("x", 3.0)], &[("sgd", 100.0)]);
    assert_eq!(path_of(&steep).outcome, PathEnd::Ended, "far to the left it is flat");
    let away = DescentRequest { ascend: true, ..steep };
    let path = path_of(&away);
    assert_eq!((path.points.len(), path.outcome), (1, PathEnd::Diverged { step: 1 }));
    let nowhere = path_of(&request("ln(x)", &[("x", -1.0)], &[("sgd", 0.1)]));
    assert_eq!((nowhere.points.len(), nowhere.outcome), (1, PathEnd::Diverged { step: 0 }));
    assert!(nowhere.points[0].at == [-1.0] && nowhere.points[0].value.is_nan());
}

#[test]
fn the_cost_of_both_kinds_of_gradient_is_counted() {
    let three = [("x", 1.0), ("y", 2.0), ("z", 3.0)];
    let exact = DescentRequest { steps: 10, ..request("x*y + z^2", &three, &[("sgd", 0.01)]) };
    let numerical = DescentRequest { numerical: true, ..exact.clone() };
    let [exact, numerical] = [exact, numerical].map(|request| descend(&request).unwrap());
    assert!(exact.surface.is_none() && exact.curve.is_none() && numerical.is_numerical);
    assert_eq!(exact.paths[0].cost, Cost { forward: 10, backward: 10, samples: 0 });
    assert_eq!(numerical.paths[0].cost, Cost { forward: 60, backward: 0, samples: 0 });
    let (a, b) = (end(&exact.paths[0]), end(&numerical.paths[0]));
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?} {b:?}");
}

fn line(batches: &[Option<usize>], seed: u64) -> DescentRequest {
    let sgd = || RatedOptimizer { optimizer: nn::optim::Sgd {}.into(), learning_rate: 0.1 };
    DescentRequest {
        surface: DescentSurface::Line {
            points: None,
            from: LineStart::default(),
            batches: batches.to_vec(),
            seed,
        },
        optimizers: vec![sgd()],
        ..request(BOWL, &FROM, &[])
    }
}

#[test]
fn a_line_is_fitted_by_all_points_by_one_and_by_some() {
    let descent = descend(&line(&[None, Some(1), Some(10)], 7)).unwrap();
    let points = descent.data.as_ref().expect("the points");
    assert_eq!((descent.names.join(" "), points.len()), ("weight bias".into(), 50));

    // Least squares by hand: where descent with all points leads.
    let mean = |f: fn(&[f64; 2]) -> f64| points.iter().map(f).sum::<f64>() / 50.0;
    let (x, y) = (mean(|p| p[0]), mean(|p| p[1]));
    let weight = (mean(|p| p[0] * p[1]) - x * y) / (mean(|p| p[0] * p[0]) - x * x);
    let bias = y - weight * x;
    let found = end(&descent.paths[0]);
    assert!(
        (found[0] - weight).abs() < 1e-2 && (found[1] - bias).abs() < 1e-6,
        "{found:?}, {weight} {bias}"
    );

    // One step by hand, and that the loss falls at every step of the smooth path and not at those of the others.
    let first = &descent.paths[0].points[..2];
    let slope = [mean(|p| -2.0 * p[0] * p[1]), mean(|p| -2.0 * p[1])];
    assert!(
        (first[1].at[0] + 0.1 * slope[0]).abs() < 1e-12
            && (first[1].at[1] + 0.1 * slope[1]).abs() < 1e-12
    );
    let rises =
        |path: &DescentPath| path.points.windows(2).filter(|p| p[1].value > p[0].value).count();
    let counts: Vec<_> = descent.paths.iter().map(rises).collect();
    assert!(counts[0] == 0 && counts[1] > counts[2] && counts[2] > 0, "{counts:?}");
    let samples: Vec<_> =
        descent.paths.iter().map(|path| (path.batch, path.cost.samples)).collect();
    assert_eq!(samples, [(None, 5000), (Some(1), 100), (Some(10), 1000)]);
}

#[test]
fn an_epoch_of_batches_of_one_takes_every_point_once_in_an_order_by_the_seed() {
    let of_seed = |seed| descend(&line(&[Some(1)], seed)).unwrap();
    assert_eq!(of_seed(3), of_seed(3));
    let [first, second] =
        [of_seed(1), of_seed(2)].map(|descent| descent.paths[0].points[5].at.clone());
    assert_ne!(first, second);
    // The gradient of one point: 2 (w·x + b − y) · [x, 1].
    let descent = of_seed(1);
    let points = descent.data.as_ref().unwrap();
    let mut taken: Vec<usize> = descent.paths[0].points[..50]
        .iter()
        .map(|point| {
            let [w, b] = point.at[..] else { panic!("two variables") };
            let is_of = |p: &[f64; 2]| {
                let error = 2.0 * (w * p[0] + b - p[1]);
                (point.gradient[0] - error * p[0]).abs() < 1e-12
                    && (point.gradient[1] - error).abs() < 1e-12
            };
            points.iter().position(is_of).expect("the gradient of a point")
        })
        .collect();
    taken.sort_unstable();
    assert_eq!(taken, (0..50).collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_computed() {
    let refused = |request: DescentRequest| descend(&request).expect_err("refused").to_string();
    let sgd = [("sgd", 0.1)];
    let bowl = || request(BOWL, &FROM, &sgd);
    for (request, want) in [
        (request("x +", &[("x", 1.0)], &sgd), "expected a number, a name,"),
        (request("x + z", &[("x", 1.0)], &sgd), "names without a value: z"),
        (
            request("x", &[("xs", 1.0)], &sgd),
            "`xs` does not occur in the formula; did you mean `x`?",
        ),
        (
            request("x", &[("x", f64::NAN)], &sgd),
            "`x` has the value undefined, expected finite numbers",
        ),
        (request("1 + 1", &[], &sgd), "from: expected 1 to 3 variables, found 0"),
        (
            request("[x, 1]", &[("x", 1.0)], &sgd),
            "expected a number as the result, such as an element",
        ),
        (request(BOWL, &FROM, &[]), "optimizers: expected 1 to 8, found 0"),
        (request(BOWL, &FROM, &[("sgd", 0.1); 9]), "optimizers: expected 1 to 8, found 9"),
        (
            request(BOWL, &FROM, &[("sgd", -0.1)]),
            "learning_rate: expected a number above 0, found -0.1",
        ),
        (DescentRequest { steps: 10_001, ..bowl() }, "steps: expected at most 10000, found 10001"),
        (
            DescentRequest { steps: 3000, ..request(BOWL, &FROM, &[("sgd", 0.1); 8]) },
            "steps: expected at most 20000 of all paths together, found 24000",
        ),
        (
            DescentRequest {
                steps: 10_000,
                ..request(&vec!["x"; 2000].join("*"), &[("x", 1.0)], &sgd)
            },
            "steps: expected fewer: the formula is long",
        ),
        (line(&[Some(51)], 0), "batches: expected 1 to 50 points, found 51"),
        (line(&[None; 9], 0), "batches: expected 1 to 8, found 9"),
        (line(&[], 0), "batches: expected 1 or 1, one for each path, found 0"),
        (line(&[Some(0)], 0), "batches: expected 1 to 50 points, found 0"),
    ] {
        let error = refused(request);
        assert!(error.starts_with(want), "{error}, expected {want}");
    }
    let mut request = line(&[None], 0);
    let DescentSurface::Line { points, .. } = &mut request.surface else { panic!("a line") };
    *points = Some(vec![[0.0, f64::INFINITY], [1.0, 1.0]]);
    assert!(refused(request).starts_with("`y` has the value [inf, 1], expected finite numbers"));
}

#[test]
fn json_has_the_numbers_and_null_where_there_is_none() {
    let mut descent =
        descend(&DescentRequest { steps: 1, ..request("x^2", &[("x", 2.0)], &[("adam", 0.1)]) })
            .unwrap();
    descent.curve.as_mut().unwrap().y[0] = f64::NAN;
    let json = serde_json::to_value(&descent).unwrap();
    assert_eq!(
        json["paths"][0]["points"][0],
        serde_json::json!({ "at": [2.0], "value": 4.0, "gradient": [4.0] })
    );
    assert_eq!(json["paths"][0]["outcome"], serde_json::json!({ "kind": "ended" }));
    assert!(json["curve"]["y"][0].is_null() && json["surface"].is_null());
}
