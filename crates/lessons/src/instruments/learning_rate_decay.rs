//! A learning rate that falls exponentially towards a floor.

use super::*;
use crate::figure::{Series, SeriesMark};
use nn::schedule::exponential::ExponentialDecay;
use nn::schedule::{LearningRate as _, StepOf};

settings! {
    /// The instrument `learning_rate_decay`.
    ///
    /// Values: `rate` at the step of the control; `first`, the rate of step 0.
    pub struct LearningRateDecay {
        /// The rate in the end, at first.
        floor: f64 = 0.0001, in_range;
        /// How far above the floor the rate begins, at first.
        amplitude: f64 = 0.003, in_range;
        /// The steps until `1/e` of the amplitude is left, at first.
        decay_steps: usize = 2000, |name, found: &usize| nn::registry::within_limit(name, *found, MOST_STEPS);
    }
}

const RATES: [f64; 2] = [1e-6, 1.0];
const MOST_STEPS: usize = 100_000;
/// Points of the curve.
const POINTS: u64 = 100;

fn in_range(name: &str, found: &f64) -> Result<(), nn::registry::InvalidSetting> {
    let is_in_range = (RATES[0]..=RATES[1]).contains(found);
    nn::registry::require(is_in_range, name, *found, "a number from 0.000001 to 1")
}

impl Instrument for LearningRateDecay {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        vec![
            Control::number("floor", say("floor", "下限"), self.floor, RATES).log(),
            Control::number("amplitude", say("amplitude", "幅度"), self.amplitude, RATES).log(),
            Control::whole(
                "decay_steps",
                say("decay steps", "衰减步数"),
                self.decay_steps,
                [1, MOST_STEPS],
            ),
            Control::whole("step", say("step", "步"), 0, [0, MOST_STEPS]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let decay_steps = call.whole("decay_steps") as u64;
        let step = call.whole("step") as u64;
        let schedule = ExponentialDecay {
            floor: call.number("floor"),
            amplitude: call.number("amplitude"),
            decay_steps,
        };
        // Five times the decay, after which less than a hundredth of the amplitude is left, or to the step.
        let steps = (5 * decay_steps).max(step);
        let rate = |step| schedule.learning_rate(StepOf { step, steps });
        let curve: Vec<[f64; 2]> = (0..=POINTS)
            .map(|i| steps * i / POINTS)
            .map(|step| [step as f64, rate(step)])
            .collect();
        let here = [[step as f64, rate(step)]];
        let series = vec![
            Series::new(call.say("learning rate", "学习率"), SeriesMark::Line, &curve),
            Series::new(call.say("step", "步"), SeriesMark::Points, &here),
        ];
        let axes = [call.say("step", "步"), call.say("learning rate", "学习率")].map(PlotAxis::new);
        let [x, y] = axes;
        let heads = [call.say(">step", ">步"), call.say(">learning rate", ">学习率")];
        let shown = [0, decay_steps, 2 * decay_steps, 5 * decay_steps];
        let rows = shown.into_iter().map(|at| (at, None)).chain([(step, Some(CellMark::Strong))]);
        let rows = rows.map(|(at, mark)| {
            [at.to_string(), number(rate(at), 6)].map(|text| TableCell { text, mark }).to_vec()
        });
        Ok(InstrumentOutput::default()
            .figure(Figure::plot(x, y, series))
            .figure(Figure::table(&heads, rows))
            .value("rate", rate(step))
            .value("first", rate(0)))
    }
}
