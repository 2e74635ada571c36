//! Linear scores of a small picture: a weight for each pixel and class, a bias for each class.

use super::*;
use crate::Wording;
use crate::figure::SmallPicture;

settings! {
    /// The instrument `linear_scores`. The control `weights_0` holds the weights of the first class, and so on.
    ///
    /// Values: `score_0`, …; without the bias `product_0`, …; `winner`, the class with the largest score.
    pub struct LinearScores {
        /// The names of the classes.
        classes: Vec<Wording>;
        /// The pixels at first.
        pixels: Vec<f64>;
        /// The weights of each class at first, one for each pixel.
        weights: Vec<Vec<f64>>;
        /// The biases at first.
        biases: Vec<f64>;
        /// Pixels in a row of the picture.
        width: usize = 2;
    }
}

impl Instrument for LinearScores {
    fn controls(&self, language: Language) -> Vec<Control> {
        let say = |en, zh| language.say(en, zh);
        let (n, range) = (self.pixels.len(), [-1e6, 1e6]);
        let pixels =
            Control::numbers("pixels", say("pixels", "像素"), &self.pixels, [0.0, 255.0], [n, n]);
        let weights =
            self.classes.iter().zip(&self.weights).enumerate().map(|(i, (class, weights))| {
                let class = class.in_language(language);
                let label = match language {
                    Language::En => format!("weights ({class})"),
                    Language::Zh => format!("权重（{class}）"),
                };
                Control::numbers(&format!("weights_{i}"), &label, weights, range, [n, n])
            });
        let k = self.classes.len();
        let biases = Control::numbers("biases", say("biases", "偏置"), &self.biases, range, [k, k]);
        [pixels].into_iter().chain(weights).chain([biases]).collect()
    }

    fn run(&self, call: &InstrumentCall<'_>) -> Result<InstrumentOutput, LessonError> {
        let (pixels, biases) = (call.numbers("pixels"), call.numbers("biases"));
        let weights = |class: usize| call.numbers(&format!("weights_{class}"));
        let product =
            |class: usize| -> f64 { weights(class).iter().zip(pixels).map(|(w, x)| w * x).sum() };
        let products: Vec<f64> = (0..self.classes.len()).map(product).collect();
        let scores: Vec<f64> =
            products.iter().zip(biases).map(|(product, bias)| product + bias).collect();
        let winner =
            (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or(0);
        let heads = [
            call.say("<class", "<类别"),
            call.say("<weight × pixel", "<权重 × 像素"),
            call.say(">sum", ">和"),
            call.say(">bias", ">偏置"),
            call.say(">score", ">得分"),
        ];
        let rows = self.classes.iter().enumerate().map(|(i, class)| {
            let terms = weights(i).iter().zip(pixels);
            let terms: Vec<String> =
                terms.map(|(&w, &x)| format!("{}·{}", number(w, 4), number(x, 4))).collect();
            let score = number(scores[i], 6);
            let score =
                if i == winner { TableCell::marked(score, CellMark::Strong) } else { score.into() };
            let class = class.in_language(call.language);
            vec![class.into(), terms.join(" + ").into(), cell(products[i]), cell(biases[i]), score]
        });
        let picture = pixels.iter().map(|&pixel| pixel as u8);
        let pictures =
            vec![SmallPicture::grey(call.say("picture", "图片"), self.width.max(1), picture)];
        Ok(InstrumentOutput::default()
            .figure(Figure::pictures(1, pictures))
            .figure(Figure::table(&heads, rows))
            .list("score", &scores)
            .list("product", &products)
            .value("winner", winner as f64))
    }
}
