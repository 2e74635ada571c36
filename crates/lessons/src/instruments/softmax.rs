//! Softmax step by step, in the numbers of the machine: exponentials, their sum, probabilities, the loss and its gradient.

use super::*;
use crate::Wording;

settings! {
    /// The instrument `softmax`.
    ///
    /// Values: `exp_0`, …; `sum`; `p_0`, …; `loss`, `loss_in_decimal_digits`; the gradient of the loss for the scores, `d_0`, ….
    pub struct SoftmaxSteps {
        /// The scores at first.
        scores: Vec<f64> = vec![3.2, 5.1, -1.7];
        /// The names of the classes; numbers if there are none.
        classes: Vec<Wording> = Vec::new();
        /// The right class at first.
        label: usize = 0;
        /// Whether the largest score is subtracted at first: `no` or `yes`.
        subtract: String = "no".to_owned();
    }
}

/// Classes at most.
const MOST: usize = 10;

impl Instrument for SoftmaxSteps {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let answers = [("no", say("no", "否")), ("yes", say("yes", "是"))];
        let precisions = [
            ("f64", say("64 bits (f64)", "64 位（f64）")),
            ("f32", say("32 bits (f32)", "32 位（f32）")),
        ];
        let label = say("right class (from 0)", "正确类别（从 0 开始）");
        let subtract = say("subtract the largest score", "减去最大得分");
        vec![
            Control::numbers("scores", say("scores", "得分"), &self.scores, [-1e6, 1e6], [2, MOST]),
            Control::whole("label", label, self.label, [0, MOST - 1]),
            Control::choice("subtract", subtract, &self.subtract, &answers),
            Control::choice("precision", say("numbers", "数的精度"), "f64", &precisions),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (scores, label) = (call.numbers("scores"), call.whole("label"));
        if label >= scores.len() {
            return Err(call.mistake("label", format!("a class from 0 to {}", scores.len() - 1)));
        }
        // Rounded after each step, so that f32 overflows where it does.
        let is_f32 = call.text("precision") == "f32";
        let round = |value: f64| if is_f32 { f64::from(value as f32) } else { value };
        let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let subtracted = if call.text("subtract") == "yes" { largest } else { 0.0 };
        let shifted: Vec<f64> = scores.iter().map(|score| round(score - subtracted)).collect();
        let exps: Vec<f64> = shifted.iter().map(|score| round(score.exp())).collect();
        let sum = exps.iter().fold(0.0, |sum, exp| round(sum + exp));
        let p: Vec<f64> = exps.iter().map(|exp| round(exp / sum)).collect();
        let loss = round(-p[label].ln());
        let t = |i: usize| f64::from(u8::from(i == label));
        let gradient: Vec<f64> = p.iter().enumerate().map(|(i, p)| p - t(i)).collect();

        let name = |i: usize| match self.classes.get(i) {
            Some(class) => class.in_language(call.language).to_owned(),
            None => i.to_string(),
        };
        let heads = [
            call.say("<class", "<类别"),
            call.say(">score s", ">得分 s"),
            ">exp(s)",
            ">p = exp / Σ",
            ">t",
            ">p − t",
        ];
        let rows = (0..scores.len()).map(|i| {
            let mark = (i == label).then_some(CellMark::Strong);
            vec![
                TableCell { text: name(i), mark },
                cell(shifted[i]),
                cell(exps[i]),
                TableCell::marked(number(p[i], 6), CellMark::Forward),
                cell(t(i)),
                TableCell::marked(number(gradient[i], 6), CellMark::Backward),
            ]
        });
        let bars = BarSeries { name: "p".into(), values: p.clone() };
        let axis = PlotAxis::new(call.say("probability", "概率")).range(0.0, 1.0);
        let digits = [sum, loss].map(|value| number(value, 6));
        let note = match call.language {
            Language::En => {
                format!("Σ = {}; loss = −ln p({}) = {}", digits[0], name(label), digits[1])
            }
            Language::Zh => {
                format!("Σ = {}；损失 = −ln p({}) = {}", digits[0], name(label), digits[1])
            }
        };
        let mut output = InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .figure(Figure::bars((0..p.len()).map(name).collect(), axis, vec![bars]))
            .list("exp", &exps)
            .list("p", &p)
            .list("d", &gradient)
            .value("sum", sum)
            .value("loss", loss)
            .value("loss_in_decimal_digits", loss / std::f64::consts::LN_10)
            .note(note);
        if !sum.is_finite() {
            let text = call.say(
                "An exponential is too large for the machine's numbers: infinity divided by infinity is not a number.",
                "指数超出了机器所能表示的范围：无穷大除以无穷大不是一个数。",
            );
            output = output.note(text);
        }
        Ok(output)
    }
}
