//! Softmax of a batch: along the classes of each row, and the wrong ways.

use super::*;
use graph::{Compile, Graph, Program, RunArgs};

settings! {
    /// The instrument `batch_softmax`, of two samples.
    ///
    /// Values: what softmax makes of the first sample `p_1_0`, … and of the second `p_2_0`, …; the sums of both rows `sum_1`, `sum_2`.
    pub struct BatchSoftmax {
        /// The scores of the first sample at first.
        first: Vec<f64> = vec![3.2, 5.1, -1.7];
        /// The scores of the second sample at first.
        second: Vec<f64> = vec![1.3, 4.9, 2.0];
        /// What is divided by at first: the sum of each row, of each column, or of `all` numbers.
        along: String = "all".to_owned();
    }
}

/// Classes at most.
const MOST: usize = 10;

impl Instrument for BatchSoftmax {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let along = [
            ("rows", say("of each row (axis −1)", "每一行（axis −1）")),
            ("columns", say("of each column (axis 0)", "每一列（axis 0）")),
            ("all", say("of all numbers (no axis)", "所有的数（不指定 axis）")),
        ];
        let scores = |name, label, value: &[f64]| {
            Control::numbers(name, label, value, [-100.0, 100.0], [1, MOST])
        };
        vec![
            scores("scores_1", say("scores of sample 1", "样本 1 的得分"), &self.first),
            scores("scores_2", say("scores of sample 2", "样本 2 的得分"), &self.second),
            Control::choice(
                "along",
                say("divided by the sum", "除以哪些数的和"),
                &self.along,
                &along,
            ),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let scores = [call.numbers("scores_1"), call.numbers("scores_2")];
        let classes = scores[0].len();
        if scores[1].len() != classes {
            return Err(call.mistake("scores_2", format!("as many as for sample 1 ({classes})")));
        }
        let p = softmax(call.text("along"), &scores.concat(), classes);
        let classes: Vec<String> = (0..classes).map(|class| format!(">p({class})")).collect();
        let mut heads = vec!["<"];
        heads.extend(classes.iter().map(String::as_str));
        heads.push(call.say(">sum of the row", ">行的和"));
        let mut output = InstrumentOutput::default();
        let mut rows = Vec::new();
        for (i, p) in p.chunks_exact(classes.len()).enumerate() {
            let sum: f64 = p.iter().sum();
            let sample = i + 1;
            let is_one = (sum - 1.0).abs() < 1e-9;
            let (mark, sign) =
                if is_one { (CellMark::Right, "✓") } else { (CellMark::Wrong, "✗") };
            let mut row = vec![TableCell::from(format!("{} {sample}", call.say("sample", "样本")))];
            row.extend(p.iter().map(|&p| cell(p)));
            row.push(TableCell::marked(format!("{} {sign}", number(sum, 6)), mark));
            rows.push(row);
            output = output.list(&format!("p_{sample}"), p).value(format!("sum_{sample}"), sum);
        }
        Ok(output.figure(Figure::table(&heads, rows)))
    }
}

/// The engine's softmax, which is along the last axis; other ways by another shape.
fn softmax(along: &str, scores: &[f64], classes: usize) -> Vec<f64> {
    let mut g = Graph::new();
    let x = g.parameter("scores", [scores.len() / classes, classes]);
    let p = match along {
        "rows" => g.softmax(x),
        "columns" => g
            .transpose(x, &[1, 0])
            .and_then(|columns| g.softmax(columns))
            .and_then(|p| g.transpose(p, &[1, 0])),
        _ => {
            let all = g.flatten(x);
            g.softmax(all)
        }
    };
    let p = p.expect("rows of scores");
    let options = Compile { keep: vec![p], ..Compile::default() };
    let mut program = Program::new(g, &options).expect("a few numbers");
    program.run(&RunArgs { parameters: scores, ..RunArgs::default() });
    program.value(p).expect("it is kept").into_values()
}
