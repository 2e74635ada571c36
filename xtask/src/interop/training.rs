//! Cases of optimizers and schedules: a small network trained for a hundred steps.
//!
//! Left out, since the definitions differ on purpose:
//!
//! - `lion`: PyTorch has none.
//! - `momentum` and `nesterov` with a rate that changes: our velocity holds the rate, PyTorch's does not.
//! - `muon` for kernels of convolutions, which PyTorch refuses.
//! - an exponential schedule with a floor.
//!
//! And three differences are made small by the settings of a case: RAdam's epsilon is added before the correction of
//! the squares in PyTorch, and after it here; Muon's is added to a norm here, and bounds it there; and PyTorch computes Muon's
//! iteration in 16 bits, which `pytorch.py` replaces.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use gradus::graph::{Compile, Pool, Program, RunArgs, Tensors};
use gradus::nn::optim::{MAX_STATE, Optimizer, ParameterRule, StepInfo};
use gradus::nn::schedule::{Schedule, StepOf};
use gradus::nn::{Mode, Objective};
use gradus::runs::Experiment;
use random_networks::{RandomTrial, parse};

use super::case::{Case, Numbers, settings_of};
use super::networks::describe;

const STEPS: u64 = 100;

/// Optimizers, with a learning rate.
const OPTIMIZERS: &[(&str, f64)] = &[
    ("'sgd'", 0.2),
    ("'momentum'", 0.1),
    ("{ kind = 'momentum', momentum = 0.5 }", 0.1),
    ("'nesterov'", 0.1),
    ("'adagrad'", 0.1),
    ("'adadelta'", 1.0),
    ("{ kind = 'adadelta', decay = 0.8, epsilon = 1e-5 }", 0.5),
    ("'rmsprop'", 0.01),
    ("{ kind = 'rmsprop', decay = 0.9, epsilon = 1e-4 }", 0.01),
    ("'adam'", 0.01),
    ("{ kind = 'adam', beta1 = 0.8, beta2 = 0.99, epsilon = 1e-4 }", 0.01),
    ("'adamw'", 0.01),
    ("{ kind = 'adamw', weight_decay = 0.5, decay_all = true }", 0.01),
    ("'nadam'", 0.01),
    ("{ kind = 'nadam', beta1 = 0.8, momentum_decay = 0.1 }", 0.01),
    ("{ kind = 'radam', epsilon = 1e-17 }", 0.01),
    ("{ kind = 'radam', beta1 = 0.8, beta2 = 0.9, epsilon = 1e-17 }", 0.01),
    ("'muon'", 0.02),
    ("{ kind = 'muon', momentum = 0.8, weight_decay = 0.1 }", 0.002),
];

/// Schedules, with an optimizer.
const SCHEDULES: &[(&str, &str)] = &[
    ("{ kind = 'constant', learning_rate = 0.1 }", "'sgd'"),
    ("{ kind = 'step', start = 0.5, factor = 0.7, every = 30 }", "'adam'"),
    ("{ kind = 'exponential', floor = 0, amplitude = 0.3, decay_steps = 40 }", "'sgd'"),
    ("{ kind = 'linear', start = 0.5, end = 0.02 }", "'sgd'"),
    ("{ kind = 'linear', start = 0.05, steps = 60 }", "'adamw'"),
    ("{ kind = 'cosine', start = 0.5, end = 0.01 }", "'sgd'"),
    ("{ kind = 'cosine', start = 0.05 }", "'nadam'"),
    ("{ kind = 'one_cycle', max_learning_rate = 0.05 }", "'adam'"),
    (
        "{ kind = 'one_cycle', max_learning_rate = 0.05, pct_start = 0.45, base_momentum = 0.7 }",
        "'adamw'",
    ),
    ("{ kind = 'log_cosine', max_learning_rate = 0.05 }", "'adam'"),
    ("{ kind = 'log_cosine', max_learning_rate = 0.5, cycles = 2 }", "'sgd'"),
    (
        "{ kind = 'warmup', steps = 20, then = { kind = 'cosine', start = 0.5, end = 0.01 } }",
        "'sgd'",
    ),
    ("{ kind = 'warmup', steps = 7, then = { kind = 'linear', start = 0.05 } }", "'adam'"),
];

/// All optimizers and schedules that both frameworks have.
///
/// # Errors
///
/// If an optimizer or schedule has no case and is not known to be missing in PyTorch.
pub(super) fn cases() -> anyhow::Result<Vec<Case>> {
    let mut kinds: BTreeSet<&str> = Optimizer::NAMES
        .iter()
        .chain(Schedule::NAMES)
        .copied()
        .filter(|name| *name != "lion")
        .collect();
    let constant = |rate: f64| format!("{{ kind = 'constant', learning_rate = {rate:?} }}");
    let optimizers = OPTIMIZERS.iter().map(|(optimizer, rate)| (*optimizer, constant(*rate)));
    let schedules =
        SCHEDULES.iter().map(|(schedule, optimizer)| (*optimizer, (*schedule).to_owned()));
    let cases = optimizers.chain(schedules).map(|(optimizer, schedule)| {
        let text = format!(
            "[model]\ninput = [1]\nlayers = ['relu']\n[train]\nsteps = {STEPS}\noptimizer = {optimizer}\nschedule = {schedule}"
        );
        let train = Experiment::parse("case", &text)?.train;
        kinds.remove(train.optimizer.name());
        kinds.remove(train.schedule.name());
        let name = format!("{optimizer}, {schedule}").replace(['\'', '{', '}'], "");
        let name = name.replace("kind = ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        case(name, &train.optimizer, &train.schedule)
    });
    let cases: Vec<_> = cases.collect::<anyhow::Result<_>>()?;
    ensure!(kinds.is_empty(), "{}: expected a case for {kinds:?}", file!());
    Ok(cases)
}

fn case(name: String, optimizer: &Optimizer, schedule: &Schedule) -> anyhow::Result<Case> {
    let layers = "{ kind = 'linear', units = 7 }, 'tanh', { kind = 'linear', units = 4 }, 'tanh', { kind = 'linear', units = 3 }";
    let network = parse(&[5], layers);
    let objective = Objective::default();
    let mut trial = RandomTrial::<f64>::new(&network, &objective, Mode::Train, 16, 2);
    let rules: Vec<_> = trial.model.parameters.iter().map(ParameterRule::from).collect();
    // Muon's step does not depend on the size of the loss: beside so large a one, its epsilon does not count.
    let loss_factor = if optimizer.name() == "muon" { 1e6 } else { 1.0 };
    let mut description = describe(&network, &trial, &objective.loss)?;
    let has_whole = optimizer.as_dyn::<f64>().whole(&rules).is_some();
    let mut matrices = Vec::new();
    for (spec, rule) in trial.model.parameters.iter().zip(&rules) {
        description["parameters"][&spec.path]["decays"] = rule.decays.into();
        if has_whole && rule.matrix.is_some() {
            matrices.push(&spec.path[..]);
        }
    }
    description["optimizer"] = settings_of(optimizer)?;
    description["schedule"] = settings_of(schedule)?;
    description["steps"] = STEPS.into();
    description["loss_factor"] = loss_factor.into();
    description["matrices"] = matrices.into();
    let mut found = train(&mut trial, optimizer, schedule, &rules, loss_factor)?;
    for spec in &trial.model.parameters {
        let values = trial.parameters[spec.range.clone()].to_vec();
        found.insert(spec.path.clone(), Numbers::new(values));
    }
    Ok(Case { name, description, found })
}

/// Trains, and returns losses, rates and momenta of all steps.
fn train(
    trial: &mut RandomTrial<f64>,
    optimizer: &Optimizer,
    schedule: &Schedule,
    rules: &[ParameterRule],
    loss_factor: f64,
) -> anyhow::Result<BTreeMap<String, Numbers>> {
    let optimizer = optimizer.as_dyn::<f64>();
    let options =
        Compile { batch: trial.batch(), loss: Some(trial.model.loss), ..Compile::default() };
    let mut program = Program::new(trial.model.graph.clone(), &options)?;
    let (tensors, pool) = (trial.inputs(), Pool::new(1));
    let tensors: Vec<_> = tensors.iter().collect();
    let mut whole = optimizer.whole(rules);
    let params = &mut trial.parameters;
    let mut state = [(); MAX_STATE].map(|()| vec![0.0; params.len()]);
    let (mut losses, mut rates, mut momenta) = (Vec::new(), Vec::new(), Vec::new());
    for step in 0..STEPS {
        program.run(&RunArgs {
            parameters: params,
            inputs: &Tensors(&tensors),
            ..RunArgs::default()
        });
        losses.push(program.scalar(trial.model.loss) * loss_factor);
        let grads: Vec<f64> = program.gradients().iter().map(|g| g * loss_factor).collect();
        let at = StepOf { step, steps: STEPS };
        let learning_rate = schedule.as_dyn().learning_rate(at);
        let momentum = schedule.as_dyn().momentum(at);
        rates.push(learning_rate);
        momenta.extend(momentum);
        let info = StepInfo { momentum, ..StepInfo::new(learning_rate, step + 1) };
        for rule in rules.iter().filter(|rule| whole.is_none() || rule.matrix.is_none()) {
            let range = rule.range.clone();
            let state = state.each_mut().map(|vector| &mut vector[range.clone()]);
            optimizer.update(
                &rule.step(&info),
                &mut params[range.clone()],
                &grads[range.clone()],
                state,
            );
        }
        if let Some(whole) = &mut whole {
            let state = state.each_mut().map(Vec::as_mut_slice);
            whole.update(&pool, &info, params, &grads, state);
        }
    }
    let mut found = BTreeMap::from([
        ("losses".to_owned(), Numbers::new(losses)),
        ("learning rates".to_owned(), Numbers::new(rates)),
    ]);
    if !momenta.is_empty() {
        found.insert("momenta".to_owned(), Numbers::new(momenta));
    }
    Ok(found)
}
