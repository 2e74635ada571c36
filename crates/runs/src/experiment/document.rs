//! The places of settings in the text of an experiment file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A parsed text whose values know their place.
pub(super) fn parse(text: &str) -> Result<Spanned<DeValue<'_>>, toml::de::Error> {
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

/// The place of a setting, such as `train.optimizer.beta1`. Kinds are not part of the path: the table `adam` in
/// `optimizer = { adam = { beta1 = 1 } }` is entered unnamed.
pub(super) fn span_of(document: &Spanned<DeValue<'_>>, path: &str) -> Option<Range<usize>> {
    let value = path.split('.').try_fold(document, |value, name| {
        child(value, name).or_else(|| match value.get_ref() {
            DeValue::Table(table) if table.len() == 1 => child(table.iter().next()?.1, name),
            _ => None,
        })
    });
    Some(value?.span())
}

/// The setting `name` of a table, or the element of that number, from 1, of an array.
fn child<'v, 'a>(value: &'v Spanned<DeValue<'a>>, name: &str) -> Option<&'v Spanned<DeValue<'a>>> {
    match value.get_ref() {
        DeValue::Table(table) => table.get(name),
        DeValue::Array(values) => values.get(name.parse::<usize>().ok()?.checked_sub(1)?),
        _ => None,
    }
}
