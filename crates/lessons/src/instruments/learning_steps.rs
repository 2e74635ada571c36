//! The first steps of a training run, one row each: the loss of the batch, one weight, its gradient, the new weight.

use super::*;
use crate::instrument::RunsWhen;
use nn::registry::within_limit;

settings! {
    /// The instrument `learning_steps`.
    ///
    /// Values, of step 1 and so on: the loss before the update `loss_1`, the weight `weight_1`, its gradient `gradient_1`, the new weight
    /// `new_weight_1`; the loss of the last step, `last_loss`.
    pub struct LearningSteps {
        /// The experiment as TOML, with `source = "memory"` and plain SGD.
        experiment: String;
        /// Digits for training, from the first.
        train: usize = 1000, |name, found: &usize| within_limit(name, *found, 10_000);
        /// The path of the parameter of which an element is shown, such as `4.linear.weight`.
        parameter: String;
        /// The number of the element, from 0.
        element: usize = 0;
        /// The learning rate at first.
        learning_rate: f64 = 0.1;
        /// Samples of a batch at first.
        batch: usize = 100;
    }
}

impl Instrument for LearningSteps {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let rate = say("learning rate", "学习率");
        let batch = say("digits of a batch", "每批的数字个数");
        vec![
            Control::number("rate", rate, self.learning_rate, [0.001, 10.0]).log(),
            Control::whole("batch", batch, self.batch, [1, self.train]),
            Control::whole("steps", say("steps", "步数"), 5, [1, 20]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn runs(&self) -> RunsWhen {
        RunsWhen::OnRequest
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (rate, steps) = (call.number("rate"), call.whole("steps"));
        let settings = [
            // A number in TOML has a point.
            ("train.schedule.learning_rate", format!("{rate:?}")),
            ("train.batch", call.whole("batch").to_string()),
            ("train.steps", steps.to_string()),
            ("train.seed", call.seed().to_string()),
        ];
        let settings = settings.map(|(path, value)| (path.to_owned(), value));
        let digits = call.digits(self.train, 1)?;
        let mut trainer = call.trainer(&self.experiment, &settings, digits)?;
        let parameters = &trainer.model().parameters;
        let parameter = parameters.iter().find(|parameter| parameter.path == self.parameter);
        let parameter = parameter.unwrap_or_else(|| panic!("{}: no parameter", self.parameter));
        let at = parameter.range.start + self.element;
        let mut output = InstrumentOutput::default();
        let mut rows = Vec::new();
        for step in 1..=steps {
            let weight = f64::from(trainer.saved().parameters[at]);
            let Some(finished) = call.train_step(&mut trainer)? else {
                output = output.note(match call.language {
                    Language::En => format!("Step {step}: a number is not finite."),
                    Language::Zh => format!("第 {step} 步：出现非有限值。"),
                });
                break;
            };
            let loss = finished.metrics.loss();
            let gradient = f64::from(trainer.program().gradients()[at]);
            let new_weight = f64::from(trainer.saved().parameters[at]);
            rows.push(vec![
                step.to_string().into(),
                TableCell::marked(number(loss, 5), CellMark::Forward),
                number(weight, 5).into(),
                TableCell::marked(number(gradient, 4), CellMark::Backward),
                number(rate * gradient, 4).into(),
                TableCell::marked(number(new_weight, 5), CellMark::Strong),
            ]);
            output = output
                .value(format!("loss_{step}"), loss)
                .value(format!("weight_{step}"), weight)
                .value(format!("gradient_{step}"), gradient)
                .value(format!("new_weight_{step}"), new_weight)
                .value("last_loss", loss);
        }
        let heads = [
            call.say(">step", ">步"),
            call.say(">loss of the batch", ">本批损失"),
            call.say(">weight", ">权重"),
            call.say(">gradient", ">梯度"),
            call.say(">rate × gradient", ">学习率 × 梯度"),
            call.say(">new weight", ">新权重"),
        ];
        Ok(output.figure(Figure::table(&heads, rows)))
    }
}
