//! Explanations of a network's numbers as text for a terminal.

use std::io::{self, Write};

use diagnostics::{printable, table};
use gradus::events::Part;
use gradus::explain::element::{
    ElementName, ElementQuantity, Explanation, ExplanationTerm, NamedNumber, Relation,
    RemainingTerms,
};
use gradus::explain::six_digits;
use gradus::train::explanation::{SampleShare, ShareExplanation, UpdateExplanation};
use serde::Serialize;

/// An explanation and what it is of.
#[derive(Debug, Serialize)]
pub(super) struct ExplainedElement {
    pub(super) model: String,
    /// The sample and its set, or the step of a batch.
    #[serde(flatten)]
    pub(super) at: Circumstances,
    pub(super) explanation: Explanation,
}

/// On what a network was run.
#[derive(Debug, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(super) enum Circumstances {
    Evaluation { part: Part, sample: usize, label: Option<String> },
    Training { step: u64, sample: u32, position: usize, label: Option<String> },
    Batch { step: u64 },
}

#[derive(Debug, Serialize)]
pub(super) struct ExplainedUpdate {
    pub(super) model: String,
    /// Whether a run did the step, whose numbers these are.
    pub(super) of_run: bool,
    pub(super) update: UpdateExplanation,
}

/// A bar for a number among others, whose largest magnitude is `most`: full for what adds, light for what takes away.
fn bar(number: f64, most: f64) -> String {
    const CELLS: f64 = 20.0;
    let cells = (number.abs() / most * CELLS).round();
    if !cells.is_finite() {
        return String::new();
    }
    let sign = if number < 0.0 { "▒" } else { "█" };
    sign.repeat(cells as usize)
}

fn largest(numbers: impl Iterator<Item = f64>) -> f64 {
    numbers.map(f64::abs).fold(0.0, f64::max)
}

/// The row of what is not listed. Its bar would be one of many, beside those of single terms.
fn rest_row(rest: Option<RemainingTerms>, columns: usize) -> Option<Vec<String>> {
    let RemainingTerms { count, sum } = rest?;
    let mut row = vec![String::new(); columns];
    row[0] = format!("{count} more");
    row[columns - 2] = six_digits(sum);
    Some(row)
}

impl ExplainedElement {
    pub(super) fn of_share(model: String, share: ShareExplanation) -> Self {
        let ShareExplanation { step, sample, position, label, explanation } = share;
        Self { model, at: Circumstances::Training { step, sample, position, label }, explanation }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let Explanation { of, op, value, relation, formula, terms, rest, sum, gradient, .. } =
            &self.explanation;
        let share = match (relation, &self.at) {
            (Relation::GradientShare, Circumstances::Training { sample, .. }) => {
                format!(", share of sample {sample}")
            }
            _ => String::new(),
        };
        let name = printable(&self.named(of).to_string());
        writeln!(out, "{name}{share} = {}", six_digits(*value))?;
        let of_label = |label: &Option<String>| {
            label.as_ref().map_or(String::new(), |label| format!(" (label {})", printable(label)))
        };
        let at = match &self.at {
            Circumstances::Evaluation { part, sample, label } => {
                format!("sample {sample}{} of the {part} set, in evaluation", of_label(label))
            }
            Circumstances::Training { step, sample, label, .. } => format!(
                "sample {sample}{} in the batch of step {step}, in training, computed again",
                of_label(label)
            ),
            Circumstances::Batch { step } => {
                format!("the batch of step {step}, in training, computed again")
            }
        };
        writeln!(out, "{op} · {} · {at}", printable(&self.model))?;
        match (relation, formula) {
            (Relation::Given, _) => writeln!(out, "\nIt is given: nothing is computed for it.")?,
            (Relation::Unstated, _) => {
                writeln!(out, "\nThe op states no formula; its derivatives:")?
            }
            (_, Some(formula)) => {
                writeln!(out, "\n  {}\n= {}", printable(&formula.symbols), formula.numbers)?;
            }
            (_, None) => {}
        }
        if !terms.is_empty() {
            writeln!(out)?;
            self.write_terms(out, terms, *rest, *sum)?;
        }
        writeln!(out)?;
        if let Some(gradient) = gradient {
            let gradient_of = of.clone().gradient();
            let (what, command) = match (relation, &self.at) {
                (Relation::GradientShare, Circumstances::Training { step, .. }) => {
                    let at = &Circumstances::Batch { step: *step };
                    ("gradient of the batch", self.command_at(at, &gradient_of))
                }
                _ => ("gradient of the loss", self.command(&gradient_of)),
            };
            writeln!(out, "{what} {}: {command}", six_digits(*gradient))?;
        }
        // A factor leads on; a bias alone is given.
        let products = terms.iter().find(|term| term.factor.is_some());
        if let Some(term) = products.or(terms.first()) {
            writeln!(out, "one level down: {}", self.command(&term.element))?;
        }
        Ok(())
    }

    fn write_terms(
        &self,
        out: &mut dyn Write,
        terms: &[ExplanationTerm],
        rest: Option<RemainingTerms>,
        sum: Option<f64>,
    ) -> io::Result<()> {
        let is_gradient = self.explanation.quantity == ElementQuantity::Gradient;
        let headings = match is_gradient {
            true => ["<read by", ">upstream", ">derivative", "<", ">product", "<"],
            false => ["<term", ">value", ">factor", "<", ">product", "<"],
        };
        let headings = match self.explanation.relation {
            Relation::Formula | Relation::Unstated => {
                ["<operand", ">value", ">derivative", "<", ">product", "<"]
            }
            _ => headings,
        };
        let most = largest(terms.iter().map(|term| term.product));
        let row = |term: &ExplanationTerm| {
            let name = term.name.as_ref().map_or(String::new(), |name| format!("{name} = "));
            let all = match term.elements {
                1 => String::new(),
                n => format!(" ({n} elements)"),
            };
            let factor = term.factor.as_ref();
            let factor = factor.map_or(String::new(), |factor| self.named(factor).to_string());
            vec![
                printable(&format!("{name}{}{all}", self.named(&term.element))),
                six_digits(term.value),
                six_digits(term.derivative),
                printable(&factor),
                six_digits(term.product),
                bar(term.product, most),
            ]
        };
        let mut rows: Vec<Vec<String>> = terms.iter().map(row).collect();
        rows.extend(rest_row(rest, headings.len()));
        if let Some(sum) = sum {
            let mut row = vec![String::new(); headings.len()];
            (row[0], row[4]) = ("sum".to_owned(), six_digits(sum));
            rows.push(row);
        }
        table::write(out, headings, &rows)
    }

    /// An element without its sample, if that is the one that all is about.
    fn named(&self, of: &ElementName) -> ElementName {
        let is_same = match self.at {
            Circumstances::Evaluation { .. } => true,
            Circumstances::Training { position, .. } => of.sample == Some(position),
            Circumstances::Batch { .. } => false,
        };
        ElementName { sample: of.sample.filter(|_| !is_same), ..of.clone() }
    }

    /// The command that explains another element of the same.
    fn command(&self, of: &ElementName) -> String {
        self.command_at(&self.at, of)
    }

    fn command_at(&self, at: &Circumstances, of: &ElementName) -> String {
        let at = match at {
            Circumstances::Evaluation { part: Part::Test, sample, .. } => {
                format!("--sample {sample}")
            }
            Circumstances::Evaluation { part, sample, .. } => {
                format!("--part {part} --sample {sample}")
            }
            Circumstances::Training { step, sample, .. } => {
                format!("--train --step {step} --sample {sample}")
            }
            Circumstances::Batch { step } => format!("--train --step {step}"),
        };
        printable(&format!("gradus explain {} {at} --of '{}'", self.model, self.named(of)))
    }
}

impl ExplainedUpdate {
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let update = &self.update;
        let number = |numbers: &[NamedNumber], name: &str| {
            numbers
                .iter()
                .find(|number| number.name == name)
                .map_or(f64::NAN, |number| number.value)
        };
        let [before, after] = [&update.before, &update.after].map(|numbers| number(numbers, "w"));
        writeln!(
            out,
            "step {}: {} {} → {}",
            update.step,
            printable(&update.of.to_string()),
            six_digits(before),
            six_digits(after)
        )?;
        let of = match (self.of_run, update.is_as_logged) {
            (true, Some(true)) => "done again from a checkpoint: as in the log, to the last bit",
            (true, _) => "done again from a checkpoint: the same bytes",
            (false, _) => "done now",
        };
        writeln!(out, "{} · {of}", printable(&self.model))?;
        writeln!(
            out,
            "\nloss {}, gradient {}, norm of all gradients {}, learning rate {}",
            six_digits(update.loss),
            six_digits(update.gradient),
            six_digits(update.grad_norm),
            six_digits(update.learning_rate)
        )?;
        writeln!(out, "\nThe gradient by samples of the batch (computed again):\n")?;
        let most = largest(update.shares.iter().map(|share| share.share));
        let row = |share: &SampleShare| {
            let label = share.label.as_deref().unwrap_or("");
            let label = printable(label);
            vec![share.sample.to_string(), label, six_digits(share.share), bar(share.share, most)]
        };
        let mut rows: Vec<Vec<String>> = update.shares.iter().map(row).collect();
        rows.extend(rest_row(update.rest, 4));
        if update.penalty != 0.0 {
            let share = six_digits(update.penalty);
            rows.push(vec!["penalty".into(), String::new(), share, bar(update.penalty, most)]);
        }
        table::write(out, ["<sample", "<label", ">share", "<"], &rows)?;
        self.write_lines(out)?;
        let numbers = |numbers: &[NamedNumber]| {
            numbers.iter().map(|number| six_digits(number.value)).collect::<Vec<_>>()
        };
        let rows = update.before.iter().zip(numbers(&update.before)).zip(numbers(&update.after));
        let rows: Vec<Vec<String>> =
            rows.map(|((named, before), after)| vec![named.name.clone(), before, after]).collect();
        writeln!(out)?;
        table::write(out, ["<", ">before", ">after"], &rows)?;
        if let Some(share) = update.shares.first() {
            let command = format!(
                "gradus explain {} --step {} --sample {} --of '{}'",
                self.model, update.step, share.sample, update.of
            );
            writeln!(out, "\none level down: {}", printable(&command))?;
        }
        Ok(())
    }

    fn write_lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let update = &self.update;
        if update.lines.is_empty() {
            return writeln!(
                out,
                "\nThis optimizer states no formula for what it does with the gradient; its numbers:"
            );
        }
        let given = update.given.iter();
        let given: Vec<String> =
            given.map(|number| format!("{} = {}", number.name, six_digits(number.value))).collect();
        writeln!(out, "\nThe optimizer, with {}:", given.join(", "))?;
        let rows = update.lines.iter().map(|line| {
            let set = format!("{} ← {}", line.name, line.formula.symbols);
            vec![
                set,
                format!("= {}", line.formula.numbers),
                format!("= {}", six_digits(line.value)),
            ]
        });
        table::write(out, ["<", "<", "<"], &rows.collect::<Vec<_>>())?;
        if let Some(name) = &update.of_matrix {
            writeln!(
                out,
                "{name} is computed of the whole matrix; shown is the number that the step had."
            )?;
        }
        Ok(())
    }
}
