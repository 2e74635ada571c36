//! Dropout on a few activations: what one draw keeps, the mean of many draws, and what evaluation computes.

use super::*;
use graph::ops::dropout::DropoutScaling;
use graph::{Compile, Graph, Program, RunArgs};

settings! {
    /// The instrument `dropout_mask`.
    ///
    /// Values: the factor of what is kept in training, `kept`, and of everything in evaluation, `evaluated`; of each activation
    /// the result of the first draw `first_0`, …, the mean of all draws `mean_0`, …, and in evaluation `evaluation_0`, ….
    pub struct DropoutMask {
        /// The activations at first.
        x: Vec<f64> = vec![1.0, 2.0, 3.0, 4.0];
        /// The share that is set to 0 at first.
        rate: f64 = 0.25;
        /// When the scale is corrected at first: `at_training` or `at_evaluation`.
        scaling: String = "at_training".to_owned();
    }
}

/// Draws at most: a tenth of a second.
const MOST_DRAWS: usize = 10_000;

impl Instrument for DropoutMask {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let scalings = [
            ("at_training", say("in training (inverted)", "训练时（反向缩放）")),
            ("at_evaluation", say("in evaluation (the book)", "评估时（书中的做法）")),
        ];
        let scaling = say("the scale is corrected", "何时修正尺度");
        let x = say("activations x", "激活值 x");
        vec![
            Control::numbers("x", x, &self.x, [-100.0, 100.0], [1, 8]),
            Control::number(
                "rate",
                say("rate: share set to 0", "暂退率：置 0 的比例"),
                self.rate,
                [0.0, 0.9],
            )
            .step(0.05),
            Control::choice("scaling", scaling, &self.scaling, &scalings),
            Control::whole("draws", say("draws", "抽取次数"), 1000, [1, MOST_DRAWS]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (x, rate, draws) = (call.numbers("x"), call.number("rate"), call.whole("draws"));
        let (scaling, kept, evaluated) = match call.text("scaling") {
            "at_evaluation" => (DropoutScaling::AtEvaluation, 1.0, 1.0 - rate),
            _ => (DropoutScaling::AtTraining, 1.0 / (1.0 - rate), 1.0),
        };
        let mut g = Graph::new();
        let input = g.parameter("x", [x.len()]);
        let dropped = g.dropout(input, rate, scaling).expect("a rate below 1");
        let options = Compile { keep: vec![dropped], ..Compile::default() };
        let mut program = Program::new(g, &options).expect("a row of numbers");
        let (mut first, mut mean) = (Vec::new(), vec![0.0; x.len()]);
        for draw in 0..draws {
            let (seed, step) = (call.seed(), draw as u64);
            program.run(&RunArgs { parameters: x, seed, step, ..RunArgs::default() });
            let values = program.value(dropped).expect("it is kept").into_values();
            mean.iter_mut().zip(&values).for_each(|(mean, value)| *mean += value / draws as f64);
            if draw == 0 {
                first = values;
            }
        }
        let evaluation: Vec<f64> = x.iter().map(|x| evaluated * x).collect();
        let heads = [
            call.say(">activation x", ">激活值 x"),
            call.say(">first draw", ">第一次抽取"),
            call.say(">mean of the draws", ">各次抽取的均值"),
            call.say(">in evaluation", ">评估时"),
        ];
        let rows = (0..x.len()).map(|i| {
            let forward = TableCell::marked(number(first[i], 5), CellMark::Forward);
            let strong = TableCell::marked(number(evaluation[i], 5), CellMark::Strong);
            vec![cell(x[i]), forward, number(mean[i], 4).into(), strong]
        });
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .value("kept", kept)
            .value("evaluated", evaluated)
            .list("first", &first)
            .list("mean", &mean)
            .list("evaluation", &evaluation))
    }
}
