//! One-hot rows, and a batch through a linear layer: shapes and broadcasting.

use super::*;
use graph::{Compile, Graph, Program, RunArgs, Shape, Tensor, Tensors};
use nn::Loss;
use nn::losses::CrossEntropyOfProbabilities;

settings! {
    /// The instrument `one_hot`.
    ///
    /// Values: `index`, the place of the 1 from 0, and `place`, from 1; `samples` and `outputs` of `X · W + b`; the loss of the batch
    /// with one-hot rows `loss_of_rows` and with class numbers `loss_of_labels`, the `difference` of both, that of its first sample
    /// alone `loss_of_one`; what picking class 1 of every sample
    /// gives, `loss_of_class_1`.
    pub struct OneHot {
        /// The label at first.
        label: usize = 6;
        /// Samples of the batch at first.
        samples: usize = 100;
    }
}

const CLASSES: usize = 10;
const PIXELS: usize = 784;

impl Instrument for OneHot {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        vec![
            Control::whole("label", say("label", "标签"), self.label, [0, CLASSES - 1]),
            Control::whole(
                "samples",
                say("samples of a batch", "批次的样本数"),
                self.samples,
                [1, 1000],
            ),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (label, samples) = (call.whole("label"), call.whole("samples"));
        let heads: Vec<String> = (0..CLASSES).map(|class| format!(">{class}")).collect();
        let row = (0..CLASSES).map(|class| match class == label {
            true => TableCell::marked("1", CellMark::Strong),
            false => "0".into(),
        });
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        let title = call.say("Index (from 0) and value", "下标（从 0 开始）与值");
        let one_hot = Figure::table(&heads, [row.collect()]).titled(title);

        // The engine infers the shape of the result.
        let mut g = Graph::<f32>::new();
        let x = g.input("X", Shape::batch([PIXELS]));
        let w = g.parameter("W", [PIXELS, CLASSES]);
        let b = g.parameter("b", [CLASSES]);
        let product =
            g.matmul(x, w).and_then(|product| g.add(product, b)).expect("shapes that fit");
        let result = g.shape(product).with_batch(samples);
        let shape = |dims: &[usize]| format!("{dims:?}");
        let heads = ["<", call.say("<shape", "<形状"), call.say("<meaning", "<含义")];
        let rows = [
            ["X", &shape(&[samples, PIXELS]), call.say("a row for each picture", "每张图片一行")],
            ["W", &shape(&[PIXELS, CLASSES]), call.say("a column for each class", "每个类别一列")],
            [
                "b",
                &shape(&[CLASSES]),
                call.say("added to every row: broadcasting", "加到每一行上：广播机制"),
            ],
            [
                "X · W + b",
                &shape(&result),
                call.say("ten scores for each picture", "每张图片十个得分"),
            ],
        ];
        let shapes = Figure::table(&heads, rows.map(|row| row.map(TableCell::from).to_vec()));

        // Three answers with the labels 2, 0 and the reader's.
        let labels = [2, 0, label];
        let outputs: Vec<Vec<f64>> = (0..labels.len()).map(|i| answer(i, labels[i])).collect();
        let one_hots: Vec<f64> = labels
            .iter()
            .flat_map(|&label| (0..CLASSES).map(move |class| f64::from(u8::from(class == label))))
            .collect();
        let numbers = labels.map(|label| label as f64).to_vec();
        let n = labels.len();
        let of_rows = batch_loss(&outputs, Tensor::new([n, CLASSES], one_hots));
        let of_labels = batch_loss(&outputs, Tensor::new([n], numbers));
        let of_class_1 = batch_loss(&outputs, Tensor::new([n], vec![1.0; n]));
        let of_one = batch_loss(&outputs[..1], Tensor::new([1], vec![labels[0] as f64]));
        let heads = [call.say("<targets", "<目标"), call.say(">loss of the batch", ">批次的损失")];
        let rows = [
            (call.say("one-hot rows", "独热行"), of_rows),
            (call.say("class numbers", "类别编号"), of_labels),
            (call.say("the first sample alone", "只用第一个样本"), of_one),
            (call.say("class 1 of every sample (wrong)", "每个样本都取类别 1（错误）"), of_class_1),
        ];
        let rows = rows.map(|(name, loss)| vec![name.into(), TableCell::from(number(loss, 9))]);
        Ok(InstrumentOutput::default()
            .figure(one_hot)
            .figure(shapes)
            .figure(Figure::table(&heads, rows))
            .value("index", label as f64)
            .value("place", (label + 1) as f64)
            .value("samples", result[0] as f64)
            .value("outputs", result[1] as f64)
            .value("loss_of_rows", of_rows)
            .value("loss_of_labels", of_labels)
            .value("difference", (of_rows - of_labels).abs())
            .value("loss_of_one", of_one)
            .value("loss_of_class_1", of_class_1))
    }
}

/// Probabilities of ten classes, of which the label has the largest.
fn answer(i: usize, label: usize) -> Vec<f64> {
    let right = 0.6 - 0.1 * i as f64;
    let other = (1.0 - right) / (CLASSES - 1) as f64;
    (0..CLASSES).map(|class| if class == label { right } else { other }).collect()
}

/// The engine's cross-entropy of a batch of probabilities.
fn batch_loss(outputs: &[Vec<f64>], targets: Tensor<f64>) -> f64 {
    let batch = outputs.len();
    let mut g = Graph::new();
    let y = g.input("y", Shape::batch([CLASSES]));
    let t = g.input("t", Shape::batch(&targets.shape()[1..]));
    let loss: Loss = CrossEntropyOfProbabilities {}.into();
    let loss = loss.build(&mut g, y, t).expect("rows of probabilities");
    let options = Compile { batch, keep: vec![loss], ..Compile::default() };
    let mut program = Program::new(g, &options).expect("a few numbers");
    let rows = Tensor::new([batch, CLASSES], outputs.concat());
    program.run(&RunArgs { inputs: &Tensors(&[&rows, &targets]), ..RunArgs::default() });
    program.scalar(loss)
}
