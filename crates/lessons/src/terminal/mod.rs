//! Texts and figures as lines for a terminal.

mod plot;
mod runner;
mod wrap;

use diagnostics::table;
use explain::drawing::DrawnKind;
use unicode_width::UnicodeWidthStr;

pub use runner::{LessonRunner, RunnerError};
pub use wrap::wrap;

use crate::Language;
use crate::figure::{
    Figure, FigureContent, HistogramPanel, Shade, SmallPicture, TableCell, TableColumn,
};
use crate::text::{Block, Inline, TextAlign, number};

/// How lines are written.
#[derive(Clone, Copy, Debug)]
pub struct TerminalStyle {
    /// Cells in a line.
    pub width: usize,
    /// The reader's language.
    pub language: Language,
}

/// Yields the text of a value: of which instrument, its name, its significant digits; nothing if it is not known yet.
pub type ValueOf<'a> = &'a dyn Fn(&str, &str, usize) -> Option<String>;

/// Cells of a line of prose at most: longer ones are hard to read.
const PROSE_WIDTH: usize = 100;
/// From paper to ink.
const SHADES: &[u8] = b" .:-=+*#%@";

impl TerminalStyle {
    /// A part of a lesson's text; questions and instruments are left out.
    pub fn block(&self, block: &Block, value_of: ValueOf<'_>) -> String {
        match block {
            Block::Paragraph { inlines } => self.paragraph(&line(inlines, value_of), "", ""),
            Block::Formula { math } => format!("    {}\n", math.to_plain_text().trim()),
            Block::Code { text } => text.lines().map(|line| format!("    {line}\n")).collect(),
            Block::List { ordered, items } => {
                let item = |(i, blocks): (usize, &Vec<Block>)| {
                    let mark = if *ordered { format!("{}. ", i + 1) } else { "- ".to_owned() };
                    let indent = " ".repeat(mark.len());
                    let blocks = blocks.iter().map(|block| match block {
                        Block::Paragraph { inlines } => line(inlines, value_of),
                        block => self.block(block, value_of),
                    });
                    let text: Vec<String> = blocks.collect();
                    self.paragraph(&text.join(" "), &mark, &indent)
                };
                items.iter().enumerate().map(item).collect()
            }
            Block::TextTable { align, rows } => {
                let text = |cells: &Vec<Vec<Inline>>| -> Vec<String> {
                    cells.iter().map(|cell| line(cell, value_of)).collect()
                };
                let mut rows: Vec<Vec<String>> = rows.iter().map(text).collect();
                let heads = rows.remove(0);
                written_table(align.iter().copied().zip(heads), &rows)
            }
            Block::Trap { blocks, .. } => {
                let title = self.language.say("Careful: ", "注意：");
                let text: String = blocks.iter().map(|block| self.block(block, value_of)).collect();
                self.paragraph(
                    &format!("{title}{}", text.trim_end().replace('\n', " ")),
                    "! ",
                    "! ",
                )
            }
            Block::Instrument { .. } | Block::Question { .. } | Block::Gap { .. } => String::new(),
        }
    }

    /// Lines of text, the first after `first`, the others after `other`.
    pub fn paragraph(&self, text: &str, first: &str, other: &str) -> String {
        wrap(text, self.width.clamp(20, PROSE_WIDTH), first, other) + "\n"
    }

    /// A figure.
    pub fn figure(&self, figure: &Figure) -> String {
        let title = figure.title.as_ref().map(|title| format!("{title}\n")).unwrap_or_default();
        title + &self.content(&figure.content)
    }

    fn content(&self, content: &FigureContent) -> String {
        let say = |en, zh| self.language.say(en, zh);
        match content {
            FigureContent::Table { columns, rows } => cells_table(columns, rows),
            FigureContent::Graph { drawing, blanks } => {
                let name = |node: usize| {
                    let node = &drawing.nodes[node];
                    let is_unique =
                        drawing.nodes.iter().filter(|other| other.label == node.label).count() == 1;
                    if node.kind == DrawnKind::Result {
                        say("result", "结果").to_owned()
                    } else if is_unique {
                        node.label.clone()
                    } else {
                        format!("{} #{}", node.label, node.node)
                    }
                };
                let rows = drawing.edges.iter().enumerate().map(|(i, edge)| {
                    let blank = |pass| {
                        let is_here =
                            |blank: &&crate::figure::Blank| blank.edge == i && blank.pass == pass;
                        blanks.iter().find(is_here).map(|_| "?".to_owned())
                    };
                    let value = blank(crate::text::Pass::Forward)
                        .unwrap_or_else(|| edge.value.text.clone());
                    let gradient = edge.gradient.as_ref().map(|gradient| gradient.text.clone());
                    let gradient =
                        blank(crate::text::Pass::Backward).or(gradient).unwrap_or_default();
                    vec![format!("{} → {}", name(edge.from), name(edge.to)), value, gradient]
                });
                let rows: Vec<_> = rows.collect();
                let heads = [say("edge", "边"), say("value", "值"), say("gradient", "梯度")];
                let sides = [TextAlign::Left, TextAlign::Right, TextAlign::Right];
                written_table(sides.into_iter().zip(heads.map(str::to_owned)), &rows)
            }
            FigureContent::Plot { x, y, series, .. } => plot::plot(x, y, series, self.width),
            FigureContent::Contours { descent } => {
                plot::descent(descent, self.width, self.language)
            }
            FigureContent::Bars { x, y, series } => {
                let heads = std::iter::once((TextAlign::Left, String::new()));
                let heads = heads.chain(series.iter().flat_map(|series| {
                    [(TextAlign::Right, series.name.clone()), (TextAlign::Left, String::new())]
                }));
                let all = series.iter().flat_map(|series| &series.values).copied();
                let largest = y.range.map_or_else(|| all.fold(0.0, f64::max), |[_, to]| to);
                let bars = (self.width / 3 / series.len().max(1)).max(5);
                let rows = x.iter().enumerate().map(|(i, name)| {
                    let cells = series.iter().flat_map(|series| {
                        let value = series.values[i];
                        [number(value, 4), bar(value / largest, bars)]
                    });
                    std::iter::once(name.clone()).chain(cells).collect()
                });
                written_table(heads, &rows.collect::<Vec<Vec<String>>>())
            }
            FigureContent::Histograms { x, panels } => {
                let rows = panels.iter().map(|panel| {
                    let [from, to] = [panel.edges.first(), panel.edges.last()];
                    let range =
                        |edge: Option<&f64>| edge.map_or(String::new(), |&edge| number(edge, 3));
                    vec![panel.caption.clone(), range(from), sparkline(panel), range(to)]
                });
                let rows: Vec<_> = rows.collect();
                let heads = [String::new(), String::new(), x.label.clone(), String::new()];
                let sides = [TextAlign::Left, TextAlign::Right, TextAlign::Left, TextAlign::Left];
                written_table(sides.into_iter().zip(heads), &rows)
            }
            FigureContent::Pictures { columns, pictures } => self.pictures(*columns, pictures),
        }
    }

    /// Pictures beside each other, as many as fit.
    fn pictures(&self, columns: usize, pictures: &[SmallPicture]) -> String {
        let pictures: Vec<_> = pictures.iter().map(|picture| shrunk(picture, self.width)).collect();
        let widest = pictures.iter().map(|picture| picture.width).max().unwrap_or(1);
        let most = (self.width / (widest + 2)).clamp(1, columns.max(1));
        // Pictures that belong together stay together.
        let columns = (1..=most).rev().find(|n| columns.is_multiple_of(*n)).unwrap_or(1);
        let mut text = String::new();
        for row in pictures.chunks(columns) {
            let blocks: Vec<Vec<String>> = row.iter().map(shaded).collect();
            let height = blocks.iter().map(Vec::len).max().unwrap_or(0);
            for y in 0..height {
                let cells = blocks
                    .iter()
                    .map(|lines| format!("{:<widest$}", lines.get(y).map_or("", String::as_str)));
                text += cells.collect::<Vec<_>>().join("  ").trim_end();
                text.push('\n');
            }
        }
        text
    }
}

/// A picture of at most so many pixels beside each other: each the mean of a square of the old ones.
fn shrunk(picture: &SmallPicture, most: usize) -> SmallPicture {
    let side = picture.width.div_ceil(most.max(1)).max(1);
    let [width, height] = [picture.width / side, picture.height / side];
    let mean = |i: usize| {
        let (x, y) = (i % width * side, i / width * side);
        let rows = picture.pixels.chunks_exact(picture.width).skip(y).take(side);
        let sum: i32 = rows.flat_map(|row| &row[x..x + side]).map(|&pixel| i32::from(pixel)).sum();
        (sum / (side * side) as i32) as i16
    };
    let pixels = (0..width * height).map(mean).collect();
    SmallPicture { width, height, pixels, ..picture.clone() }
}

/// A picture as lines: two rows of pixels in one, because cells are twice as high as wide; its caption below.
fn shaded(picture: &SmallPicture) -> Vec<String> {
    let pixel =
        |x: usize, y: usize| picture.pixels.get(y * picture.width + x).copied().unwrap_or(0);
    let cell = |x: usize, y: usize| {
        let value = (i32::from(pixel(x, y)) + i32::from(pixel(x, y + 1))) / 2;
        match picture.shade {
            Shade::Grey => {
                let shade = value.clamp(0, 255) as usize * (SHADES.len() - 1) / 255;
                char::from(SHADES[shade])
            }
            Shade::Signed => match value {
                -127..=-43 => '=',
                -42..=-12 => '-',
                12..=42 => '+',
                43..=127 => '#',
                _ => ' ',
            },
        }
    };
    let lines = (0..picture.height).step_by(2);
    let lines = lines.map(|y| (0..picture.width).map(|x| cell(x, y)).collect());
    lines.chain([picture.caption.clone()]).collect()
}

fn bar(share: f64, cells: usize) -> String {
    let filled =
        if share.is_finite() { (share.clamp(0.0, 1.0) * cells as f64).round() as usize } else { 0 };
    "█".repeat(filled)
}

fn sparkline(panel: &HistogramPanel) -> String {
    const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = panel.counts.iter().copied().max().unwrap_or(0).max(1);
    // What is not 0 is seen.
    let level = |count: u64| LEVELS[(count * 8).div_ceil(most) as usize];
    panel.counts.iter().map(|&count| level(count)).collect()
}

fn cells_table(columns: &[TableColumn], rows: &[Vec<TableCell>]) -> String {
    let heads = columns.iter().map(|column| (column.align, column.label.clone()));
    let text = |cell: &TableCell| cell.text.clone();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(text).collect()).collect();
    written_table(heads, &rows)
}

fn written_table(heads: impl Iterator<Item = (TextAlign, String)>, rows: &[Vec<String>]) -> String {
    let heads = heads.map(|(align, head)| {
        format!("{}{head}", if align == TextAlign::Right { '>' } else { '<' })
    });
    let heads: Vec<String> = heads.collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let mut out = Vec::new();
    table::write(&mut out, &heads, rows).expect("a Vec takes everything");
    let text = String::from_utf8(out).expect("only text was written");
    // A table without heads begins with an empty line.
    text.strip_prefix('\n').map_or(text.clone(), str::to_owned)
}

/// Text without its forms, with the numbers that are known.
pub fn line(inlines: &[Inline], value_of: ValueOf<'_>) -> String {
    let text = inlines.iter().map(|inline| match inline {
        Inline::Text { text } => text.clone(),
        Inline::Code { text } => format!("`{text}`"),
        Inline::Math { math } => math.to_plain_text().trim().to_owned(),
        Inline::Emphasis { inlines }
        | Inline::Strong { inlines }
        | Inline::Colored { inlines, .. } => line(inlines, value_of),
        Inline::LessonLink { lesson, inlines } => {
            format!("{} (gradus lesson {lesson})", line(inlines, value_of))
        }
        Inline::Link { url, inlines } => format!("{} ({url})", line(inlines, value_of)),
        Inline::Value { instrument, value, digits } => {
            value_of(instrument, value, *digits).unwrap_or_else(|| "…".to_owned())
        }
    });
    text.collect()
}

/// Cells that a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::{BarSeries, PlotAxis, Series, SeriesMark};

    const STYLE: TerminalStyle = TerminalStyle { width: 60, language: Language::En };

    #[test]
    fn every_line_fits_into_the_terminal() {
        let points: Vec<[f64; 2]> = (0..200).map(|i| [f64::from(i), f64::from(i).sin()]).collect();
        let axis = || PlotAxis::new("x");
        let values = BarSeries { name: "p".into(), values: vec![0.1, 0.9] };
        let picture = SmallPicture::grey("3", 28, vec![255; 784]);
        let wide = SmallPicture::grey("", 280, vec![255; 280 * 175]);
        let figures = [
            Figure::plot(axis(), axis(), vec![Series::new("a", SeriesMark::Line, &points)]),
            Figure::bars(vec!["猫".into(), "dog".into()], axis().range(0.0, 1.0), vec![values]),
            Figure::pictures(10, vec![picture; 3]),
            Figure::plot(
                axis(),
                axis(),
                vec![Series::band("all", &[[0.0, -2.0, 2.0], [9.0, -1.0, 3.0]])],
            ),
            Figure::pictures(1, vec![wide]),
            FigureContent::Histograms {
                x: axis(),
                panels: vec![HistogramPanel::count("layer 1", [0.0, 1.0], 30, [0.0, 0.5, 0.5])],
            }
            .into(),
        ];
        for figure in figures {
            let text = STYLE.figure(&figure);
            let widest = text.lines().map(width).max().unwrap_or(0);
            assert!(0 < widest && widest <= 60, "{widest}\n{text}");
        }
        let paragraph = STYLE.paragraph(&"一段很长的中文。".repeat(20), "", "");
        assert!(paragraph.lines().all(|line| width(line) <= 60), "{paragraph}");
    }

    #[test]
    fn bands_lie_within_each_other() {
        let bands = [["all", "3"], ["middle", "1"]].map(|[name, edge]| {
            let edge: f64 = edge.parse().unwrap();
            Series::band(name, &[[0.0, -edge, edge], [10.0, -edge, edge]])
        });
        let axes = [PlotAxis::new("step"), PlotAxis::new("w")];
        let [x, y] = axes;
        let text = STYLE.figure(&Figure::plot(x, y, bands.to_vec()));
        let column: String =
            text.lines().filter_map(|line| line.split_once('│')?.1.chars().nth(20)).collect();
        assert_eq!(column, format!("{0}{1}{0}", "░".repeat(5), "▒".repeat(6)), "{text}");
        assert!(text.contains("░ all   ▒ middle"), "{text}");
    }

    #[test]
    fn a_number_is_shown_when_it_is_known() {
        let value = Inline::Value { instrument: "apple".into(), value: "pays".into(), digits: 3 };
        let inlines = [Inline::text("pays "), value];
        assert_eq!(line(&inlines, &|_, _, _| None), "pays …");
        assert_eq!(line(&inlines, &|_, _, digits| Some(number(2.2001, digits))), "pays 2.2");
    }
}
