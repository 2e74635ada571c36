//! Markdown becomes blocks.
//!
//! Read by `pulldown-cmark`. What lessons add is written with parts that Markdown has:
//!
//! | written                        | becomes                                                              |
//! |--------------------------------|----------------------------------------------------------------------|
//! | `## Heading`                   | a step of the lesson                                                 |
//! | `{{pays}}`                     | the stated number `pays`                                             |
//! | `{{apple.pays}}`, `{{a.b:3}}`  | a number of the instrument `apple`; three significant digits         |
//! | `{{price}}` on a line alone    | the question or instrument `price`                                   |
//! | `> T1: text`                   | the trap T1                                                          |
//! | `$x^2$`, `$$x^2$$` on a line alone | a formula in LaTeX                                               |
//! | `[text](lesson:chain-rule)`    | a link to a lesson                                                   |
//! | `[values](forward)`, `[gradients](backward)` | text in the colour of values, of gradients             |

use pulldown_cmark::{Alignment, Event, HeadingLevel, Options, Parser, Tag, TextMergeStream};
use serde::Serialize;

use super::{Block, Inline, Math, Pass, TextAlign};

/// A part of a lesson: what stands below a heading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The heading.
    pub title: String,
    /// What stands below.
    pub blocks: Vec<Block>,
}

/// What a name in double braces stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedPart<'a> {
    /// A number, as it is stated.
    Stated(&'a str),
    /// An instrument.
    Instrument,
    /// A question.
    Question,
}

/// Looks up a name of the lesson.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<NamedPart<'a>>;

/// Significant digits of a computed number whose reference does not say how many.
const DIGITS: usize = 6;

/// The steps of a lesson.
///
/// # Errors
///
/// The first part that lessons do not have, and names that `lookup` does not know.
pub fn steps(markdown: &str, lookup: Lookup<'_>) -> Result<Vec<Step>, String> {
    let text = with_stated_numbers(markdown, lookup)?;
    let mut reader = MarkdownReader::new(&text, lookup);
    let mut steps: Vec<Step> = Vec::new();
    while let Some(event) = reader.events.next() {
        if let Event::Start(Tag::Heading { level: HeadingLevel::H2, .. }) = event {
            let title = plain(&reader.inlines()?);
            steps.push(Step { title, blocks: Vec::new() });
            continue;
        }
        let step = steps.last_mut().ok_or("the text begins without a heading `## …`")?;
        let block = reader.block(event)?;
        step.blocks.push(block);
    }
    Ok(steps)
}

/// A short text: the words of a question or of a feedback.
///
/// # Errors
///
/// As [`steps`].
pub fn blocks(markdown: &str, lookup: Lookup<'_>) -> Result<Vec<Block>, String> {
    let text = with_stated_numbers(markdown, lookup)?;
    MarkdownReader::new(&text, lookup).blocks()
}

/// A text of one paragraph.
///
/// # Errors
///
/// As [`steps`].
pub fn line(markdown: &str, lookup: Lookup<'_>) -> Result<Vec<Inline>, String> {
    match &mut blocks(markdown, lookup)?[..] {
        [Block::Paragraph { inlines }] => Ok(std::mem::take(inlines)),
        _ => Err(format!("expected one line, found {markdown:?}")),
    }
}

/// The characters of a text without its forms.
pub fn plain(inlines: &[Inline]) -> String {
    let text = inlines.iter().map(|inline| match inline {
        Inline::Text { text } | Inline::Code { text } => text.clone(),
        Inline::Math { math } => math.to_plain_text(),
        Inline::Emphasis { inlines }
        | Inline::Strong { inlines }
        | Inline::Colored { inlines, .. }
        | Inline::LessonLink { inlines, .. }
        | Inline::Link { inlines, .. } => plain(inlines),
        Inline::Value { .. } => "…".to_owned(),
    });
    text.collect()
}

/// Puts stated numbers in the place of their names; other names stay.
fn with_stated_numbers(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").ok_or("`{{` without `}}`")?;
        out.push_str(before);
        match lookup(name.split(['.', ':']).next().unwrap_or_default()) {
            Some(NamedPart::Stated(number)) => out.push_str(number),
            Some(_) => out.extend(["{{", name, "}}"]),
            None => {
                return Err(format!(
                    "`{{{{{name}}}}}`: no number, instrument or question of that name"
                ));
            }
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

struct MarkdownReader<'a, 'l> {
    events: TextMergeStream<'a, Parser<'a>>,
    lookup: Lookup<'l>,
}

impl<'a, 'l> MarkdownReader<'a, 'l> {
    fn new(text: &'a str, lookup: Lookup<'l>) -> Self {
        let options = Options::ENABLE_TABLES | Options::ENABLE_MATH;
        Self { events: TextMergeStream::new(Parser::new_ext(text, options)), lookup }
    }

    /// The blocks up to the end of what contains them.
    fn blocks(&mut self) -> Result<Vec<Block>, String> {
        let mut blocks = Vec::new();
        let mut loose = Vec::new();
        while let Some(event) = self.events.next() {
            match event {
                Event::End(_) => break,
                // The items of a list without empty lines hold their text directly.
                event if is_inline(&event) => loose.extend(self.inline(event)?),
                event => {
                    blocks.extend(paragraph(&mut loose));
                    blocks.push(self.block(event)?);
                }
            }
        }
        blocks.extend(paragraph(&mut loose));
        Ok(blocks)
    }

    fn block(&mut self, event: Event<'_>) -> Result<Block, String> {
        let Event::Start(tag) = event else { return Err(unknown(&event)) };
        match tag {
            Tag::Paragraph => {
                let inlines = self.inlines()?;
                self.paragraph(inlines)
            }
            Tag::BlockQuote(_) => trap(self.blocks()?),
            Tag::CodeBlock(_) => Ok(Block::Code { text: plain(&self.inlines()?) }),
            Tag::List(first) => {
                let mut items = Vec::new();
                while let Some(Event::Start(Tag::Item)) = self.events.next() {
                    items.push(self.blocks()?);
                }
                Ok(Block::List { ordered: first.is_some(), items })
            }
            Tag::Table(align) => {
                let align = align.into_iter().map(|align| match align {
                    Alignment::Right => TextAlign::Right,
                    _ => TextAlign::Left,
                });
                let align = align.collect();
                let mut rows = Vec::new();
                while let Some(Event::Start(_)) = self.events.next() {
                    let mut cells = Vec::new();
                    while let Some(Event::Start(_)) = self.events.next() {
                        cells.push(self.inlines()?);
                    }
                    rows.push(cells);
                }
                Ok(Block::TextTable { align, rows })
            }
            tag => Err(unknown(&Event::Start(tag))),
        }
    }

    /// A paragraph; what stands alone in one is a formula, a question or an instrument.
    fn paragraph(&self, mut inlines: Vec<Inline>) -> Result<Block, String> {
        if let [Inline::Text { text }] = &inlines[..]
            && let Some(name) = text.strip_prefix("{{").and_then(|text| text.strip_suffix("}}"))
            && !name.contains('.')
        {
            let name = name.to_owned();
            return match (self.lookup)(&name) {
                Some(NamedPart::Question) => Ok(Block::Question { name }),
                _ => Ok(Block::Instrument { name }),
            };
        }
        if let [Inline::Math { .. }] = inlines[..]
            && let Some(Inline::Math { math }) = inlines.pop()
        {
            return Ok(Block::Formula { math });
        }
        Ok(Block::Paragraph { inlines: references(inlines)? })
    }

    /// The text up to the end of what contains it.
    fn inlines(&mut self) -> Result<Vec<Inline>, String> {
        let mut inlines = Vec::new();
        while let Some(event) = self.events.next() {
            if matches!(event, Event::End(_)) {
                break;
            }
            inlines.extend(self.inline(event)?);
        }
        Ok(inlines)
    }

    fn inline(&mut self, event: Event<'_>) -> Result<Vec<Inline>, String> {
        Ok(vec![match event {
            Event::Text(text) => Inline::Text { text: text.into_string() },
            Event::SoftBreak | Event::HardBreak => Inline::text("\n"),
            Event::Code(text) => Inline::Code { text: text.into_string() },
            Event::InlineMath(latex) | Event::DisplayMath(latex) => {
                if latex.contains("{{") {
                    return Err(format!("{latex}: a computed number stands outside of a formula"));
                }
                Inline::Math { math: Math::parse(&latex)? }
            }
            Event::Start(Tag::Emphasis) => Inline::Emphasis { inlines: self.inner()? },
            Event::Start(Tag::Strong) => Inline::Strong { inlines: self.inner()? },
            Event::Start(Tag::Link { dest_url, .. }) => {
                let inlines = self.inner()?;
                match &*dest_url {
                    "forward" => Inline::Colored { pass: Pass::Forward, inlines },
                    "backward" => Inline::Colored { pass: Pass::Backward, inlines },
                    url => match url.strip_prefix("lesson:") {
                        Some(lesson) => Inline::LessonLink { lesson: lesson.to_owned(), inlines },
                        None if url.starts_with("https://") => {
                            Inline::Link { url: url.to_owned(), inlines }
                        }
                        None => {
                            return Err(format!("a link to {url}: expected lesson:… or https://…"));
                        }
                    },
                }
            }
            event => return Err(unknown(&event)),
        }])
    }

    fn inner(&mut self) -> Result<Vec<Inline>, String> {
        references(self.inlines()?)
    }
}

fn is_inline(event: &Event<'_>) -> bool {
    match event {
        Event::Start(tag) => matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Link { .. }),
        Event::Rule | Event::Html(_) => false,
        _ => true,
    }
}

fn unknown(event: &Event<'_>) -> String {
    format!("lessons have no {event:?}")
}

fn paragraph(inlines: &mut Vec<Inline>) -> Option<Block> {
    let inlines = references(std::mem::take(inlines)).ok()?;
    (!inlines.is_empty()).then_some(Block::Paragraph { inlines })
}

/// A quotation that begins with the row of a trap.
fn trap(mut blocks: Vec<Block>) -> Result<Block, String> {
    let expected = "a quotation is a trap and begins with its row: `> T1: …`";
    let Some(Block::Paragraph { inlines }) = blocks.first_mut() else {
        return Err(expected.into());
    };
    let Some(Inline::Text { text }) = inlines.first_mut() else { return Err(expected.into()) };
    let (row, rest) = text.split_once(": ").ok_or(expected)?;
    if row.strip_prefix('T').is_none_or(|number| number.parse::<u32>().is_err()) {
        return Err(expected.into());
    }
    let row = row.to_owned();
    *text = rest.to_owned();
    Ok(Block::Trap { row, blocks })
}

/// Joins texts, and takes references to computed numbers out of them.
fn references(inlines: Vec<Inline>) -> Result<Vec<Inline>, String> {
    let mut out: Vec<Inline> = Vec::new();
    for inline in inlines {
        match (out.last_mut(), inline) {
            (Some(Inline::Text { text }), Inline::Text { text: more }) => text.push_str(&more),
            (_, inline) => out.push(inline),
        }
    }
    let mut found = Vec::new();
    for inline in out {
        let Inline::Text { text } = inline else {
            found.push(inline);
            continue;
        };
        let mut rest = &*text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("`{{` without `}}`")?;
            found.extend((!before.is_empty()).then(|| Inline::text(typeset(before))));
            found.push(value(name)?);
            rest = after;
        }
        found.extend((!rest.is_empty()).then(|| Inline::text(typeset(rest))));
    }
    Ok(found)
}

/// `apple.pays:3` as a reference to a computed number.
fn value(reference: &str) -> Result<Inline, String> {
    let (path, digits) = match reference.split_once(':') {
        None => (reference, DIGITS),
        Some((path, digits)) => {
            (path, digits.parse().map_err(|_| format!("`{reference}`: expected digits after `:`"))?)
        }
    };
    let (instrument, value) = path.split_once('.').ok_or_else(|| {
        format!(
            "`{{{{{reference}}}}}`: a question or an instrument stands in a paragraph of its own"
        )
    })?;
    Ok(Inline::Value { instrument: instrument.to_owned(), value: value.to_owned(), digits })
}

/// A hyphen before a number is a minus sign, and the end of a line a space, where the language has them.
fn typeset(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_minus = c == '-'
            && chars.peek().is_some_and(char::is_ascii_digit)
            && !before.is_alphanumeric()
            && before != '-';
        match c {
            '-' if is_minus => out.push('−'),
            '\n' if is_chinese(before) || chars.peek().copied().is_some_and(is_chinese) => {}
            '\n' => out.push(' '),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// Whether a line that ends before or after it continues without a space: characters and punctuation of Chinese texts.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{ff00}'..='\u{ffef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<NamedPart<'static>> {
        match name {
            "pays" => Some(NamedPart::Stated("22")),
            "apple" => Some(NamedPart::Instrument),
            "price" => Some(NamedPart::Question),
            _ => None,
        }
    }

    fn text(text: &str) -> Inline {
        Inline::text(text)
    }

    #[test]
    fn steps_hold_text_questions_instruments_and_traps() {
        let markdown = "## One\n\nThey pay **{{pays}}**, at -2.\n\n{{price}}\n\n{{apple}}\n\n\
                        ## Two\n\n> T1: Some print {{apple.d_price:3}}.\n";
        let steps = steps(markdown, &lookup).unwrap();
        let titles: Vec<_> = steps.iter().map(|step| &*step.title).collect();
        assert_eq!(titles, ["One", "Two"]);
        let paid = Inline::Strong { inlines: vec![text("22")] };
        let paragraph =
            Block::Paragraph { inlines: vec![text("They pay "), paid, text(", at −2.")] };
        let question = Block::Question { name: "price".into() };
        let instrument = Block::Instrument { name: "apple".into() };
        assert_eq!(steps[0].blocks, [paragraph, question, instrument]);
        let value =
            Inline::Value { instrument: "apple".into(), value: "d_price".into(), digits: 3 };
        let inlines = vec![text("Some print "), value, text(".")];
        let trap = Block::Trap { row: "T1".into(), blocks: vec![Block::Paragraph { inlines }] };
        assert_eq!(steps[1].blocks, [trap]);
    }

    #[test]
    fn lists_tables_links_and_formulas_are_blocks() {
        let markdown = "- one\n- $x$\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n$$x + 1$$\n\n\
                        [values](forward) [more](lesson:softmax)\n\n```\ngradus lesson\n```\n";
        let blocks = blocks(markdown, &lookup).unwrap();
        assert!(matches!(&blocks[0], Block::List { ordered: false, items } if items.len() == 2));
        assert!(matches!(&blocks[1], Block::TextTable { rows, align }
            if rows.len() == 2 && align[1] == TextAlign::Right));
        assert!(matches!(&blocks[2], Block::Formula { .. }));
        assert!(matches!(&blocks[3], Block::Paragraph { inlines } if inlines.len() == 3));
        assert_eq!(blocks[4], Block::Code { text: "gradus lesson\n".into() });
    }

    #[test]
    fn lines_of_a_chinese_text_are_joined_without_a_space() {
        for (markdown, joined) in [
            ("a\nb", "a b"),
            ("概率\n最大", "概率最大"),
            ("最大。\nsoftmax 把", "最大。softmax 把"),
        ] {
            let expected = Block::Paragraph { inlines: vec![text(joined)] };
            assert_eq!(blocks(markdown, &lookup).unwrap(), [expected]);
        }
    }

    #[test]
    fn what_lessons_do_not_have_is_refused() {
        for (markdown, part) in [
            ("{{pais}}", "no number"),
            ("text {{price}}", "a paragraph of its own"),
            ("> a quotation", "begins with its row"),
            ("[a](http://b)", "https"),
            ("<b>bold</b>", "lessons have no"),
            ("![a](b.png)", "lessons have no"),
            ("{{pays", "without"),
        ] {
            let error = blocks(markdown, &lookup).unwrap_err();
            assert!(error.contains(part), "{markdown}: {error}");
        }
        assert!(steps("no heading", &lookup).unwrap_err().contains("without a heading"));
    }
}
