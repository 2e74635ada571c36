//! One weight under the L2 penalty: each step makes it smaller by the same share, against a constant gradient of the loss.

use super::*;
use crate::figure::{Series, SeriesMark};

settings! {
    /// The instrument `weight_decay`: `w ← w − η · (g + λ · w)`.
    ///
    /// Values: the weight after one step `new_weight`, and after all `last_weight`; the factor of each step, `factor`; where it comes
    /// to rest, `rest`.
    pub struct DecayingWeight {
        /// The weight at first.
        weight: f64 = 2.0;
        /// The factor of the penalty at first.
        lambda: f64 = 0.5;
        /// The learning rate at first.
        learning_rate: f64 = 0.1;
    }
}

impl Instrument for DecayingWeight {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let gradient = say("gradient g of the loss", "损失的梯度 g");
        vec![
            Control::number("weight", say("weight w", "权重 w"), self.weight, [-10.0, 10.0]),
            Control::number("gradient", gradient, 0.0, [-10.0, 10.0]),
            Control::number("lambda", "λ", self.lambda, [0.0, 1.0]),
            Control::number(
                "rate",
                say("learning rate η", "学习率 η"),
                self.learning_rate,
                [0.0, 1.0],
            ),
            Control::whole("steps", say("steps", "步数"), 100, [1, 500]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let [first, gradient, lambda, rate] =
            ["weight", "gradient", "lambda", "rate"].map(|name| call.number(name));
        let step = |w: &f64| Some(w - rate * (gradient + lambda * w));
        let path: Vec<f64> =
            std::iter::successors(Some(first), step).take(call.whole("steps") + 1).collect();
        let points: Vec<[f64; 2]> = path.iter().enumerate().map(|(i, &w)| [i as f64, w]).collect();
        let heads = [
            call.say(">step", ">步"),
            call.say(">weight w", ">权重 w"),
            call.say(">gradient g + λw", ">梯度 g + λw"),
            call.say(">new weight", ">新权重"),
        ];
        let rows = path.windows(2).enumerate().take(5).map(|(i, pair)| {
            let slope = number(gradient + lambda * pair[0], 6);
            vec![
                (i + 1).to_string().into(),
                cell(pair[0]),
                TableCell::marked(slope, CellMark::Backward),
                TableCell::marked(number(pair[1], 6), CellMark::Strong),
            ]
        });
        let [x, y] = [call.say("step", "步"), call.say("weight", "权重")];
        let line = Series::new(y, SeriesMark::Line, &points);
        Ok(InstrumentOutput::default()
            .figure(Figure::plot(PlotAxis::new(x), PlotAxis::new(y), vec![line]))
            .figure(Figure::table(&heads, rows))
            .value("new_weight", path[1])
            .value("last_weight", path[path.len() - 1])
            .value("factor", 1.0 - rate * lambda)
            .value("rest", -gradient / lambda))
    }
}
