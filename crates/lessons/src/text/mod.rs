//! Text as data: what a page builds its elements from, and a terminal its lines.

pub mod markdown;
pub mod math;

use serde::Serialize;

pub use math::Math;

/// A part of a lesson's text, or the place of something that runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Block {
    /// `{"kind":"paragraph","inlines":[…]}`
    Paragraph {
        /// The text.
        inlines: Vec<Inline>,
    },
    /// `{"kind":"list","ordered":false,"items":[[…]]}`
    List {
        /// Whether the items are numbered.
        ordered: bool,
        /// The blocks of each item.
        items: Vec<Vec<Block>>,
    },
    /// A table in the text; the first row is its head.
    TextTable {
        /// The alignment of each column.
        align: Vec<TextAlign>,
        /// The cells of each row.
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// Lines to copy, such as a command.
    Code {
        /// The lines.
        text: String,
    },
    /// A formula on a line of its own.
    Formula {
        /// The formula.
        math: Math,
    },
    /// Where a well-known source is wrong, or easily misread.
    Trap {
        /// Its row of the table of sources, such as `T1`.
        row: String,
        /// What is said about it.
        blocks: Vec<Block>,
    },
    /// An instrument of the lesson.
    Instrument {
        /// Its name.
        name: String,
    },
    /// A question of the lesson.
    Question {
        /// Its name.
        name: String,
    },
    /// The gap between a prediction and the result.
    Gap {
        /// The question that asked for the prediction.
        question: String,
    },
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Inline {
    /// `{"kind":"text","text":"two apples"}`
    Text {
        /// The characters.
        text: String,
    },
    /// Emphasised text.
    Emphasis {
        /// The text.
        inlines: Vec<Inline>,
    },
    /// Strongly emphasised text.
    Strong {
        /// The text.
        inlines: Vec<Inline>,
    },
    /// Text in the colour of values (forward) or gradients (backward).
    Colored {
        /// Which of the two.
        pass: Pass,
        /// The text.
        inlines: Vec<Inline>,
    },
    /// Code.
    Code {
        /// The characters.
        text: String,
    },
    /// A formula within the line.
    Math {
        /// The formula.
        math: Math,
    },
    /// A link to another lesson.
    LessonLink {
        /// Its name.
        lesson: String,
        /// The text.
        inlines: Vec<Inline>,
    },
    /// A link to a page outside.
    Link {
        /// An address that begins with `https://`.
        url: String,
        /// The text.
        inlines: Vec<Inline>,
    },
    /// A number that an instrument computed with the reader's values, or the value of one of its controls.
    Value {
        /// The instrument.
        instrument: String,
        /// The name of the number or control.
        value: String,
        /// Significant digits.
        digits: usize,
    },
}

impl Inline {
    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text { text: text.into() }
    }
}

/// The two directions through a graph, each with its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// Values.
    Forward,
    /// Gradients.
    Backward,
}

/// The side to which a column is aligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextAlign {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// A number with so many significant digits, zeros at the end left out; a very small or large one in scientific notation.
///
/// ```
/// use gradus_lessons::text::number;
///
/// assert_eq!(number(2.2000000001, 4), "2.2");
/// assert_eq!(number(-6.111e-10, 3), "−6.11e−10");
/// assert_eq!(number(1234567.0, 3), "1.23e6");
/// assert_eq!(number(f64::INFINITY, 3), "∞");
/// ```
pub fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    let scientific = format!("{value:.*e}", digits.max(1) - 1);
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation");
    let exponent: i32 = exponent.parse().expect("a whole number");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    // Beyond six places a reader counts zeros; whole numbers are written out a little longer.
    let text = if (-5..=5).contains(&exponent) || (value.fract() == 0.0 && exponent < digits as i32)
    {
        trim(&format!("{value:.*}", (digits as i32 - 1 - exponent).max(0) as usize))
    } else {
        format!("{}e{exponent}", trim(mantissa))
    };
    let text = if text == "-0" { "0".to_owned() } else { text };
    text.replace('-', "−")
}
