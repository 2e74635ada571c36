//! Columns of a reader whose cells have a type: numbers, dates or texts.

use std::sync::Arc;

use super::cells::{Cells, MISSING};
use super::decide::ColumnUse;
use super::kind::{ColumnDescription, ColumnKind};
use super::profile::{DecidedColumn, NumberProfile, TextProfile};
use super::reading::TextReading;
use super::written::WrittenNumbers;
use crate::mistakes::{CellMistake, RowMistakes};

/// What is counted of a column.
pub(crate) enum TypedProfile {
    Numbers(NumberProfile),
    Texts(TextProfile),
}

/// How the values of a column become cells.
#[derive(Clone, Debug)]
pub(crate) enum TypedReading {
    Numbers,
    /// The categories in order, as numbers and as texts.
    Whole(Vec<f64>, Arc<[String]>),
    Texts(TextReading),
}

/// What to do about texts that are not what the user says.
pub(crate) const TEXTS_ADVICE: &str = "mend them, or do not set the kind of the column in `kinds`";

/// What was decided about a column.
pub(crate) struct DecidedTyped {
    pub(crate) description: ColumnDescription,
    pub(crate) reading: TypedReading,
    /// The texts that are not the numbers or dates that the user says.
    pub(crate) mistakes: RowMistakes,
}

impl TypedProfile {
    /// Decides what the column is used as, and how it is read.
    pub(crate) fn decide(
        &self,
        name: &str,
        column_use: ColumnUse,
        forced: Option<ColumnKind>,
    ) -> DecidedTyped {
        match self {
            Self::Numbers(profile) => {
                let description = profile.decide(name, column_use, forced);
                let reading = match description.kind {
                    ColumnKind::WholeCategory => {
                        let names = description.categories.iter().map(|(name, _)| name);
                        let numbers = names.clone().filter_map(|name| name.parse().ok()).collect();
                        TypedReading::Whole(numbers, names.cloned().collect())
                    }
                    _ => TypedReading::Numbers,
                };
                DecidedTyped { description, reading, mistakes: RowMistakes::default() }
            }
            Self::Texts(profile) => {
                let decided = profile.decide(name, column_use, WrittenNumbers::IN_TEXTS, forced);
                let DecidedColumn { description, reading, mistakes: (first, count), .. } = decided;
                let mut mistakes = RowMistakes::default();
                mistakes.add_uncounted(count - first.len());
                for mistake in first {
                    let place = format!("row {}", mistake.order);
                    mistakes.add(CellMistake { place, ..mistake });
                }
                DecidedTyped { description, reading: TypedReading::Texts(reading), mistakes }
            }
        }
    }
}

impl TypedReading {
    /// No cells yet.
    pub(crate) fn empty(&self) -> Cells {
        match self {
            Self::Numbers => Cells::Numbers(Vec::new()),
            Self::Texts(reading) => reading.empty(),
            Self::Whole(_, categories) => {
                Cells::Categories { codes: Vec::new(), categories: categories.clone() }
            }
        }
    }

    /// Appends a number, NaN if it is missing.
    pub(crate) fn push_number(&self, number: f64, cells: &mut Cells) {
        match (self, cells) {
            (Self::Numbers, Cells::Numbers(numbers)) => numbers.push(number),
            (Self::Whole(numbers, _), Cells::Categories { codes, .. }) => {
                let code = numbers.binary_search_by(|other| other.total_cmp(&(number + 0.0)));
                codes.push(code.map_or(MISSING, |code| code as u32));
            }
            _ => unreachable!("cells begin as `empty` makes them"),
        }
    }

    /// Appends a text, empty if it is missing.
    pub(crate) fn push_text(&self, text: &str, cells: &mut Cells) {
        match self {
            Self::Texts(reading) => reading.push(text, cells),
            _ => unreachable!("cells begin as `empty` makes them"),
        }
    }
}
