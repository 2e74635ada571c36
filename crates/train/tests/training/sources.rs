//! Where the numbers come from: the ways to write a source, and what it yields.

use std::convert::Infallible;
use std::sync::Arc;

use data::{Features, Targets};
use gradus_train::Trainer;
use graph::Pool;
use runs::{Experiment, Parts, Split};

/// The experiment with this line as its data.
fn experiment(data: &str) -> Result<Experiment, String> {
    let text = format!(
        "data = {data}\n\
         model = {{ input = [4], layers = [{{ kind = 'linear', units = 16 }}, 'tanh', {{ kind = 'linear', units = 4 }}] }}\n\
         train = {{ loss = 'mean_squared_error', batch = 50, steps = 1000, schedule = {{ kind = 'constant', learning_rate = 0.01 }} }}\n",
    );
    Experiment::parse("matrices.toml", &text).map_err(|error| error.to_string())
}

fn open(data: &str) -> Parts {
    let unasked = || -> Result<Split, Infallible> { panic!("the digits were not asked for") };
    experiment(data).unwrap().data.open(unasked).unwrap()
}

#[test]
fn a_source_is_written_by_its_name_or_with_its_settings() {
    let table = "
{ source = 'matrix_exponential' } | { source = { kind = 'matrix_exponential', samples = 10_000, seed = 0 } }
{ source = { kind = 'matrix_exponential' } } | { source = { kind = 'matrix_exponential', seed = 0 } }
{ source = 'mnist' } | {}
";
    for case in table.trim().lines() {
        let (short, long) = case.split_once(" | ").unwrap();
        let (short, long) = (experiment(short).unwrap(), experiment(long).unwrap());
        assert_eq!(short.data, long.data);
        let written = long.to_text();
        let read = Experiment::parse("matrices.toml", &written).unwrap();
        assert_eq!(read, long, "{written}");
    }
    assert_eq!(experiment("{ source = 'memory' }").unwrap().data.source.name(), "memory");
}

#[test]
fn a_source_that_is_wrong_is_shown_where_it_stands() {
    let table = r#"
{ source = 'matrix_exponentials' } | 1:19: unknown variant `matrix_exponentials`, expected one of `mnist`, `files`, `idx`, `fashion_mnist`, `made`, `formula`, `matrix_exponential`, `memory`, `none`\n  did you mean `matrix_exponential`?
{ source = { kind = "matrix_exponential", sample = 9 } } | 1:50: unknown field `sample`, expected `samples` or `seed`\n  did you mean `samples`?
{ source = 'idx' } | 1:19: missing field `train_images`
{ source = 3 } | 1:19: invalid type: integer `3`, expected a name such as "mnist" or a table such as { kind = "mnist" }
{ source = { kind = "matrix_exponential", samples = 10_000_001 } } | 1:60: data.source.samples: expected 1 to 10000000, found 10000001
{ source = { kind = "matrix_exponential", samples = 0 } } | 1:60: data.source.samples: expected 1 to 10000000, found 0
"#;
    for case in table.trim().lines() {
        let (data, message) = case.split_once(" | ").unwrap();
        let message = format!("matrices.toml:{}", message.replace(r"\n", "\n"));
        let found = experiment(data).unwrap_err();
        assert!(found.starts_with(&message), "{found}\ndoes not begin with\n{message}");
    }
}

#[test]
fn matrices_depend_on_the_seed_and_the_set_alone() {
    let features = |split: &Parts| -> [Vec<f32>; 2] {
        [&split.train, &split.test].map(|set| match set.numbers(0..set.len()) {
            Features::F32(values) => values,
            Features::U8(_) => panic!("bytes"),
        })
    };
    let [train, test] = features(&open("{ source = 'matrix_exponential' }"));
    assert_eq!((train.len(), test.len()), (4 * 10_000, 4 * 1_000));
    assert_ne!(train[..4_000], test[..]);
    let mean = train.iter().sum::<f32>() / train.len() as f32;
    let square = train.iter().map(|x| x * x).sum::<f32>() / train.len() as f32;
    // Four standard deviations of the mean and of the mean square.
    assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "mean {mean}, square {square}");

    let fewer = open("{ source = { kind = 'matrix_exponential', samples = 100 } }");
    let first = open("{ source = 'matrix_exponential', limit = 100 }");
    assert_eq!(features(&fewer), [train[..400].to_vec(), test]);
    assert_eq!(fewer.train, first.train);
    let other = open("{ source = { kind = 'matrix_exponential', seed = 1 } }");
    assert_ne!(features(&other)[0][..4], train[..4]);
}

#[test]
fn a_network_learns_the_exponential() {
    let data = "{ source = { kind = 'matrix_exponential', samples = 1000 } }";
    let split = open(data);
    let Targets::Values { values, width: 4 } = split.test.targets() else { panic!("no values") };
    // The loss of whoever always answers 0.
    let without = values.iter().map(|y| f64::from(y * y)).sum::<f64>() / values.len() as f64;
    let mut trainer =
        Trainer::new(experiment(data).unwrap(), split.clone(), Arc::new(Pool::new(1))).unwrap();
    let summary = trainer.run(None, &mut []).summary;
    assert_eq!(summary.test.get("accuracy"), None);
    let loss = summary.test.loss();
    assert!(loss < 0.2 * without, "{loss} of {without}");
}
