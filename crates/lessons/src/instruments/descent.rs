//! Descent along the gradient: paths of optimizers on a formula, or on the loss of a line through points.

use std::collections::BTreeMap;

use super::*;
use crate::figure::{FigureContent, Series};
use explain::FormulaValue;
use explain::descent::{
    Descent, DescentRequest, DescentSurface, LineStart, MAX_PATHS, MAX_VARIABLES, PathEnd,
    RatedOptimizer, descend,
};
use explain::formula::Formula;
use nn::optim::Optimizer;

settings! {
    /// The instrument `descent`: with a formula from a start, else on the loss of a line through points.
    ///
    /// Controls: the start, called as the names of the formula; `rate_1`, …; `steps`; `direction`; `gradient`; of a line `seed`.
    ///
    /// Values: of path 1 and so on the last point, `x_1`, its height `value_1` (infinite if it diverged) and the sum of the heights
    /// after each step `sum_1`; of a line the samples that were read, `samples_1`; the height at the start `first` and the gradient
    /// there, `d_x`.
    pub struct DescentPaths {
        /// The formula; none for a line through points.
        formula: String = String::new();
        /// The start: a value for each name of the formula, at most three.
        from: BTreeMap<String, f64> = BTreeMap::new();
        /// Who descends: a path each.
        optimizers: Vec<DescentOptimizer>;
        /// Of a line, the samples of a batch for each optimizer; 0 stands for all points.
        batches: Vec<usize> = Vec::new();
        /// Steps at first.
        steps: usize = 30;
        /// The direction at first: `down` or `up`.
        direction: String = "down".to_owned();
        /// Whether the gradient is shown as arrows, of a formula with two names.
        arrows: bool = false;
    }
}

/// An optimizer and its learning rate at first.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescentOptimizer {
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Its learning rate at first.
    pub learning_rate: f64,
}

/// Steps at most.
const MOST_STEPS: usize = 1000;
/// Arrows in a row.
const ARROWS: i32 = 11;

impl Instrument for DescentPaths {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let starts = self.from.iter().map(|(name, value)| {
            let label = format!("{} {name}", say("start", "起点"));
            Control::number(name, &label, *value, [-100.0, 100.0])
        });
        let rates = self.optimizers.iter().enumerate().map(|(i, each)| {
            let optimizer = optimizer_name(each.optimizer.name(), language);
            let label = format!("{} {optimizer}", say("learning rate", "学习率"));
            Control::number(&format!("rate_{}", i + 1), &label, each.learning_rate, [1e-12, 100.0])
                .log()
        });
        let directions = [("down", say("down", "下降")), ("up", say("up", "上升"))];
        let gradients = [("exact", say("exact", "精确")), ("numerical", say("numerical", "数值"))];
        let direction = say("direction", "方向");
        let mut controls: Vec<Control> = starts.chain(rates).collect();
        controls.push(Control::whole("steps", say("steps", "步数"), self.steps, [1, MOST_STEPS]));
        controls.push(Control::choice("direction", direction, &self.direction, &directions));
        if self.formula.is_empty() {
            controls.push(Control::seed(say("seed", "随机种子"), 0));
        } else {
            controls.push(Control::choice(
                "gradient",
                say("gradient", "梯度"),
                "exact",
                &gradients,
            ));
        }
        controls
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let optimizers = self.optimizers.iter().take(MAX_PATHS).enumerate();
        let optimizers = optimizers.map(|(i, each)| RatedOptimizer {
            optimizer: each.optimizer.clone(),
            learning_rate: call.number(&format!("rate_{}", i + 1)),
        });
        let from = self.from.keys().take(MAX_VARIABLES);
        let from: BTreeMap<String, f64> =
            from.map(|name| (name.clone(), call.number(name))).collect();
        let is_line = self.formula.is_empty();
        let surface = match is_line {
            true => DescentSurface::Line {
                points: None,
                from: LineStart::default(),
                batches: self
                    .batches
                    .iter()
                    .map(|&samples| (samples > 0).then_some(samples))
                    .collect(),
                seed: call.seed(),
            },
            false => DescentSurface::Formula {
                formula: self.formula.clone(),
                from: from.clone(),
                at: BTreeMap::new(),
            },
        };
        let request = DescentRequest {
            surface,
            optimizers: optimizers.collect(),
            steps: call.whole("steps"),
            ascend: call.text("direction") == "up",
            numerical: !is_line && call.text("gradient") == "numerical",
        };
        let mut descent =
            descend(&request).map_err(|error| call.mistake("steps", error.to_string()))?;
        for path in &mut descent.paths {
            path.optimizer = optimizer_name(&path.optimizer, call.language).to_owned();
        }
        let mut output = InstrumentOutput::default();
        if let Some(start) = descent.paths.first().and_then(|path| path.points.first()) {
            output = output.value("first", start.value);
            for (name, slope) in descent.names.iter().zip(&start.gradient) {
                output = output.value(format!("d_{name}"), *slope);
            }
        }
        let heads = [
            "<",
            call.say(">learning rate", ">学习率"),
            call.say(">last point", ">终点"),
            call.say(">height there", ">终点的高度"),
        ];
        let rows: Vec<_> = descent
            .paths
            .iter()
            .map(|path| {
                let Some(last) = path.points.last() else { return Vec::new() };
                let at: Vec<String> = last.at.iter().map(|&at| number(at, 4)).collect();
                let height = match path.outcome {
                    PathEnd::Diverged { step } => match call.language {
                        Language::En => format!("diverged at step {step}"),
                        Language::Zh => format!("在第 {step} 步发散"),
                    },
                    _ => number(last.value, 4),
                };
                let name = match path.batch {
                    Some(samples) => {
                        let [open, close] = [call.say(" (", "（"), call.say(")", "）")];
                        format!("{}{open}{samples}{close}", path.optimizer)
                    }
                    None => path.optimizer.clone(),
                };
                vec![
                    name.into(),
                    cell(path.learning_rate),
                    TableCell::from(at.join(", ")),
                    height.into(),
                ]
            })
            .filter(|row| !row.is_empty())
            .collect();
        for (i, path) in descent.paths.iter().enumerate() {
            let diverged = matches!(path.outcome, PathEnd::Diverged { .. });
            let n = i + 1;
            let last = path.points.last();
            let height = last.map_or(f64::INFINITY, |last| last.value);
            let sum: f64 = path.points.iter().skip(1).map(|point| point.value).sum();
            let or_infinite = |value: f64| if diverged { f64::INFINITY } else { value };
            output = output
                .value(format!("value_{n}"), or_infinite(height))
                .value(format!("samples_{n}"), path.cost.samples as f64)
                .value(format!("sum_{n}"), or_infinite(sum));
            for (name, at) in descent.names.iter().zip(last.iter().flat_map(|last| &last.at)) {
                output = output.value(format!("{name}_{n}"), or_infinite(*at));
            }
        }
        let arrows = self.arrows.then(|| arrows(call, &self.formula, &descent)).flatten();
        output.figures.extend(arrows);
        Ok(output
            .figure(FigureContent::Contours { descent }.into())
            .figure(Figure::table(&heads, rows)))
    }
}

/// An optimizer as readers call it.
fn optimizer_name(kind: &str, language: Language) -> &str {
    match kind {
        "sgd" => "SGD",
        "momentum" => language.say("momentum", "动量法"),
        "nesterov" => language.say("Nesterov", "Nesterov 动量"),
        "adagrad" => "AdaGrad",
        "rmsprop" => "RMSprop",
        "adam" => "Adam",
        kind => kind,
    }
}

/// The gradient at points around the start and the origin.
fn arrows(call: &InstrumentCall<'_>, formula: &str, descent: &Descent) -> Option<Figure> {
    let [x, y] = &descent.names[..] else { return None };
    let formula = Formula::parse(formula).ok()?;
    let start = &descent.paths.first()?.points.first()?.at;
    let reach = start.iter().fold(1.0_f64, |reach, at| reach.max(at.abs()));
    let places =
        || (0..ARROWS).map(|i| reach * f64::from(2 * i - ARROWS + 1) / f64::from(ARROWS - 1));
    let mut arrows = Vec::new();
    for (at_x, at_y) in places().flat_map(|x| places().map(move |y| (x, y))) {
        let values =
            [(x, at_x), (y, at_y)].map(|(name, at)| (name.clone(), FormulaValue::Number(at)));
        let evaluated = formula.evaluate(&values, &[]).ok()?;
        let slope = |name: &str| {
            let node = evaluated.nodes.iter().find(|node| node.name == name)?;
            node.gradient.as_ref()?.number()
        };
        arrows.push([at_x, at_y, slope(x)?, slope(y)?]);
    }
    let name = call.say("gradient", "梯度");
    let axes = [x, y].map(PlotAxis::new);
    let [x, y] = axes;
    let content =
        FigureContent::Plot { x, y, series: vec![Series::arrows(name, &arrows)], equal: true };
    Some(Figure::from(content).titled(call.say("The gradient as arrows", "用箭头表示的梯度")))
}
