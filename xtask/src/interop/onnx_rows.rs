//! ONNX files that take the rows of data as they are: trained models, beside the predictions of Gradus for the same rows.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use gradus::data::CellValue;
use gradus::data::columns::ColumnKind;
use gradus::events::Part;
use gradus::graph::Pool;
use gradus::kernels::random::Stream;
use gradus::onnx::{ImageLayout, OnnxOptions, to_onnx};
use gradus::runs::{Experiment, RowPrediction, SavedModel, presets};
use gradus::train::Trainer;

use super::onnx_case::{ArrayText, BATCHES, OnnxBatch, OnnxCase};

/// Rows to train on and to predict, the first of them the hardest.
const TRAIN_ROWS: usize = 200;
const ROWS: usize = 7;

/// A table: its columns but the target, and the transforms of the experiment.
struct TableCase {
    name: &'static str,
    columns: &'static [&'static str],
    transforms: &'static str,
    /// The classes, none of a regression.
    classes: &'static [&'static str],
    loss: &'static str,
}

const TABLES: [TableCase; 5] = [
    TableCase {
        name: "numbers",
        columns: &["area", "year", "income"],
        transforms: "numbers = [{ kind = 'standardize' }]\n\
            columns.income = [{ kind = 'log' }, { kind = 'robust_scale' }]",
        classes: &["low", "middle", "high"],
        loss: "cross_entropy",
    },
    TableCase {
        name: "missing numbers, two classes by one output",
        columns: &["area", "gap", "floor"],
        transforms: "numbers = [{ kind = 'impute' }, { kind = 'frequent_values', share = 0.05 }]\n\
            categories = [{ kind = 'impute' }, { kind = 'one_hot' }]\n\
            columns.area = [{ kind = 'divide' }]",
        classes: &["no", "yes"],
        loss: "binary_cross_entropy",
    },
    TableCase {
        name: "categories",
        columns: &["area", "district", "heating", "floor"],
        transforms: "numbers = [{ kind = 'robust_scale' }]\n\
            categories = [{ kind = 'impute' }, { kind = 'one_hot', pairs_as_signs = true }, { kind = 'robust_scale' }]\n\
            columns.floor = [{ kind = 'ordinal' }, { kind = 'standardize' }]",
        classes: &["low", "middle", "high"],
        loss: "cross_entropy",
    },
    TableCase {
        name: "scores without probabilities",
        columns: &["area", "income"],
        transforms: "numbers = [{ kind = 'standardize' }]",
        classes: &["no", "yes"],
        loss: "hinge",
    },
    TableCase {
        name: "regression",
        columns: &["area", "gap", "year", "district"],
        transforms: "numbers = [{ kind = 'impute', flag = false }, { kind = 'standardize' }]",
        classes: &[],
        loss: "half_squared_error",
    },
];

/// All cases, each with its file.
pub(super) fn cases(scratch: &Path) -> anyhow::Result<Vec<(Vec<u8>, OnnxCase)>> {
    let tables = TABLES.iter().map(|table| table.case(scratch).context(table.name));
    let digits = [ImageLayout::ChannelsFirst, ImageLayout::ChannelsLast].map(digits_case);
    tables.chain(digits).collect()
}

/// A random number from 0 to 1, of a column and a row.
fn draw(column: &str, row: usize) -> f64 {
    Stream::at(1, column.bytes().map(u64::from).sum(), row as u64).uniform()
}

/// A cell of a made table, as it is written and as it is given to a model.
fn cell(column: &str, row: usize) -> (String, CellValue<'static>) {
    let draw = draw(column, row);
    let number = |value: f64| {
        // A number that 32 bits hold, so that every program gets the same one.
        let value = f64::from(value as f32);
        (value.to_string(), CellValue::Number(value))
    };
    let missing = || (String::new(), CellValue::Missing);
    let text = |names: [&'static str; 3], n: usize| {
        let name = names[(draw * n as f64) as usize];
        (name.to_owned(), CellValue::Text(name))
    };
    match column {
        "area" => number(20.0 + 100.0 * draw),
        "year" => number((1950.0 + 70.0 * draw).floor()),
        "income" => number((12.0 * draw).exp() - 20_000.0),
        "gap" if row.is_multiple_of(3) => missing(),
        "gap" => number((4.0 * draw).floor() / 4.0),
        "floor" if row % 11 == 4 => missing(),
        "floor" => number((5.0 * draw).floor()),
        "district" if row % 5 == 1 => missing(),
        "district" => text(["north", "south", "west"], 3),
        "heating" => text(["gas", "wood", ""], 2),
        other => unreachable!("{other}"),
    }
}

impl TableCase {
    fn csv(&self) -> String {
        let mut text = self.columns.join(",") + ",target\n";
        for row in 0..TRAIN_ROWS {
            for column in self.columns {
                let _ = write!(text, "{},", cell(column, row).0);
            }
            let draw = draw("target", row);
            let _ = match self.classes {
                [] => writeln!(text, "{}", 1000.0 + 300.0 * draw),
                classes => writeln!(text, "{}", classes[(draw * classes.len() as f64) as usize]),
            };
        }
        text
    }

    fn model(&self, scratch: &Path) -> anyhow::Result<SavedModel> {
        let file = scratch.join("rows.csv");
        fs::write(&file, self.csv())?;
        let outputs =
            if self.loss == "binary_cross_entropy" { 1 } else { self.classes.len().max(1) };
        let kinds = [
            ("floor", ColumnKind::WholeCategory),
            ("gap", ColumnKind::Number),
            ("year", ColumnKind::Number),
        ];
        let kinds = kinds.iter().filter(|(column, _)| self.columns.contains(column));
        let kinds: String = kinds
            .map(|(column, kind)| {
                format!("{column} = {}\n", serde_json::to_string(kind).expect("a name"))
            })
            .collect();
        let text = |features: usize| {
            format!(
                "[data]\ntest = 0.2\n[data.source]\nkind = 'files'\ntrain = {file:?}\ntarget = 'target'\n[data.source.kinds]\n{kinds}\
                 [data.transforms]\n{}\n\
                 [model]\ninput = [{features}]\nlayers = [{{ kind = 'linear', units = 16 }}, 'relu', {{ kind = 'linear', units = {outputs} }}]\n\
                 [train]\nloss = '{}'\noptimizer = 'adam'\nschedule = {{ kind = 'constant', learning_rate = 0.01 }}\nbatch = 20\nsteps = 40\n",
                self.transforms, self.loss
            )
        };
        // Categories are counted by the transforms: the number of features is known when the data has been read.
        let parts = Experiment::parse("rows.toml", &text(1))?.data.open(gradus::mnist)?;
        let features = parts.get(Part::Train).context("a training set")?.sample_len();
        let mut trainer =
            Trainer::new(Experiment::parse("rows.toml", &text(features))?, parts, Pool::new(1))?;
        trainer.run(None, &mut []);
        Ok(trainer.saved().clone())
    }

    fn case(&self, scratch: &Path) -> anyhow::Result<(Vec<u8>, OnnxCase)> {
        let saved = self.model(scratch)?;
        let rows = |batch: usize| -> Vec<Vec<CellValue<'static>>> {
            let of_row = |row| {
                let cells = self.columns.iter().map(|column| match (row, *column) {
                    // What training does not have.
                    (2, "district") => CellValue::Text("east"),
                    (2, "floor") => CellValue::Number(99.0),
                    _ => cell(column, row).1,
                });
                cells.collect()
            };
            (0..batch).map(of_row).collect()
        };
        let is_text = |column: &str| matches!(column, "district" | "heating");
        let batches = BATCHES.map(|batch| {
            let rows = rows(batch);
            let inputs = self.columns.iter().enumerate().map(|(i, column)| {
                let cells = || rows.iter().map(|row| row[i]);
                let array = match is_text(column) {
                    true => ArrayText::of_texts(vec![batch, 1], cells().map(text_of).collect()),
                    false => {
                        ArrayText::of_numbers(vec![batch, 1], cells().map(number_of).collect())
                    }
                };
                ((*column).to_owned(), array)
            });
            let named = rows
                .iter()
                .map(|row| self.columns.iter().copied().zip(row.iter().copied()).collect());
            let expected =
                expected(&saved, named.collect(), self.columns.iter().any(|c| is_text(c)))?;
            Ok(OnnxBatch { inputs: inputs.collect(), expected })
        });
        case(self.name.to_owned(), &saved, ImageLayout::ChannelsFirst, batches)
    }
}

fn text_of(cell: CellValue<'_>) -> String {
    match cell {
        CellValue::Text(text) => text.to_owned(),
        _ => String::new(),
    }
}

fn number_of(cell: CellValue<'_>) -> f32 {
    match cell {
        CellValue::Number(number) => number as f32,
        _ => f32::NAN,
    }
}

fn case(
    name: String,
    saved: &SavedModel,
    layout: ImageLayout,
    batches: [anyhow::Result<OnnxBatch>; BATCHES.len()],
) -> anyhow::Result<(Vec<u8>, OnnxCase)> {
    let file = to_onnx(saved, &OnnxOptions { layout, with_transforms: true })?;
    let batches = batches.into_iter().collect::<anyhow::Result<_>>()?;
    let name = format!("rows: {name}, {}", layout.name());
    Ok((file, OnnxCase { name, file: String::new(), batches }))
}

/// What Gradus predicts for rows, by the names of the outputs.
fn expected(
    saved: &SavedModel,
    rows: Vec<Vec<(&str, CellValue<'_>)>>,
    has_labels: bool,
) -> anyhow::Result<BTreeMap<String, ArrayText>> {
    let mut predictor = saved.clone().predictor()?;
    let n = rows.len();
    let (mut classes, mut labels, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match predictor.predict_row(row)? {
            RowPrediction::Class { best, scores } => {
                classes.push(best.class as f32);
                labels.push(best.name);
                numbers.extend(scores.into_iter().map(|score| score as f32));
            }
            RowPrediction::Values(values) => numbers.extend(values),
        }
    }
    let width = numbers.len() / n;
    let loss = &saved.experiment.train.loss;
    let name = match loss.prediction().probabilities(&[0.0; 2]) {
        _ if classes.is_empty() => "value",
        None => "scores",
        Some(_) => "probabilities",
    };
    let mut outputs =
        BTreeMap::from([(name.to_owned(), ArrayText::of_numbers(vec![n, width], numbers))]);
    if !classes.is_empty() {
        outputs.insert("label_index".to_owned(), ArrayText::of_numbers(vec![n], classes));
    }
    if has_labels && !labels.is_empty() {
        outputs.insert("label".to_owned(), ArrayText::of_texts(vec![n], labels));
    }
    Ok(outputs)
}

/// A preset on pixels from 0 to 255.
fn digits_case(layout: ImageLayout) -> anyhow::Result<(Vec<u8>, OnnxCase)> {
    let mut experiment = presets::find("simple-convnet").context("a preset")?.experiment();
    experiment.train.steps = Some(10);
    experiment.train.epochs = None;
    let parts = experiment.data.open(gradus::mnist)?;
    let pixels: Vec<Vec<f32>> =
        (0..ROWS).map(|sample| parts.test.numbers(sample..sample + 1).into_reals()).collect();
    let mut trainer = Trainer::new(experiment, parts, Pool::new(2))?;
    trainer.run(None, &mut []);
    let saved = trainer.saved().clone();
    let column = saved.transforms.columns()[0].name.clone();
    let dims = match layout {
        ImageLayout::ChannelsFirst => [1, 28, 28],
        ImageLayout::ChannelsLast => [28, 28, 1],
    };
    let batches = BATCHES.map(|batch| {
        let pixels = &pixels[..batch];
        // One channel: its values are in the same order in both layouts.
        let shape = std::iter::once(batch).chain(dims).collect();
        let samples = ArrayText::of_numbers(shape, pixels.concat());
        let rows = pixels.iter().map(|row| vec![(&*column, CellValue::Elements(row))]).collect();
        let inputs = BTreeMap::from([("input".to_owned(), samples)]);
        Ok(OnnxBatch { inputs, expected: expected(&saved, rows, false)? })
    });
    case("simple-convnet".to_owned(), &saved, layout, batches)
}
