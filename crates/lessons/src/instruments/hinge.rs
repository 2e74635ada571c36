//! The hinge loss of some pictures, term by term: the right class must win by a margin of 1.

use super::*;
use crate::Wording;
use crate::instruments::losses::loss;
use nn::losses;

settings! {
    /// The instrument `hinge`. The control `scores_1` holds the scores of the first picture, and so on.
    ///
    /// Values: `loss_1`, …; `mean`; `term_1_0`, …, the term of each class of each picture; the slope of the first picture's loss
    /// for its scores, `d_0`, ….
    pub struct HingeTerms {
        /// The names of the classes.
        classes: Vec<Wording>;
        /// The scores of each picture at first.
        scores: Vec<Vec<f64>>;
        /// The right class of each picture.
        labels: Vec<usize>;
    }
}

impl Instrument for HingeTerms {
    fn controls(&self, language: Language) -> Vec<Control> {
        let n = self.classes.len();
        let pictures = self.scores.iter().zip(&self.labels).enumerate();
        let controls = pictures.map(|(i, (scores, &label))| {
            let class = self.classes[label].in_language(language);
            let text = match language {
                Language::En => format!("scores of picture {} ({class})", i + 1),
                Language::Zh => format!("图片 {} 的得分（{class}）", i + 1),
            };
            Control::numbers(&format!("scores_{}", i + 1), &text, scores, [-1e6, 1e6], [n, n])
        });
        controls.collect()
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let mut output = InstrumentOutput::default();
        let mut rows = Vec::new();
        let mut sum = 0.0;
        for (i, &label) in self.labels.iter().enumerate() {
            let scores = call.numbers(&format!("scores_{}", i + 1));
            let (value, gradient) = loss(losses::Hinge {}, scores, label);
            let class = self.classes[label].in_language(call.language);
            let picture = match call.language {
                Language::En => format!("{} ({class})", i + 1),
                Language::Zh => format!("{}（{class}）", i + 1),
            };
            let mut row: Vec<TableCell> = vec![picture.into()];
            for (class, &score) in scores.iter().enumerate() {
                let lead = score - scores[label] + 1.0;
                let term = if class == label { 0.0 } else { lead.max(0.0) };
                output = output.value(format!("term_{}_{class}", i + 1), term);
                row.push(match class == label {
                    true => TableCell::marked("–", CellMark::Quiet),
                    false => {
                        let [score, right] = [score, scores[label]].map(|score| number(score, 4));
                        format!("max(0, {score} − {right} + 1) = {}", number(term, 4)).into()
                    }
                });
            }
            row.push(TableCell::marked(number(value, 6), CellMark::Strong));
            rows.push(row);
            output = output.value(format!("loss_{}", i + 1), value);
            output = if i == 0 { output.list("d", &gradient) } else { output };
            sum += value;
        }
        let mean = sum / self.labels.len() as f64;
        let mut heads = vec![call.say("<picture", "<图片").to_owned()];
        let names = self.classes.iter().map(|class| class.in_language(call.language));
        heads.extend(names.map(|class| format!(">{class}")));
        heads.push(call.say(">loss", ">损失").to_owned());
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let note = match call.language {
            Language::En => format!("Mean of the losses: {}", number(mean, 6)),
            Language::Zh => format!("损失的均值：{}", number(mean, 6)),
        };
        Ok(output.figure(Figure::table(&heads, rows)).value("mean", mean).note(note))
    }
}
