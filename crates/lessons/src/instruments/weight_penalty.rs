//! Two weight vectors: their scores of the same input, and their L2 penalties.

use super::*;

settings! {
    /// The instrument `weight_penalty`.
    ///
    /// Values: the scores `score_a` and `score_b`; the sums of squares `penalty_a` and `penalty_b`; the scores without the lost pixel,
    /// `without_a` and `without_b`; the smallest sum of squares with the score of A, `smallest`.
    pub struct TwoWeightVectors {
        /// The input at first.
        x: Vec<f64> = vec![1.0, 1.0, 1.0, 1.0];
        /// The first weights at first.
        a: Vec<f64> = vec![1.0, 0.0, 0.0, 0.0];
        /// The second weights at first.
        b: Vec<f64> = vec![0.25, 0.25, 0.25, 0.25];
    }
}

/// Weights at most.
const MOST: usize = 8;

impl Instrument for TwoWeightVectors {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let numbers = |name, label, values: &[f64]| {
            Control::numbers(name, label, values, [-100.0, 100.0], [1, MOST])
        };
        let lost = say("pixel that is set to 0", "被置为 0 的像素");
        vec![
            numbers("x", say("pixels x", "像素 x"), &self.x),
            numbers("a", say("weights A", "权重 A"), &self.a),
            numbers("b", say("weights B", "权重 B"), &self.b),
            Control::whole("lost", lost, 1, [1, MOST]),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (x, lost) = (call.numbers("x"), call.whole("lost"));
        if lost > x.len() {
            return Err(call.mistake("lost", format!("a pixel from 1 to {}", x.len())));
        }
        let mut output = InstrumentOutput::default();
        let (mut rows, mut series) = (Vec::new(), Vec::new());
        for (key, name) in [("a", "A"), ("b", "B")] {
            let weights = call.numbers(key);
            if weights.len() != x.len() {
                let expected = format!("{} numbers, one for each pixel", x.len());
                return Err(call.mistake(key, expected));
            }
            let score: f64 = weights.iter().zip(x).map(|(w, x)| w * x).sum();
            let penalty: f64 = weights.iter().map(|w| w * w).sum();
            let without = score - weights[lost - 1] * x[lost - 1];
            let strong = TableCell::marked(number(penalty, 6), CellMark::Strong);
            rows.push(vec![name.into(), cell(score), strong, cell(without)]);
            series.push(BarSeries { name: name.into(), values: weights.to_vec() });
            output = output
                .value(format!("score_{key}"), score)
                .value(format!("penalty_{key}"), penalty)
                .value(format!("without_{key}"), without);
        }
        // Of all weights with one score those in the direction of x are the shortest.
        let squares: f64 = x.iter().map(|x| x * x).sum();
        let smallest = output.values["score_a"].powi(2) / squares;
        let heads = [
            call.say("<weights", "<权重"),
            call.say(">score w · x", ">得分 w · x"),
            call.say(">penalty R = Σw²", ">惩罚 R = Σw²"),
            call.say(">score without the pixel", ">缺少该像素时的得分"),
        ];
        let pixels = (1..=x.len()).map(|i| format!("w{i}")).collect();
        let axis = PlotAxis::new(call.say("weight", "权重"));
        Ok(output
            .figure(Figure::bars(pixels, axis, series))
            .figure(Figure::table(&heads, rows))
            .value("smallest", smallest))
    }
}
