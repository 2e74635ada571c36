//! An experiment for data that nobody has described: as the text of a file that a person reads and changes.

mod tabular;

use std::fmt::Write as _;

use data::columns::{CellNotation, ColumnDescription, ColumnKind, TableDescription};
use data::{Dataset, Targets};

use crate::experiment::sources::files::DataFiles;

/// Rows from which on some of them are a validation set.
const VALIDATED_ROWS: usize = 100;

/// Pixels of the shorter side of larger pictures: more would take a CPU hours.
const SHORTER_SIDE: usize = 128;

/// The first lines, for runs of this name: where the data is, and what its columns are used as.
///
/// The experiment with them is complete with [`suggested_training`], once it is known how many features there are.
pub fn suggested_data(
    name: &str,
    files: &DataFiles,
    about: &TableDescription,
    is_validated: bool,
) -> String {
    let name = one_line(name).replace(['/', '\\'], "-");
    let mut text = format!(
        "# Written by `gradus train --data`; `gradus train` with the name of this file trains it again.\n\n\
         name = {}\n\n[data]\n",
        quoted(&name)
    );
    if files.test.is_none() {
        text += "# Rows that are the test set, drawn of each class in proportion. It measures, and nothing is chosen by it.\n";
        text += "test = 0.2\n";
    }
    if is_validated && about.rows >= VALIDATED_ROWS {
        text += "# Rows by which the best step is found, which is saved as best.safetensors.\n";
        // A fifth of the rows that are not the test set.
        text += if files.test.is_none() { "validation = 0.16\n" } else { "validation = 0.2\n" };
    }
    text += "\n[data.source]\nkind = \"files\"\n";
    for (name, path) in [("train", Some(&files.train)), ("test", files.test.as_ref())] {
        if let Some(path) = path {
            let _ = writeln!(text, "{name} = {}", quoted(&path.display().to_string()));
        }
    }
    if let Some(target) = &about.target {
        let _ = writeln!(text, "# The column that is predicted.\ntarget = {}", quoted(target));
    }
    let mut pictures =
        about.columns.iter().filter(|column| column.notation == Some(CellNotation::ScaledPictures));
    let pictures = pictures.next();
    for finding in &about.findings {
        let change = match &*finding.change {
            "" => String::new(),
            // Below, by a transform.
            _ if pictures.is_some() && finding.about == "size" => String::new(),
            change => format!("; to change it: {change}"),
        };
        let _ = writeln!(
            text,
            "# {}",
            one_line(&format!("{}: {}{change}", finding.about, finding.found))
        );
    }
    text += "\n# What each column is used as: number, whole_category, category, date; constant and identifier are not used.\n";
    text += "[data.source.kinds]\n";
    for column in &about.columns {
        text += &kind_line(column);
    }
    let is_target = |column: &&ColumnDescription| Some(&column.name) == about.target.as_ref();
    let features = about.columns.iter().filter(|column| !is_target(column));
    let is_of_table =
        |column: &ColumnDescription| column.kind != ColumnKind::Array && column.kind.is_feature();
    if features.clone().any(is_of_table) {
        text += tabular::TRANSFORMS;
        text += &tabular::frequent_values(features);
    }
    if let Some(&[rows, columns, ..]) = pictures.map(|column| &column.shape[..]) {
        let shorter = rows.min(columns);
        let side = |length: usize| match shorter <= SHORTER_SIDE {
            true => length,
            false => (length * SHORTER_SIDE + shorter / 2) / shorter,
        };
        let size = [side(rows), side(columns)];
        let _ = write!(
            text,
            "\n# Rows and columns: pictures of other sizes are scaled to cover them, and cut at both sides.\n\
             [data.transforms]\narrays = [{{ kind = \"resize\", size = {size:?} }}, {{ kind = \"divide\" }}]\n"
        );
    }
    text
}

fn kind_line(ColumnDescription { name, kind, reason, .. }: &ColumnDescription) -> String {
    let kind_name = serde_json::to_string(kind).expect("a name");
    // What an array is cannot be changed.
    let comment = if *kind == ColumnKind::Array { "# " } else { "" };
    format!("{comment}{} = {kind_name} # {}\n", quoted(name), one_line(reason))
}

/// The lines of `[model]` and `[train]` for data that was read with [`suggested_data`], with at most so many epochs.
pub fn suggested_training(train: &Dataset, most_epochs: Option<f64>) -> String {
    let (n, shape, targets) = (train.len(), train.sample_shape(), train.targets());
    let epochs_line = |epochs: f64| {
        let chosen = most_epochs.map_or(epochs, |most| epochs.min(most));
        let cut = match chosen < epochs {
            true => format!("# Instead of {epochs}, which would take too long.\n"),
            false => String::new(),
        };
        format!("# Passes over the training set.\n{cut}epochs = {chosen:?}\n")
    };
    match *shape {
        [rows, columns, _] if rows.min(columns) >= 8 => {
            // Fewer passes the more pictures there are.
            let epochs = match n {
                0..1_000 => 100.0,
                1_000..10_000 => 30.0,
                10_000..100_000 => 8.0,
                _ => 4.0,
            };
            of_pictures(shape, rows.min(columns), n, targets, &epochs_line(epochs))
        }
        _ => tabular::training(shape, n, targets, &epochs_line(tabular::EPOCHS)),
    }
}

fn of_pictures(shape: &[usize], side: usize, n: usize, targets: &Targets, epochs: &str) -> String {
    let (outputs, loss) = match targets {
        Targets::Labels { classes, .. } => {
            (*classes, "{ kind = \"cross_entropy\", label_smoothing = 0.1 }")
        }
        Targets::Values { width, .. } => (*width, "\"mean_squared_error\""),
    };
    let layers = convolutions(side);
    // Some hundred steps for small data.
    let batch = (n / 20).clamp(32, 256).min(n);
    format!(
        "\n[model]\ninput = {shape:?}\nlayers = [\n{layers}  {{ kind = \"linear\", units = {outputs} }},\n]\n\n\
         [train]\nloss = {loss}\noptimizer = {{ kind = \"adamw\", weight_decay = 0.01 }}\n\
         schedule = {{ kind = \"cosine\", start = 0.001 }}\nbatch = {batch}\n{epochs}"
    )
}

/// Pairs of a convolution and a pool until pictures are small, then a layer of 128.
fn convolutions(side: usize) -> String {
    let blocks = (side / 4).ilog2().clamp(1, 4);
    let block = |i: u32| {
        let filters = 16 << i;
        format!(
            "  {{ kind = \"conv2d\", filters = {filters}, kernel = 3, padding = \"same\" }},\n  \"relu\",\n  \
             {{ kind = \"max_pool2d\", size = 2 }},\n"
        )
    };
    let blocks: String = (0..blocks).map(block).collect();
    format!(
        "{blocks}  \"flatten\",\n  {{ kind = \"linear\", units = 128 }},\n  \"relu\",\n  {{ kind = \"dropout\", rate = 0.3 }},\n"
    )
}

/// A text as TOML, which has the escapes of JSON; also as a key.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text").replace('\u{7f}', "\\u007f")
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use data::Features;
    use nn::Mode;

    use super::*;
    use crate::Experiment;

    #[test]
    fn suggested_networks_fit_their_samples_and_are_cut_to_the_time() {
        let shapes: [&[usize]; 6] =
            [&[1], &[40], &[4, 4, 1], &[8, 9, 3], &[28, 28, 1], &[70, 64, 3]];
        for shape in shapes {
            let len = shape.iter().product::<usize>();
            let classes = Targets::Labels { values: vec![0, 1, 2, 1], classes: 3 };
            let values = Targets::Values { values: vec![0.5; 4], width: 1 };
            for targets in [classes, values] {
                let set =
                    Dataset::new("set", shape, Features::U8(vec![0; 4 * len]), targets).unwrap();
                let text = suggested_training(&set, Some(2.5));
                let experiment = Experiment::parse("set.toml", &text).unwrap();
                let is_picture = shape.len() > 1 && shape[0] >= 8;
                let epochs = if is_picture { 100 } else { 256 };
                let cut =
                    format!("# Instead of {epochs}, which would take too long.\nepochs = 2.5");
                assert!(text.contains(&cut), "{text}");
                assert_eq!((experiment.train.epochs, experiment.train.batch), (Some(2.5), 4));
                experiment.model_for::<f32>(Mode::Train, &set).unwrap();
            }
        }
    }

    #[test]
    fn pictures_have_one_size_of_which_the_shorter_side_is_bounded() {
        for (shape, size) in [
            ([12, 10, 1], [12, 10]),
            ([128, 4000, 3], [128, 4000]),
            ([480, 640, 3], [128, 171]),
            ([4000, 3000, 3], [171, 128]),
        ] {
            let picture = ColumnDescription {
                name: "picture".to_owned(),
                kind: ColumnKind::Array,
                reason: "pictures".to_owned(),
                missing: 0,
                distinct: None,
                categories: Vec::new(),
                shape: shape.to_vec(),
                has_frequent_values: false,
                notation: Some(CellNotation::ScaledPictures),
            };
            let about = TableDescription {
                name: "album".to_owned(),
                rows: 10,
                columns: vec![picture],
                target: None,
                findings: vec![data::columns::Finding::new("size", "some", "size = [1, 1]")],
            };
            let files = DataFiles { train: "/album".into(), ..DataFiles::default() };
            let text = suggested_data("album", &files, &about, false);
            assert!(text.contains("# size: some\n"), "{text}");
            let rest = "[model]\ninput = [1]\nlayers = ['flatten']\n[train]\nsteps = 1\n";
            let experiment = Experiment::parse("album.toml", &(text + rest)).unwrap();
            let plan = experiment.data.transforms.unwrap();
            assert_eq!(plan.picture_form("picture"), (Some(size), None));
        }
    }

    #[test]
    fn names_of_any_characters_are_read_as_they_are() {
        let name = "a \"b\"\\ = [1]\n# größe\u{7f}";
        let column = |name: &str, kind| ColumnDescription {
            name: name.to_owned(),
            kind,
            reason: "because\nof this".to_owned(),
            missing: 0,
            distinct: None,
            categories: Vec::new(),
            shape: Vec::new(),
            has_frequent_values: false,
            notation: None,
        };
        let about = TableDescription {
            name: "t".to_owned(),
            rows: 1000,
            columns: vec![
                column(name, ColumnKind::Number),
                column("y", ColumnKind::WholeCategory),
                ColumnDescription {
                    has_frequent_values: true,
                    ..column(&format!("{name}2"), ColumnKind::Number)
                },
            ],
            target: Some(name.to_owned()),
            findings: Vec::new(),
        };
        let files = DataFiles { train: "/a \"b\"/t.csv".into(), ..DataFiles::default() };
        let text = suggested_data("x/y\n", &files, &about, true);
        let rest = "[model]\ninput = [1]\nlayers = ['flatten']\n[train]\nsteps = 1\n";
        let experiment = Experiment::parse("t.toml", &(text.clone() + rest))
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
        let crate::DataSource::DataFiles(read) = &experiment.data.source else { panic!("{text}") };
        assert_eq!((&read.train, read.kinds.get(name)), (&files.train, Some(&ColumnKind::Number)));
        assert_eq!(read.target, data::columns::Target::Named(name.to_owned()));
        assert_eq!(experiment.name, "x-y ");
        let lists = experiment.data.transforms.unwrap().columns;
        assert_eq!(lists.keys().collect::<Vec<_>>(), [&format!("{name}2")]);
        assert!(experiment.data.validation.is_some() && experiment.data.test.is_some());
    }
}
