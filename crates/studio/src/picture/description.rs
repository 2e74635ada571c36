//! The description of the panels, which the page draws from as well: `assets/panels/description.json`.
//!
//! Titles, labels and axes are keys of the texts, colours are names of the style sheet.

use std::sync::LazyLock;

use events::Part;
use serde::Deserialize;

use crate::assets;

/// All panels, and what they have in common.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    /// The curves of a panel of curves: of the training, the validation and the test set.
    pub(super) curves: Vec<Curve>,
    /// Pairs of quantiles, the innermost band first.
    pub(super) bands: Vec<[usize; 2]>,
    pub(super) band_opacity: f64,
    /// Between the edges of a chart and its axes.
    pub(super) margin: Margin,
    /// Numerals of 3 × 5 points, a row of bits each line.
    pub(super) numerals: [[u8; 5]; 10],
    pub(super) panels: Vec<Panel>,
}

/// A curve.
#[derive(Debug, Deserialize)]
pub(super) struct Curve {
    pub(super) part: Part,
    pub(super) label: String,
    pub(super) color: String,
    pub(super) width: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct Margin {
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// A panel.
#[derive(Debug, Deserialize)]
pub(super) struct Panel {
    pub(super) name: String,
    /// The key of its title, and of the title for losses that are not in nats and samples that are not images.
    pub(super) title: String,
    pub(super) other_title: Option<String>,
    #[serde(flatten)]
    pub(super) content: Content,
}

/// What a panel shows.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Content {
    Curves(Curves),
    Bands {
        color: String,
    },
    /// The samples of the last batch, or those of the test set, misclassified ones first.
    Grid {
        set: Part,
        rows: usize,
        columns: usize,
    },
}

#[derive(Debug, Deserialize)]
pub(super) struct Curves {
    pub(super) metric: String,
    pub(super) axis: String,
    pub(super) text: NumberFormat,
    pub(super) range: Range,
}

/// How the numbers of an axis are written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NumberFormat {
    Percent,
    Number,
}

/// The rule for the range of a curve; `assets/axes.js` says what each does.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Range {
    Floors {
        floors: Vec<[f64; 2]>,
    },
    Quantile {
        quantile: f64,
        factor: f64,
        headroom: f64,
        smallest: f64,
        few: usize,
        first_steps: usize,
    },
}

impl Description {
    /// The description that was built in.
    pub(super) fn read() -> &'static Self {
        static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| {
            serde_json::from_str(assets::text("panels/description.json")).expect("a description")
        });
        &DESCRIPTION
    }

    #[cfg(test)]
    pub(super) fn range(&self, name: &str) -> &Range {
        let panel = self.panels.iter().find(|panel| panel.name == name).unwrap();
        let Content::Curves(curves) = &panel.content else { panic!("{name} has no curves") };
        &curves.range
    }
}

/// The colour called `name` of the style sheet, in its light form: red, green and blue.
pub(super) fn color(name: &str) -> [u8; 3] {
    let style = assets::text("style.css");
    let (_, digits) = style.split_once(&format!("{name}: #")).expect("a colour of the style sheet");
    [0, 2, 4].map(|i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_colours_that_exist_and_bands_of_quantiles() {
        let description = Description::read();
        for curve in &description.curves {
            color(&curve.color);
        }
        for panel in &description.panels {
            if let Content::Bands { color: name } = &panel.content {
                color(name);
            }
        }
        assert!(description.bands.iter().all(|[low, high]| low < high && *high < 8));
        assert_eq!(color("--train"), [0x3b, 0x63, 0xe6]);
        assert_eq!(color("--weights"), [217, 58, 63]);
    }
}
