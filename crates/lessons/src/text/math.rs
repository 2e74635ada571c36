//! Formulas: LaTeX, read by `pulldown-latex`, becomes a tree of MathML elements, which is written as plain text too.

use std::fmt::Write as _;

use pulldown_latex::event::{
    Content, EnvironmentFlow, Event, Grouping, ScriptPosition, ScriptType, Visual,
};
use pulldown_latex::{Parser, Storage};
use serde::Serialize;

/// A MathML element: `{"tag":"mfrac","children":[{"tag":"mi","text":"x"},{"tag":"mn","text":"2"}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Math {
    /// `mrow`, `mi`, `mn`, `mo`, `mtext`, `mspace`, `mfrac`, `msqrt`, `mroot`, `msub`, `msup`, `msubsup`, `munder`, `mover`,
    /// `munderover`, `mtable`, `mtr` or `mtd`.
    pub tag: &'static str,
    /// Of `mi`, `mn`, `mo` and `mtext`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Of all others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Math>,
}

impl Math {
    /// Reads a formula.
    ///
    /// ```
    /// use gradus_lessons::text::Math;
    ///
    /// let math = Math::parse(r"\frac{\partial z}{\partial x} = 2(x + y)")?;
    /// assert_eq!(math.to_plain_text(), "∂z/∂x = 2(x + y)");
    /// assert!(Math::parse(r"\frac{1").is_err());
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What of it is not LaTeX, or not a part that lessons use.
    pub fn parse(latex: &str) -> Result<Self, String> {
        let storage = Storage::new();
        let events: Result<Vec<_>, _> = Parser::new(latex, &storage).collect();
        let events = events.map_err(|error| format!("{latex}: {error}"))?;
        let mut events = events.into_iter();
        let row = row(&mut events).map_err(|part| format!("{latex}: lessons do not use {part}"))?;
        Ok(row)
    }

    /// The formula as a line of text.
    pub fn to_plain_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) {
        let child = |i: usize| self.children.get(i);
        match self.tag {
            // A sign before a value, not between two.
            "mo" if "+−".contains(&self.text) && !ends_with_value(out) => {
                out.push_str(&self.text)
            }
            // `t ln(y)`, not `tln(y)`.
            "mi" if self.text.chars().count() > 1
                && ends_with_value(out)
                && !out.ends_with(' ') =>
            {
                let _ = write!(out, " {}", self.text);
            }
            "mo" if is_spaced(&self.text) => {
                let gap = if out.is_empty() || out.ends_with([' ', '(']) { "" } else { " " };
                let _ = write!(out, "{gap}{} ", self.text);
            }
            "mo" if self.text == "," => out.push_str(", "),
            "mspace" => out.push(' '),
            "mfrac" => {
                // A product needs no parentheses above the line, but below it.
                grouped(child(0), out, |text| text.contains(' '));
                out.push('/');
                grouped(child(1), out, |text| text.contains([' ', '·']));
            }
            "msqrt" => {
                out.push('√');
                grouped(Some(&row_of(self.children.clone())), out, |text| text.chars().count() > 1);
            }
            "msup" | "mover" => {
                grouped(child(0), out, |text| text.contains(' '));
                script(child(1), out, '^', superscript);
            }
            "msub" | "munder" => {
                grouped(child(0), out, |text| text.contains(' '));
                script(child(1), out, '_', subscript);
            }
            "msubsup" | "munderover" => {
                grouped(child(0), out, |text| text.contains(' '));
                script(child(1), out, '_', subscript);
                script(child(2), out, '^', superscript);
            }
            "mtr" => {
                for (i, cell) in self.children.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "  " });
                    cell.write(out);
                }
            }
            "mtable" => {
                for (i, row) in self.children.iter().enumerate() {
                    out.push_str(if i == 0 { "" } else { "; " });
                    row.write(out);
                }
            }
            _ => {
                out.push_str(&self.text);
                self.children.iter().for_each(|child| child.write(out));
            }
        }
    }
}

/// Whether the text so far ends with something that an operator can follow.
fn ends_with_value(text: &str) -> bool {
    let last = text.trim_end().chars().next_back();
    last.is_some_and(|c| c != '(' && c != '∑' && c != '/' && !is_spaced(c.encode_utf8(&mut [0; 4])))
}

/// Whether an operator stands between spaces.
fn is_spaced(operator: &str) -> bool {
    "+−=≈<>≤≥→←⟹⇒≠∼←∈×".contains(operator)
}

/// Writes an element, in parentheses if its text `needs` them.
fn grouped(math: Option<&Math>, out: &mut String, needs: impl Fn(&str) -> bool) {
    let text = math.map(Math::to_plain_text).unwrap_or_default();
    let text = text.trim();
    let _ = if needs(text) && !text.starts_with('(') {
        write!(out, "({text})")
    } else {
        write!(out, "{text}")
    };
}

fn script(math: Option<&Math>, out: &mut String, sign: char, raised: fn(char) -> Option<char>) {
    let text = math.map(Math::to_plain_text).unwrap_or_default();
    match text.chars().map(raised).collect::<Option<String>>() {
        Some(text) => out.push_str(&text),
        None if text.chars().count() == 1 => {
            let _ = write!(out, "{sign}{text}");
        }
        None => {
            let _ = write!(out, "{sign}({text})");
        }
    }
}

fn translated(c: char, from: &str, to: &str) -> Option<char> {
    from.chars().zip(to.chars()).find(|(plain, _)| *plain == c).map(|(_, raised)| raised)
}

fn superscript(c: char) -> Option<char> {
    translated(c, "0123456789+−-nijkTx()′", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿⁱʲᵏᵀˣ⁽⁾′")
}

fn subscript(c: char) -> Option<char> {
    translated(c, "0123456789+−aeijknmtx()", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑᵢⱼₖₙₘₜₓ₍₎")
}

fn leaf(tag: &'static str, text: impl Into<String>) -> Math {
    Math { tag, text: text.into(), children: Vec::new() }
}

fn with(tag: &'static str, children: Vec<Math>) -> Math {
    Math { tag, text: String::new(), children }
}

/// A row, or its only element.
fn row_of(mut children: Vec<Math>) -> Math {
    if children.len() == 1 { children.remove(0) } else { with("mrow", children) }
}

type Events<'a> = std::vec::IntoIter<Event<'a>>;

/// The elements up to the end of their group.
fn row(events: &mut Events<'_>) -> Result<Math, String> {
    let mut children = Vec::new();
    while let Some(event) = events.next() {
        if event == Event::End {
            break;
        }
        children.extend(element(event, events)?);
    }
    Ok(row_of(children))
}

/// The next element, which a fraction, a root or a script takes.
fn next(events: &mut Events<'_>) -> Result<Math, String> {
    loop {
        let event = events.next().ok_or("a formula that ends early")?;
        if let Some(element) = element(event, events)? {
            return Ok(element);
        }
    }
}

/// The element that begins with an event; none if the event only changes how others look.
fn element(event: Event<'_>, events: &mut Events<'_>) -> Result<Option<Math>, String> {
    Ok(Some(match event {
        Event::Content(content) => self::content(content)?,
        Event::Begin(Grouping::Normal) => row(events)?,
        Event::Begin(Grouping::LeftRight(open, close)) => {
            let fence = |c: Option<char>| c.map(|c| leaf("mo", c));
            let inner = row(events)?;
            let parts = [fence(open), Some(inner), fence(close)];
            with("mrow", parts.into_iter().flatten().collect())
        }
        Event::Begin(Grouping::Matrix { .. } | Grouping::Aligned | Grouping::Cases { .. }) => {
            table(events)?
        }
        Event::Visual(Visual::Fraction(_)) => with("mfrac", vec![next(events)?, next(events)?]),
        Event::Visual(Visual::SquareRoot) => with("msqrt", vec![next(events)?]),
        Event::Visual(Visual::Root) => with("mroot", vec![next(events)?, next(events)?]),
        Event::Script { ty, position } => {
            let is_above = position != ScriptPosition::Right;
            let tag = match (ty, is_above) {
                (ScriptType::Subscript, false) => "msub",
                (ScriptType::Superscript, false) => "msup",
                (ScriptType::SubSuperscript, false) => "msubsup",
                (ScriptType::Subscript, true) => "munder",
                (ScriptType::Superscript, true) => "mover",
                (ScriptType::SubSuperscript, true) => "munderover",
            };
            let count = if ty == ScriptType::SubSuperscript { 3 } else { 2 };
            with(tag, (0..count).map(|_| next(events)).collect::<Result<_, _>>()?)
        }
        Event::Space { .. } => leaf("mspace", ""),
        Event::StateChange(_) => return Ok(None),
        other => return Err(format!("{other:?}")),
    }))
}

/// The rows of an environment, up to its end.
fn table(events: &mut Events<'_>) -> Result<Math, String> {
    let (mut rows, mut cells, mut cell) = (Vec::new(), Vec::new(), Vec::new());
    for_each_until_end(events, |event, events| {
        match event {
            Event::EnvironmentFlow(EnvironmentFlow::Alignment) => {
                cells.push(with("mtd", std::mem::take(&mut cell)));
            }
            Event::EnvironmentFlow(EnvironmentFlow::NewLine { .. }) => {
                cells.push(with("mtd", std::mem::take(&mut cell)));
                rows.push(with("mtr", std::mem::take(&mut cells)));
            }
            event => cell.extend(element(event, events)?),
        }
        Ok(())
    })?;
    cells.push(with("mtd", cell));
    rows.push(with("mtr", cells));
    Ok(with("mtable", rows))
}

fn for_each_until_end(
    events: &mut Events<'_>,
    mut each: impl FnMut(Event<'_>, &mut Events<'_>) -> Result<(), String>,
) -> Result<(), String> {
    while let Some(event) = events.next() {
        if event == Event::End {
            break;
        }
        each(event, events)?;
    }
    Ok(())
}

fn content(content: Content<'_>) -> Result<Math, String> {
    Ok(match content {
        Content::Text(text) => leaf("mtext", text),
        Content::Number(text) => leaf("mn", text),
        Content::Function(text) => leaf("mi", text),
        Content::Ordinary { content, .. } => leaf("mi", content),
        Content::LargeOp { content, .. } | Content::BinaryOp { content, .. } => leaf("mo", content),
        Content::Relation { content, .. } => {
            let mut buffer = [0; 8];
            leaf("mo", String::from_utf8_lossy(content.encode_utf8_to_buf(&mut buffer)))
        }
        Content::Delimiter { content, .. } => leaf("mo", content),
        Content::Punctuation(c) => leaf("mo", c),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_of_lessons_are_written_as_a_line() {
        let cases = [
            (r"y = \max(0, x)", "y = max(0, x)"),
            (r"-\sum_k t_k \ln(y_k)", "−∑ₖtₖ ln(yₖ)"),
            (r"\sigma(x) = \frac{1}{1 + e^{-x}}", "σ(x) = 1/(1 + e⁻ˣ)"),
            (r"E = \frac{1}{2} \sum_k (y_k - t_k)^2", "E = 1/2∑ₖ(yₖ − tₖ)²"),
            (r"w \leftarrow w - \eta \frac{\partial L}{\partial w}", "w ← w − η∂L/∂w"),
            (r"\sqrt{x}", "√x"),
            (r"\left(\frac{a}{b}\right)", "(a/b)"),
        ];
        for (latex, text) in cases {
            assert_eq!(Math::parse(latex).unwrap().to_plain_text(), text, "{latex}");
        }
    }

    #[test]
    fn a_fraction_has_two_children() {
        let math = Math::parse(r"\frac{x}{2}").unwrap();
        assert_eq!(math, with("mfrac", vec![leaf("mi", "x"), leaf("mn", "2")]));
    }
}
