//! Tables from files: parts, transforms that are fitted to one of them, and what does not go together.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use data::{Dataset, Features, Targets};
use gradus_runs::{Experiment, Parts, Split};

/// A folder with files of these names and contents.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The data of an experiment file in the folder, `data` being lines of its table.
    fn open(&self, data: &str) -> Result<Parts, String> {
        let text = format!("{MODEL}[data]\n{data}\n");
        let file = self.path("table.toml").display().to_string();
        let mut experiment = Experiment::parse(&file, &text).map_err(|error| error.to_string())?;
        experiment.data.take_paths_from(self.0.path()).unwrap();
        // The text of a run, wherever it stands, finds the same files.
        let read = Experiment::parse("experiment.toml", &experiment.to_text()).unwrap();
        assert_eq!(read.data, experiment.data);
        let none = || Err::<Split, _>(std::io::Error::other("no digits"));
        read.data.open(none).map_err(|error| diagnostics::chain(&error))
    }
}

const MODEL: &str =
    "train.steps = 1\n[model]\ninput = [1]\nlayers = [{ kind = 'linear', units = 2 }]\n";

/// 50 rows of class `a`, then 50 of class `b`.
fn two_classes() -> String {
    let row = |mut text: String, i: usize| {
        let class = if i < 50 { "a" } else { "b" };
        let _ = writeln!(text, "{}.5,{},{class}", i * i, ["u", "v", "w"][i % 3]);
        text
    };
    (0..100).fold("x,c,y\n".to_owned(), row)
}

fn labels(set: &Dataset) -> Vec<u32> {
    let Targets::Labels { values, .. } = set.targets() else { panic!("values") };
    values.clone()
}

fn features(set: &Dataset) -> &[f32] {
    let Some(Features::F32(values)) = set.features() else { panic!("bytes") };
    values
}

#[test]
fn a_test_set_is_drawn_of_each_class_in_proportion_by_the_seed_of_the_data() {
    let files = Files::new(&[("t.csv", two_classes().as_bytes())]);
    let source = "source = { kind = 'files', train = 't.csv' }";
    let parts = files.open(source).unwrap();
    assert_eq!((parts.train.len(), parts.test.len()), (80, 20));
    assert_eq!(labels(&parts.test), [[0; 10], [1; 10]].concat());
    let again = files.open(source).unwrap();
    assert_eq!((&again.train, &again.test), (&parts.train, &parts.test));
    let other = files.open(&format!("{source}\nseed = 1")).unwrap();
    assert_ne!(other.test, parts.test);
    // The rows of all parts are those of the file, each once.
    let divided =
        files.open(&format!("{source}\ntest = 10\nvalidation = 0.2\nlimit = 50")).unwrap();
    let sizes =
        [&divided.train, divided.validation.as_ref().unwrap(), &divided.test].map(Dataset::len);
    assert_eq!(sizes, [50, 20, 10]);
    let mut rows = Vec::new();
    for line in divided.rows().to_string().lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        assert_eq!(fields[1], "train");
        rows.extend(fields[2].parse::<usize>().unwrap()..=fields[3].parse().unwrap());
    }
    rows.sort_unstable();
    assert!(rows.len() == 80 && rows.windows(2).all(|pair| pair[0] < pair[1]) && rows[79] < 100);
    let error = files.open(&format!("{source}\ntest = 99")).unwrap_err();
    assert_eq!(error, "data.test: expected at most 98 of the 100 training samples, found 99");
}

#[test]
fn transforms_are_fitted_to_the_training_part_alone() {
    let files = Files::new(&[("t.csv", two_classes().as_bytes())]);
    let parts = files.open("source = { kind = 'files', train = 't.csv' }").unwrap();
    let transforms = parts.transforms().unwrap();
    assert_eq!(transforms.features(), ["x", "c=u", "c=v", "c=w"]);
    assert_eq!((transforms.rows(), parts.train.sample_shape()), (80, &[4][..]));
    let moments = |set: &Dataset| {
        let x: Vec<f64> = features(set).iter().step_by(4).map(|&x| f64::from(x)).collect();
        let mean = x.iter().sum::<f64>() / x.len() as f64;
        (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / x.len() as f64)
    };
    let (mean, variance) = moments(&parts.train);
    assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-5, "{mean} {variance}");
    assert!(moments(&parts.test).0.abs() > 1e-3);
    let plan = "transforms.columns.x = [{ kind = 'log' }]";
    let other =
        files.open(&format!("source = {{ kind = 'files', train = 't.csv' }}\n{plan}")).unwrap();
    let x = features(&other.train)[0];
    // The first row is 0.5, the second one 1.5.
    assert!([0.5_f32, 1.5].iter().any(|y| (x - y.ln_1p()).abs() < 1e-6), "{x}");
}

#[test]
fn classes_are_called_as_the_experiment_says_and_found_as_the_file_does() {
    let files = Files::new(&[("t.csv", two_classes().as_bytes())]);
    let source = "source = { kind = 'files', train = 't.csv' }\nclass_names = ['one', 'two']";
    let parts = files.open(source).unwrap();
    assert_eq!(labels(&parts.test), [[0; 10], [1; 10]].concat());
    assert_eq!(parts.transforms().unwrap().class_name(1), "two");
}

#[test]
fn transforms_of_a_model_are_not_fitted_again() {
    let files = Files::new(&[("t.csv", two_classes().as_bytes())]);
    let source = "source = { kind = 'files', train = 't.csv' }";
    let fitted = Arc::clone(files.open(source).unwrap().transforms().unwrap());
    // Fitted to this file they would have no category `u`, and another mean.
    fs::write(files.path("t.csv"), two_classes().replace('u', "v").replace(".5", ".75")).unwrap();
    let experiment =
        Experiment::parse("t.toml", &format!("{MODEL}[data]\n{source}")).map(|mut experiment| {
            experiment.data.take_paths_from(files.0.path()).unwrap();
            experiment
        });
    let none = || Err::<Split, _>(std::io::Error::other("no digits"));
    let parts = experiment.unwrap().data.open_fitted(Arc::clone(&fitted), none).unwrap();
    assert_eq!(parts.transforms(), Some(&fitted));
    assert_eq!(parts.test.sample_shape(), [4]);
    assert!(features(&parts.train).iter().skip(1).step_by(4).all(|&u| u == 0.0));
}

#[test]
fn a_test_file_has_the_columns_and_classes_of_the_training_file() {
    let test = "y,c,x\na,u,3\nb,z,1e9\n";
    let files = Files::new(&[
        ("t.csv", two_classes().as_bytes()),
        ("good.csv", test.as_bytes()),
        ("dots.csv", b"1,u,a.\n2,v,b.\n"),
        ("upper.csv", b"1,u,A\n2,v,B\n"),
        ("new.csv", b"x,c,y\n1,u,a\n2,v,k\n"),
        ("fewer.csv", b"x,y\n1,a\n2,b\n"),
    ]);
    let open = |test: &str| {
        files.open(&format!("source = {{ kind = 'files', train = 't.csv', test = '{test}' }}"))
    };
    let parts = open("good.csv").unwrap();
    assert_eq!((parts.train.len(), labels(&parts.test)), (100, vec![0, 1]));
    assert_eq!(features(&parts.test)[5..], [0.0; 3], "a category that training does not have");
    let warnings = parts.warnings().join("\n");
    assert!(warnings.contains("column `c`: 1 rows of the test set have `z`"), "{warnings}");
    let parts = open("dots.csv").unwrap();
    assert_eq!(labels(&parts.test), [0, 1]);
    assert!(
        parts.warnings().join("\n").contains("without the full stop"),
        "{:?}",
        parts.warnings()
    );
    let cases = [
        ("upper.csv", "training: a, b\n    test:     A, B\n    capitals differ"),
        ("new.csv", "training: a, b\n    test:     a, k"),
        ("fewer.csv", "columns\n    training: x, c, y\n    test:     x, y"),
    ];
    for (test, expected) in cases {
        let error = open(test).unwrap_err();
        assert!(error.contains("does not go with") && error.contains(expected), "{error}");
    }
}

#[test]
fn what_spoils_results_is_said_before_training() {
    let table = "id,k,x,y\n1,7,0.5,a\n2,7,1.5,\n3,7,2.5,b\n4,7,3.5,a\n5,7,4.5,b\n6,7,5.5,a\n";
    let files = Files::new(&[
        ("t.csv", table.as_bytes()),
        ("one.csv", b"x,y\n1,a\n2,a\n3,a\n"),
        ("none.csv", b"x,y\n"),
    ]);
    let parts = files.open("source = { kind = 'files', train = 't.csv' }\ntest = 1").unwrap();
    let warnings = parts.warnings().join("\n");
    for expected in [
        "target `y` is missing in 1 rows",
        "2 of 2 classes have fewer than 10 rows",
        "column `id` identifies rows",
        "column `k` is constant",
    ] {
        assert!(warnings.contains(expected), "{expected} is not in {warnings}");
    }
    assert_eq!((parts.train.len(), parts.train.sample_len()), (4, 1), "without the missing target");
    let error = files.open("source = { kind = 'files', train = 'one.csv' }").unwrap_err();
    assert!(error.contains("target `y`: found the kind constant"), "{error}");
    assert!(files.open("source = { kind = 'files', train = 'none.csv' }").is_err());
    let error =
        files.open("source = { kind = 'files', train = 't.csv', target = 'z' }").unwrap_err();
    assert!(error.contains("has no column `z`; its columns are id, k, x, y"), "{error}");
    let error =
        files.open("source = { kind = 'files', train = 't.csv', target = false }").unwrap_err();
    assert!(error.contains("no column that is predicted"), "{error}");
    let error = files.open("source = { kind = 'files', train = 'missing.csv' }").unwrap_err();
    assert!(error.contains("missing.csv: cannot be read: No such file"), "{error}");
    let error =
        files.open("source = { kind = 'files', train = 't.csv', delimeter = ';' }").unwrap_err();
    assert!(error.contains("did you mean `delimiter`?"), "{error}");
}

#[test]
fn pictures_stay_bytes_and_numbers_are_values_in_their_unit() {
    let pixels: Vec<u8> = (0..40).collect();
    let images = [&[0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 2, 0, 0, 0, 2][..], &pixels].concat();
    let classes = [&[0, 0, 8, 1, 0, 0, 0, 10][..], &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]].concat();
    let line =
        (0..20).fold("x,y\n".to_owned(), |text, i| text + &format!("{i}.5,{}.25\n", 1000 + i));
    let files = Files::new(&[
        ("train-images", &images),
        ("train-labels", &classes),
        ("line.csv", line.as_bytes()),
    ]);
    let parts =
        files.open("source = { kind = 'files', train = 'train-images' }\ntest = 4").unwrap();
    let Some(Features::U8(bytes)) = parts.test.features() else { panic!("real numbers") };
    assert_eq!((parts.test.sample_shape(), parts.test.divisor()), (&[2, 2, 1][..], 255.0));
    for (sample, label) in bytes.chunks(4).zip(labels(&parts.test)) {
        assert!(sample[0] % 4 == 0 && sample[3] == sample[0] + 3, "{sample:?}");
        assert_eq!(label, u32::from(sample[0]) / 4 % 2);
    }
    let parts = files.open("source = { kind = 'files', train = 'line.csv' }").unwrap();
    let target = parts.transforms().unwrap().target().unwrap();
    let Targets::Values { values, width: 1 } = parts.test.targets() else { panic!("classes") };
    for (value, x) in values.iter().zip(features(&parts.test)) {
        let y = target.value(0, *value);
        assert!((y.fract() - 0.25).abs() < 1e-3 && (1000.0..1020.0).contains(&y), "{x} {y}");
    }
}

#[test]
fn made_tables_are_sources_too() {
    let files = Files::new(&[]);
    for (table, width, classes) in [("moons", 2, 2), ("mnist1d", 40, 10)] {
        let source = |seed| {
            format!("source = {{ kind = 'made', table = '{table}', samples = 200, seed = {seed} }}")
        };
        let parts = files.open(&source(0)).unwrap();
        assert_eq!(
            (parts.train.len(), parts.test.len(), parts.train.sample_len()),
            (160, 40, width)
        );
        assert!(
            matches!(parts.test.targets(), Targets::Labels { classes: n, .. } if *n == classes)
        );
        assert_ne!(files.open(&source(1)).unwrap().train, parts.train);
    }
}

/// Which rows of a table of 40 rows, whose numbers are in its first column, each part has.
fn rows_of(files: &Files, data: &str) -> Result<[Vec<usize>; 3], String> {
    let parts = files.open(&format!(
        "source = {{ kind = 'files', train = 't.csv' }}\ntransforms = {{ numbers = [] }}\n{data}"
    ))?;
    let numbers = |set: Option<&Dataset>| {
        let set = set.into_iter().flat_map(|set| (0..set.len()).map(|i| set.sample(i).unwrap()));
        set.map(|sample| sample[0] as usize).collect()
    };
    Ok([Some(&parts.train), parts.validation.as_ref(), Some(&parts.test)].map(numbers))
}

/// 40 rows: a number, a part, a day that falls, and one of two classes.
fn parted(rename: fn(&str) -> &str) -> Files {
    let row = |mut text: String, i: usize| {
        let part = rename(["train", "test", "train", "validation"][i % 4]);
        let _ = writeln!(
            text,
            "{i}.0,{part},2024-{:02}-{:02},{}",
            12 - i / 4,
            28 - i % 4,
            (i / 4 + i) % 2
        );
        text
    };
    let text = (0..40).fold("n,part,day,y\n".to_owned(), row);
    Files::new(&[("t.csv", text.as_bytes())])
}

#[test]
fn a_column_names_the_part_of_each_row_and_is_not_a_feature() {
    let files = parted(|part| part);
    let found = rows_of(&files, "split = { kind = 'column', column = 'part' }").unwrap();
    let every = |first: usize, step: usize| (first..40).step_by(step).collect::<Vec<_>>();
    assert_eq!(found, [every(0, 2), every(3, 4), every(1, 4)]);
    let split = "source = { kind = 'files', train = 't.csv' }\nsplit = { kind = 'column', column = 'part' }";
    let parts = files.open(split).unwrap();
    let features = parts.transforms().unwrap().features();
    assert!(features.iter().all(|feature| !feature.starts_with("part")), "{features:?}");

    let renamed = parted(|part| if part == "test" { "hold-out" } else { part });
    let error = rows_of(&renamed, "split = { kind = 'column', column = 'part' }").unwrap_err();
    assert!(
        error.contains(
            "column `part`, row 2: found `hold-out`, expected `train`, `validation` or `test`"
        ),
        "{error}"
    );
    let split = "split = { kind = 'column', column = 'part', test = 'hold-out' }";
    assert_eq!(rows_of(&renamed, split).unwrap(), found);
}

#[test]
fn the_latest_rows_are_the_test_set_and_those_before_them_the_validation_set() {
    let files = parted(|part| part);
    let split = "split = { kind = 'time', column = 'day' }\ntest = 8\nvalidation = 4";
    let found = rows_of(&files, split).unwrap();
    assert_eq!(found, [Vec::from_iter(12..40), Vec::from_iter(8..12), Vec::from_iter(0..8)]);
    let error = rows_of(&files, "split = { kind = 'time', column = 'part' }").unwrap_err();
    assert!(error.contains("data.split: column `part`: expected dates or numbers"), "{error}");
    let error = rows_of(&files, "split = { kind = 'time', column = 'week' }").unwrap_err();
    assert!(
        error.contains("expected one of the columns `n`, `part`, `day`, `y`, found `week`"),
        "{error}"
    );
    let error = rows_of(&files, "split = { kind = 'time', column = 'y' }").unwrap_err();
    assert!(error.contains("`y` is the target; name another with `target`"), "{error}");
}

#[test]
fn each_row_is_in_the_test_set_of_one_fold() {
    let files = parted(|part| part);
    let mut tested = Vec::new();
    for number in 1..=3 {
        let split =
            format!("split = {{ kind = 'fold', number = {number}, of = 3 }}\nvalidation = 5");
        let [train, validation, test] = rows_of(&files, &split).unwrap();
        assert_eq!(validation.len(), 5);
        let mut all = [train, validation, test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, Vec::from_iter(0..40));
        tested.extend(test);
    }
    tested.sort_unstable();
    assert_eq!(tested, Vec::from_iter(0..40));
    let error = rows_of(&files, "split = { kind = 'fold', number = 4, of = 3 }").unwrap_err();
    assert!(error.contains("found fold 4 of 3, expected one of 2 to 40 folds"), "{error}");
}

#[test]
fn a_formula_makes_a_table_whose_target_is_its_value() {
    let files = Files::new(&[]);
    let source = "source = { kind = 'formula', formula = 'x^2 + 1', range = [0, 2], samples = 50 }";
    let parts = files
        .open(&format!("{source}\ntransforms = {{ numbers = [], standardize_target = false }}"))
        .unwrap();
    assert_eq!((parts.train.len(), parts.test.len()), (40, 10));
    let Targets::Values { values, width: 1 } = parts.train.targets() else { panic!("classes") };
    for (x, y) in features(&parts.train).iter().zip(values) {
        assert!((0.0..2.0).contains(x) && (x * x + 1.0 - y).abs() < 1e-6, "{x} {y}");
    }
    for (formula, message) in [
        ("x +", "data.source.formula: expected "),
        ("a * x", "data.source.formula: expected a formula of `x`: "),
        ("2", "data.source.formula: expected a formula of `x`: "),
    ] {
        let error = files.open(&format!("source = {{ kind = 'formula', formula = '{formula}' }}"));
        let error = error.unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn fashion_mnist_is_read_from_its_folder_with_the_names_of_its_classes() {
    let images = |n: u8| {
        [vec![0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 2], vec![7; 4 * n as usize]].concat()
    };
    let labels = |n: u8| [vec![0, 0, 8, 1, 0, 0, 0, n], (0..n).map(|i| i % 10).collect()].concat();
    let files = Files::new(&[
        ("train-images-idx3-ubyte.gz", &images(20)),
        ("train-labels-idx1-ubyte.gz", &labels(20)),
        ("t10k-images-idx3-ubyte.gz", &images(10)),
        ("t10k-labels-idx1-ubyte.gz", &labels(10)),
    ]);
    let parts = files.open("source = { kind = 'fashion_mnist', folder = '.' }").unwrap();
    assert_eq!((parts.train.len(), parts.test.len(), parts.train.divisor()), (20, 10, 255.0));
    assert_eq!(parts.transforms().unwrap().label(&parts.test, 9).unwrap(), "ankle boot");
    let error = files.open("source = { kind = 'fashion_mnist', folder = 'none' }").unwrap_err();
    assert!(error.contains("install Debian's package dataset-fashion-mnist"), "{error}");
}
