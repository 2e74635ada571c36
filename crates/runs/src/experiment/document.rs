//! The text of an experiment file: how it is read and written, and the places of settings in it.

use std::mem::take;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::Experiment;

/// A parsed text whose values know their place.
pub(crate) fn parse(text: &str) -> Result<Spanned<DeValue<'_>>, toml::de::Error> {
    let table = DeTable::parse(text)?;
    Ok(Spanned::new(table.span(), DeValue::Table(table.into_inner())))
}

/// The first integer that TOML does not have, and a message about it. The deserializer would take those below 2⁶⁴, and
/// the file could not be written as a table of values again.
pub(super) fn oversized_integer(value: &Spanned<DeValue<'_>>) -> Option<(Range<usize>, String)> {
    match value.get_ref() {
        DeValue::Integer(integer) => {
            let is_valid = i64::from_str_radix(integer.as_str(), integer.radix()).is_ok();
            let message = || format!("expected an integer from -2^63 to 2^63 - 1, found {integer}");
            (!is_valid).then(|| (value.span(), message()))
        }
        DeValue::Array(values) => values.iter().find_map(oversized_integer),
        DeValue::Table(table) => table.values().find_map(oversized_integer),
        _ => None,
    }
}

/// Reads the experiment, without the table that is not part of it.
pub(crate) fn experiment(document: &Spanned<DeValue<'_>>) -> Result<Experiment, toml::de::Error> {
    let mut document = document.clone();
    if let DeValue::Table(table) = document.get_mut() {
        table.remove("tune");
    }
    read(&document)
}

/// Reads what the text says, with the kind of each component before its settings, wherever it stands.
pub(crate) fn read<T: DeserializeOwned>(
    document: &Spanned<DeValue<'_>>,
) -> Result<T, toml::de::Error> {
    let mut document = document.clone();
    put_kinds_first(document.get_mut());
    T::deserialize(ValueDeserializer::from(document))
}

fn put_kinds_first(value: &mut DeValue<'_>) {
    match value {
        DeValue::Array(values) => {
            values.iter_mut().for_each(|value| put_kinds_first(value.get_mut()))
        }
        DeValue::Table(table) => {
            if table.keys().position(|key| key.get_ref() == "kind").is_some_and(|at| at > 0) {
                let (kinds, others): (Vec<_>, Vec<_>) =
                    take(table).into_iter().partition(|(key, _)| key.get_ref() == "kind");
                table.extend(kinds.into_iter().chain(others));
            }
            table.iter_mut().for_each(|(_, value)| put_kinds_first(value.get_mut()));
        }
        _ => {}
    }
}

/// The place of a setting, such as `train.optimizer.beta1`, or of what holds it if it is not there.
pub(crate) fn span_of(document: &Spanned<DeValue<'_>>, path: &str) -> Range<usize> {
    descend(document, path.split('.')).span()
}

/// What these names lead to, one below the other, as far as they do.
pub(crate) fn descend<'v, 'a>(
    value: &'v Spanned<DeValue<'a>>,
    names: impl IntoIterator<Item: AsRef<str>>,
) -> &'v Spanned<DeValue<'a>> {
    let mut names = names.into_iter();
    let lowest = names.try_fold(value, |value, name| child(value, name.as_ref()).ok_or(value));
    lowest.unwrap_or_else(|holder| holder)
}

/// The message of an error of [`read`], and its place. A kind of a program is read from a table that knows no places: its
/// error is placed at the whole table, and the message ends with the path of the setting in it, as in ``in `init.low` ``.
pub(super) fn message_and_span<'e>(
    document: &Spanned<DeValue<'_>>,
    error: &'e toml::de::Error,
) -> (&'e str, Option<Range<usize>>) {
    const IN: &str = "\nin `";
    let mut message = error.message();
    let mut place = error.span().and_then(|span| value_at(document, &span));
    if !message.contains(IN) {
        return (message, error.span());
    }
    while let Some((before, path)) = message.rsplit_once(IN) {
        message = before;
        place = place.map(|table| descend(table, path.trim_end_matches('`').split('.')));
    }
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let key = place.and_then(|table| table.get_ref().as_table()?.get_key_value(unknown?));
    (message, key.map(|(key, _)| key.span()).or(place.map(Spanned::span)))
}

/// The value that stands at `span`.
fn value_at<'v, 'a>(
    value: &'v Spanned<DeValue<'a>>,
    span: &Range<usize>,
) -> Option<&'v Spanned<DeValue<'a>>> {
    match value.get_ref() {
        _ if value.span() == *span => Some(value),
        DeValue::Array(values) => values.iter().find_map(|value| value_at(value, span)),
        DeValue::Table(table) => table.values().find_map(|value| value_at(value, span)),
        _ => None,
    }
}

/// The setting `name` of a table, or the element of that number, from 1, of an array.
fn child<'v, 'a>(value: &'v Spanned<DeValue<'a>>, name: &str) -> Option<&'v Spanned<DeValue<'a>>> {
    match value.get_ref() {
        DeValue::Table(table) => table.get(name),
        DeValue::Array(values) => values.get(name.parse::<usize>().ok()?.checked_sub(1)?),
        _ => None,
    }
}

/// An experiment as it is written by hand: a section for each table, in it a setting a line, and a layer a line.
pub(super) fn as_written(experiment: &toml::Table) -> String {
    let mut text = String::new();
    let (sections, settings): (Vec<_>, Vec<_>) =
        experiment.iter().partition(|(_, value)| value.is_table());
    write_settings(&mut text, settings.into_iter());
    for (name, section) in sections {
        text += &format!("\n[{name}]\n");
        write_settings(&mut text, section.as_table().into_iter().flatten());
    }
    text.trim_start().to_owned()
}

fn write_settings<'a>(
    text: &mut String,
    settings: impl Iterator<Item = (&'a String, &'a toml::Value)>,
) {
    for (name, value) in settings {
        match value {
            toml::Value::Table(table) if table.is_empty() => {}
            toml::Value::Array(layers) if name == "layers" => {
                let lines = layers.iter().map(|layer| format!("  {layer},\n"));
                *text += &format!("{name} = [\n{}]\n", lines.collect::<String>());
            }
            value => *text += &format!("{name} = {value}\n"),
        }
    }
}
