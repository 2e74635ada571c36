//! The network for tables against its published recipe, written again as plain loops in `f64`.

use data::{Dataset, Targets};
use gradus_train::Trainer;
use graph::Pool;
use runs::{Experiment, Split, suggested_training};

use crate::made_up::{features, heights, points, run};

/// The recipe: a scale, then linear layers with their activations between them. All parameters are in one vector, in the
/// order scale, weight, bias, weight, bias, …
struct Recipe {
    /// Inputs, units of the hidden layers, and outputs.
    widths: Vec<usize>,
    is_class: bool,
}

impl Recipe {
    /// The activation of `z` and its derivative.
    fn activation(&self, z: f64) -> [f64; 2] {
        if self.is_class {
            let (lambda, alpha) = (1.050_700_987_355_480_5, 1.673_263_242_354_377_2);
            return match z > 0.0 {
                true => [lambda * z, lambda],
                false => [lambda * alpha * z.exp_m1(), lambda * alpha * z.exp()],
            };
        }
        let (t, sigmoid) = (z.exp().ln_1p().tanh(), 1.0 / (1.0 + (-z).exp()));
        [z * t, t + z * sigmoid * (1.0 - t * t)]
    }

    /// The loss of outputs `y`, and its gradient in them.
    fn loss(&self, y: &[f64], target: &[f64]) -> (f64, Vec<f64>) {
        if !self.is_class {
            let differences = y.iter().zip(target).map(|(y, t)| y - t);
            let loss = differences.clone().map(|d| d * d).sum::<f64>() / y.len() as f64;
            return (loss, differences.map(|d| 2.0 * d / y.len() as f64).collect());
        }
        let sum: f64 = y.iter().map(|y| y.exp()).sum();
        let smoothed = target.iter().map(|t| 0.9 * t + 0.1 / y.len() as f64);
        let losses = y.iter().zip(smoothed.clone()).map(|(y, q)| -q * (y - sum.ln()));
        (losses.sum(), y.iter().zip(smoothed).map(|(y, q)| y.exp() / sum - q).collect())
    }

    /// The loss of a sample, whose gradient is added to `gradient` times `share`.
    fn add(&self, p: &[f64], x: &[f64], target: &[f64], share: f64, gradient: &mut [f64]) -> f64 {
        let mut values = vec![x.iter().zip(p).map(|(x, scale)| x * scale).collect::<Vec<_>>()];
        let (mut slopes, mut starts, mut start) = (Vec::new(), Vec::new(), x.len());
        for (layer, pair) in self.widths.windows(2).enumerate() {
            let [k, n] = [pair[0], pair[1]];
            let h = values.last().unwrap();
            let z = (0..n).map(|j| {
                let sum: f64 = (0..k).map(|i| h[i] * p[start + i * n + j]).sum();
                sum / (k as f64).sqrt() + p[start + k * n + j]
            });
            let is_last = layer + 2 == self.widths.len();
            let y = z.map(|z| if is_last { [z, 1.0] } else { self.activation(z) });
            let (y, slope): (Vec<f64>, Vec<f64>) = y.map(|[y, slope]| (y, slope)).unzip();
            starts.push(start);
            start += (k + 1) * n;
            values.push(y);
            slopes.push(slope);
        }
        let (loss, mut dy) = self.loss(values.last().unwrap(), target);
        for (layer, pair) in self.widths.windows(2).enumerate().rev() {
            let ([k, n], start) = ([pair[0], pair[1]], starts[layer]);
            let dz: Vec<f64> =
                dy.iter().zip(&slopes[layer]).map(|(dy, slope)| dy * slope).collect();
            let root = (k as f64).sqrt();
            for (j, dz) in dz.iter().enumerate() {
                gradient[start + k * n + j] += share * dz;
                for (i, h) in values[layer].iter().enumerate() {
                    gradient[start + i * n + j] += share * dz * h / root;
                }
            }
            let weight = |i, j| p[start + i * n + j];
            dy = (0..k).map(|i| (0..n).map(|j| weight(i, j) * dz[j]).sum::<f64>() / root).collect();
        }
        let of_scale = gradient.iter_mut().zip(dy.iter().zip(x));
        of_scale.for_each(|(gradient, (dy, x))| *gradient += share * dy * x);
        loss
    }

    /// The factor of the learning rate of each parameter.
    fn factors(&self) -> Vec<f64> {
        let mut factors = vec![6.0; self.widths[0]];
        for pair in self.widths.windows(2) {
            factors.extend(vec![1.0; pair[0] * pair[1]]);
            factors.extend(vec![0.1; pair[1]]);
        }
        factors
    }

    /// The losses of the first steps of 256, each on all samples.
    fn losses(&self, mut p: Vec<f64>, set: &Dataset, steps: usize) -> Vec<f64> {
        let factors = self.factors();
        let (mut m, mut v) = (vec![0.0; p.len()], vec![0.0; p.len()]);
        let base = if self.is_class { 0.04 } else { 0.07 };
        let step = |step: usize| {
            let mut gradient = vec![0.0; p.len()];
            let samples = features(set).chunks(self.widths[0]).enumerate().map(|(row, x)| {
                let x: Vec<f64> = x.iter().copied().map(f64::from).collect();
                let target = self.target(set, row);
                self.add(&p, &x, &target, 1.0 / set.len() as f64, &mut gradient)
            });
            let loss = samples.sum::<f64>() / set.len() as f64;
            let t = step as f64 / 256.0;
            let wave = (2.0 * std::f64::consts::PI * (1.0 + 15.0 * t).log2()).cos();
            let rate = base * (0.5 - 0.5 * wave);
            let corrections = [0.9_f64, 0.95].map(|beta| 1.0 - beta.powi(step as i32 + 1));
            for (i, g) in gradient.into_iter().enumerate() {
                m[i] = 0.9 * m[i] + 0.1 * g;
                v[i] = 0.95 * v[i] + 0.05 * g * g;
                let root = (v[i] / corrections[1]).sqrt();
                p[i] -= factors[i] * rate * (m[i] / corrections[0]) / (root + 1e-8);
            }
            loss
        };
        (0..steps).map(step).collect()
    }

    fn target(&self, set: &Dataset, row: usize) -> Vec<f64> {
        let outputs = *self.widths.last().unwrap();
        match set.targets() {
            Targets::Labels { values, .. } => {
                (0..outputs).map(|class| f64::from(values[row] == class as u32)).collect()
            }
            Targets::Values { values, .. } => {
                values[row * outputs..][..outputs].iter().copied().map(f64::from).collect()
            }
        }
    }
}

fn tabular(set: &Dataset, change: impl Fn(String) -> String) -> Trainer {
    let text = change(suggested_training(set, None));
    let experiment = Experiment::parse("table.toml", &format!("data.source = 'memory'\n{text}"));
    let experiment = experiment.unwrap_or_else(|error| panic!("{error}\n{text}"));
    let split = Split { train: set.clone(), test: set.clone() };
    Trainer::new(experiment, split, Pool::new(1)).unwrap()
}

#[test]
fn the_first_steps_are_those_of_the_published_recipe() {
    /// Half of the first two cycles of the learning rate.
    const STEPS: usize = 40;
    for (set, outputs) in [(points(50), 2), (heights(50), 2)] {
        let is_class = matches!(set.targets(), Targets::Labels { .. });
        let mut trainer = tabular(&set, |text| text.replace("units = 256", "units = 24"));
        assert_eq!(trainer.steps_planned(), 256, "a step is an epoch");
        let recipe = Recipe { widths: vec![2, 24, 24, 24, outputs], is_class };
        let first = trainer.saved().parameters.iter().copied().map(f64::from).collect();
        let expected = recipe.losses(first, &set, STEPS);
        let found: Vec<f64> = (0..STEPS).map(|_| trainer.step().unwrap().metrics.loss()).collect();
        let errors = found.iter().zip(&expected).map(|(found, want)| (found - want).abs());
        let worst = errors.fold(0.0, f64::max);
        assert!(worst < 1e-4, "off by {worst}: {found:?}\nexpected {expected:?}");
        // It does learn in these steps, so that each setting shows in the losses.
        assert!(expected[STEPS - 1] < 0.7 * expected[0], "{expected:?}");
    }
}

#[test]
fn the_network_begins_as_published() {
    let trainer = tabular(&points(50), |text| text);
    let parameters = &trainer.saved().parameters;
    for spec in &trainer.model().parameters {
        let values = parameters[spec.range.clone()].iter().copied().map(f64::from);
        let n = spec.range.len() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let deviation = (values.map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let (want_mean, want_deviation, factor) = match &*spec.path {
            "1.feature_scale.scale" => (1.0, 0.0, 6.0),
            "8.linear.weight" => (0.0, 0.0, 1.0),
            "8.linear.bias" => (0.0, 0.0, 0.1),
            path if path.ends_with("weight") => (0.0, 1.0, 1.0),
            _ => (0.0, 1.0, 0.1),
        };
        // Five standard errors.
        let error = 5.0 * want_deviation / n.sqrt();
        let (off_mean, off_deviation) =
            ((mean - want_mean).abs(), (deviation - want_deviation).abs());
        assert!(off_mean <= error && off_deviation <= error, "{}: {mean} {deviation}", spec.path);
        assert!((spec.learning_rate_factor - factor).abs() < 1e-15, "{}", spec.path);
    }
}

#[test]
fn a_small_table_is_learned() {
    let text = |network: &str| {
        format!(
            "[data]\nsource = {{ kind = 'made', table = 'moons', samples = 250, noise = 0.15 }}\n\
             transforms.numbers = [{{ kind = 'impute' }}, {{ kind = 'robust_scale' }}]\n{network}"
        )
    };
    let first = "[model]\ninput = [1]\nlayers = ['flatten']\n[train]\nsteps = 1\n";
    let data = Experiment::parse("moons.toml", &text(first)).unwrap().data;
    let parts = data.open(|| Err(std::fmt::Error)).unwrap();
    let network = suggested_training(&parts.train, None);
    let experiment = Experiment::parse("moons.toml", &text(&network)).unwrap();
    let mut trainer = Trainer::new(experiment, parts, Pool::new(2)).unwrap();
    let (finished, _) = run(&mut trainer, None);
    // A linear model reaches 0.88 on these 50 rows.
    let accuracy = finished.summary.test.get("accuracy").unwrap();
    assert!(accuracy >= 0.96, "{accuracy}");
}
