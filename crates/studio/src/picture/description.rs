//! The description of the panels, which the page draws from as well: `assets/panels/description.json`.
//!
//! Titles, labels and axes are keys of the texts, colours are names of the style sheet.

use serde::Deserialize;

use crate::assets;

/// All panels, and what they have in common.
#[derive(Debug, Deserialize)]
pub(super) struct Description {
    /// The curves of a panel of curves.
    pub(super) curves: Vec<Curve>,
    /// Pairs of quantiles, the innermost band first.
    pub(super) bands: Vec<[usize; 2]>,
    pub(super) band_opacity: f64,
    /// Between the edges of a chart and its axes.
    pub(super) margin: Margin,
    /// Steps that are drawn at most.
    pub(super) max_steps: usize,
    /// Numerals of 3 × 5 points, a row of bits each line.
    pub(super) numerals: [[u8; 5]; 10],
    pub(super) panels: Vec<Panel>,
}

/// A curve: of which events, and how it looks.
#[derive(Debug, Deserialize)]
pub(super) struct Curve {
    pub(super) events: Events,
    pub(super) label: String,
    pub(super) color: String,
    pub(super) width: f64,
}

/// Events with metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Events {
    Steps,
    Evaluations,
}

#[derive(Debug, Deserialize)]
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
    Curves { metric: String, axis: String, text: NumberFormat, range: Range },
    Bands { color: String },
    Grid { set: Set, rows: usize, columns: usize },
}

/// How the numbers of an axis are written.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NumberFormat {
    Percent,
    Number,
}

/// Which samples a grid shows: those of the last batch, or those of the test set, misclassified ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Set {
    Train,
    Test,
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
    /// Reads the description that was built in.
    pub(super) fn read() -> Self {
        serde_json::from_str(assets::text("panels/description.json")).expect("a description")
    }

    #[cfg(test)]
    pub(super) fn range(&self, name: &str) -> &Range {
        let panel = self.panels.iter().find(|panel| panel.name == name).unwrap();
        let Content::Curves { range, .. } = &panel.content else { panic!("{name} has no curves") };
        range
    }
}

/// The colour called `name` of the style sheet, in its light form: red, green and blue.
pub(super) fn color(name: &str) -> [u8; 3] {
    let style = assets::text("style.css");
    let (_, value) = style.split_once(&format!("{name}:")).expect("a colour of the style sheet");
    let value = value.split(';').next().unwrap_or_default().trim();
    let parts: Vec<u8> = match value.strip_prefix('#') {
        Some(hex) => {
            (0..3).filter_map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()).collect()
        }
        None => value.split(',').filter_map(|part| part.trim().parse().ok()).collect(),
    };
    parts.try_into().expect("three parts")
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
