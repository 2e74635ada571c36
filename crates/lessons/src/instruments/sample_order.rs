//! How often each sample is drawn for a batch, in each order in which batches are drawn.

use super::*;
use data::{Draw, Order, Sampler};
use kernels::random::Stream;

settings! {
    /// The instrument `sample_order`.
    ///
    /// Values: `steps` of an epoch, and the samples after its last whole batch, `rest`; after the passes the fraction of the samples that was
    /// never drawn, and how often one was drawn at most: shuffled for each epoch `never_1` and `most_1`, in a fixed order `never_2`
    /// and `most_2`, with replacement `never_3` and `most_3`.
    pub struct SampleOrder {
        /// Samples at first.
        samples: usize = 60_000;
        /// Samples of a batch at first.
        batch: usize = 100;
        /// Passes over the samples at first.
        passes: usize = 1;
    }
}

/// Samples and passes at most: a few milliseconds.
const SAMPLES: usize = 60_000;
const PASSES: usize = 5;
/// Bars: never, once and so on, and the last for all that is more.
const BARS: usize = 6;

impl Instrument for SampleOrder {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let batch = say("samples of a batch", "批次的样本数");
        let passes = say("passes over the data", "遍历数据的次数");
        vec![
            Control::whole("samples", say("samples", "样本数"), self.samples, [10, SAMPLES]),
            Control::whole("batch", batch, self.batch, [1, 1000]),
            Control::whole("passes", passes, self.passes, [1, PASSES]),
            Control::seed(say("seed", "随机种子"), 0),
        ]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (samples, batch) = (call.whole("samples"), call.whole("batch"));
        if batch > samples {
            return Err(call.mistake("batch", format!("at most the samples ({samples})")));
        }
        let (steps, rest) = (samples / batch, samples % batch);
        let orders = [
            (Order::ShuffledEpochs, call.say("shuffled for each epoch", "每轮重新打乱")),
            (Order::FixedOrder, call.say("shuffled once", "只打乱一次")),
            (Order::WithReplacement, call.say("with replacement", "有放回")),
        ];
        let mut output =
            InstrumentOutput::default().value("steps", steps as f64).value("rest", rest as f64);
        let (mut rows, mut bars) = (Vec::new(), Vec::new());
        for (i, (order, name)) in orders.into_iter().enumerate() {
            call.check_time()?;
            let seed = call.seed();
            let times = drawn(order, samples, batch, steps * call.whole("passes"), seed)?;
            let fraction = |n: usize| n as f64 / samples as f64;
            let mut counts = [0; BARS];
            times.iter().for_each(|&times| counts[(times as usize).min(BARS - 1)] += 1);
            let (never, most) = (fraction(counts[0]), times.iter().max().copied().unwrap_or(0));
            let n = i + 1;
            output = output
                .value(format!("never_{n}"), never)
                .value(format!("most_{n}"), f64::from(most));
            rows.push(vec![name.into(), cell(never), TableCell::from(most.to_string())]);
            let values = counts.map(fraction).to_vec();
            bars.push(BarSeries { name: name.to_owned(), values });
        }
        let mut groups: Vec<String> = (0..BARS).map(|times| times.to_string()).collect();
        groups[BARS - 1] = call.say("5 or more", "5 次以上").to_owned();
        let y = PlotAxis::new(call.say("fraction of the samples", "占样本的比例")).range(0.0, 1.0);
        let title = call.say("How often a sample was drawn", "样本被抽中的次数");
        let heads = [
            call.say("<order", "<顺序"),
            call.say(">never drawn (fraction)", ">从未抽中的比例"),
            call.say(">most often", ">最多次数"),
        ];
        let [steps, rest] = [steps, rest].map(|n| number(n as f64, 6));
        Ok(output
            .figure(Figure::bars(groups, y, bars).titled(title))
            .figure(Figure::table(&heads, rows))
            .note(match call.language {
                Language::En => {
                    format!(
                        "Steps of an epoch: {steps}; samples after the last whole batch: {rest}."
                    )
                }
                Language::Zh => {
                    format!("每轮的步数：{steps}；最后一个完整批次之后剩下的样本数：{rest}。")
                }
            }))
    }
}

/// How often each sample is in the first batches.
fn drawn(
    order: Order,
    samples: usize,
    batch: usize,
    steps: usize,
    seed: u64,
) -> Result<Vec<u32>, LessonError> {
    let mut sampler =
        Sampler::new(order, samples, batch).map_err(|error| LessonError::engine(&error))?;
    let random = |draw: Draw| Stream::at(seed, draw.stream, draw.counter).below(draw.bound);
    let (mut times, mut indices) = (vec![0; samples], Vec::new());
    for step in 0..steps as u64 {
        sampler.draw_batch(step, &random, &mut indices);
        indices.iter().for_each(|&i| times[i as usize] += 1);
    }
    Ok(times)
}
