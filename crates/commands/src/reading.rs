//! How data is read that a model was not trained on.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use gradus::data::columns::TableOptions;
use gradus::data::readers::idx;
use gradus::data::{FittedTransforms, RowMistakes, SampleSource};
use gradus::runs::SavedModel;
use serde_json::{Map, Value};

use crate::experiment::{setting, warn};

/// How data is read that a model was not trained on.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadingArgs {
    /// Change how the data is read, such as 'delimiter=;'; `gradus data FILE` shows the settings. May be repeated.
    #[arg(long, value_name = "SETTING=VALUE", value_parser = setting)]
    set: Vec<(String, String)>,

    /// Leave out rows that cannot be read or used, and show them.
    #[arg(long)]
    skip_bad_rows: bool,
}

impl ReadingArgs {
    /// What was said for the training data of a model, and what is said now.
    pub(crate) fn options(&self, model: &SavedModel) -> anyhow::Result<TableOptions> {
        let trained = model.table_options();
        let base = TableOptions { skip_bad_rows: self.skip_bad_rows, ..trained };
        options(base, &self.set)
    }
}

/// Data with targets: a file or a folder, or IDX files of images and of labels.
pub(crate) fn with_targets<'a>(
    paths: &[PathBuf],
    options: &TableOptions,
    fitted: &'a FittedTransforms,
) -> anyhow::Result<SampleSource<'a>> {
    Ok(match paths {
        [images, labels] => {
            let table = idx::table(images, Some(labels), options)?;
            SampleSource::of_table(Box::new(table), options, fitted, true)?
        }
        _ => SampleSource::open(
            paths.first().map_or(Path::new(""), PathBuf::as_path),
            options,
            fitted,
            true,
        )?,
    })
}

/// Shows what was found in rows that have been read, and which were left out.
pub(crate) fn show_findings(source: &SampleSource<'_>) {
    warn(
        &source
            .findings()
            .iter()
            .map(|found| format!("{}: {found}", source.name()))
            .collect::<Vec<_>>(),
    );
    let mistakes = source.mistakes();
    if !mistakes.is_empty() {
        let advice = "these rows are left out".to_owned();
        let left_out = RowMistakes { advice, ..mistakes.clone() };
        warn(&[format!("{}: {left_out}", source.name())]);
    }
}

/// Options with those of `--set`, whose values are JSON or else texts, instead of some.
pub(crate) fn options(
    base: TableOptions,
    settings: &[(String, String)],
) -> anyhow::Result<TableOptions> {
    let Value::Object(mut options) = serde_json::to_value(base)? else {
        unreachable!("options are a table")
    };
    for (path, text) in settings {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
        match path.split_once('.') {
            Some((outer, inner)) => {
                let table = options.entry(outer).or_insert_with(|| Map::new().into());
                let table = table
                    .as_object_mut()
                    .with_context(|| format!("--set {path}: `{outer}` is set twice"))?;
                table.insert(inner.to_owned(), value);
            }
            None => drop(options.insert(path.clone(), value)),
        }
    }
    let all = settings.iter().map(|(path, value)| format!("--set {path}={value}"));
    serde_json::from_value(options.into()).with_context(|| all.collect::<Vec<_>>().join(" "))
}
