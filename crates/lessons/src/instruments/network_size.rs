//! The parameters of a network of linear layers, counted layer by layer.

use super::*;
use nn::layers::Linear;
use nn::{Mode, Network, Objective};

settings! {
    /// The instrument `network_size`.
    ///
    /// Values: `layer_0`, …, the parameters of each layer; `parameters`, all together; `products`, one for each weight.
    pub struct NetworkSize {
        /// The numbers of a sample and of the units of each layer at first.
        widths: Vec<f64> = vec![784.0, 10.0];
    }
}

impl Instrument for NetworkSize {
    fn controls(&self, language: Language) -> Vec<Control> {
        let label = language.say("inputs and units of each layer", "输入个数与各层的单元数");
        vec![Control::numbers("widths", label, &self.widths, [1.0, 10_000.0], [2, 8])]
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let widths = call.numbers("widths");
        if widths.iter().any(|width| width.fract() != 0.0) {
            return Err(call.mistake("widths", "whole numbers"));
        }
        let widths: Vec<usize> = widths.iter().map(|&width| width as usize).collect();
        let layers = widths[1..].iter();
        let builder = Network::builder([widths[0]]);
        let network = layers.fold(builder, |network, &units| network.layer(Linear::new(units)));
        // The engine counts, from the network's description alone.
        let outputs = widths[widths.len() - 1];
        let model = network.build().and_then(|network| {
            network.model::<f32>(
                Mode::Evaluate,
                &Objective::default(),
                outputs,
                graph::Shape::batch([]),
            )
        });
        let model = model.map_err(|_| call.mistake("widths", "whole numbers above 0"))?;
        let counts: Vec<f64> = model.layers.iter().map(|layer| layer.parameters as f64).collect();
        let heads = [
            call.say("<layer", "<层"),
            call.say(">inputs", ">输入"),
            call.say(">units", ">单元"),
            call.say(">weights", ">权重"),
            call.say(">biases", ">偏置"),
            call.say(">parameters", ">参数量"),
        ];
        let layers = widths.windows(2).zip(&counts).enumerate();
        let mut rows: Vec<Vec<TableCell>> = layers
            .map(|(i, (pair, &count))| {
                let [inputs, units] = [pair[0], pair[1]];
                let numbers = [i + 1, inputs, units, inputs * units, units, count as usize];
                numbers.iter().map(|number| number.to_string().into()).collect()
            })
            .collect();
        let all: f64 = counts.iter().sum();
        let mut total: Vec<TableCell> = vec!["".into(); 5];
        total.push(TableCell::marked(number(all, 12), CellMark::Strong));
        rows.push(total);
        let products = widths.windows(2).map(|pair| (pair[0] * pair[1]) as f64).sum();
        Ok(InstrumentOutput::default()
            .figure(Figure::table(&heads, rows))
            .list("layer", &counts)
            .value("parameters", all)
            .value("products", products))
    }
}
