//! Chapter 6 of the book: its experiments by the lessons that contain them, and its search for settings.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{gradus, text};

/// What the experiments gave, as `gradus` printed it, without curves.
const FOUND: &str = "docs/results-chapter-6.json";
/// The lessons with experiments of the chapter, in its order.
const LESSONS: [&str; 4] = ["optimizers", "initialization", "batch-normalization", "overfitting"];
const SEARCH: &str = "docs/chapter6-search.toml";

/// Does all experiments again, each over three seeds, and keeps what they gave.
pub(super) fn repeat() -> anyhow::Result<()> {
    let mut experiments = Vec::new();
    for lesson in LESSONS {
        eprintln!("lesson {lesson}");
        let found: Value = serde_json::from_str(&gradus(&["lesson", lesson, "--full", "--json"])?)?;
        for experiment in found.as_array().context("an array of experiments")? {
            let keep = |key: &str| (key.to_owned(), experiment[key].clone());
            let kept: Map<_, _> = ["title", "source", "numbers"].map(keep).into_iter().collect();
            experiments.push(json!({ "lesson": lesson, "experiment": kept }));
        }
    }
    let folder = format!("target/results/search-{}", std::process::id());
    let search: Value =
        serde_json::from_str(&gradus(&["tune", SEARCH, "--sweep", &folder, "--json"])?)?;
    let trials = search["trials"].as_array().context("a search has trials")?;
    let best: Vec<_> = trials
        .iter()
        .take(5)
        .map(|trial| json!({ "values": trial["values"], "metric": trial["metric"] }))
        .collect();
    let found = json!({ "experiments": experiments, "search": best });
    fs::write(FOUND, serde_json::to_string_pretty(&found)? + "\n")?;
    Ok(())
}

/// The section of the page.
pub(super) fn section() -> anyhow::Result<String> {
    let found: Value = serde_json::from_str(&fs::read_to_string(FOUND)?).context(FOUND)?;
    let mut page = HEAD.to_owned();
    for found in found["experiments"].as_array().context("a list of experiments")? {
        let (lesson, experiment) = (text(found, "lesson")?, &found["experiment"]);
        let (title, source) = (text(experiment, "title")?, text(experiment, "source")?);
        let title = title.trim_start_matches("Chapter 6 of the book: ");
        writeln!(page, "\n### {title}\n\n`gradus lesson {lesson} --full`. {source}\n")?;
        page += "| | published | found |\n|---|---|---|\n";
        for number in experiment["numbers"].as_array().context("numbers of an experiment")? {
            let name = text(number, "name")?;
            writeln!(
                page,
                "| {name} | {} | {} |",
                shown(&number["published"]),
                shown(&number["found"])
            )?;
        }
    }
    let [first, others @ ..] = found["search"].as_array().context("trials of a search")?.as_slice()
    else {
        anyhow::bail!("{FOUND}: a search without trials");
    };
    let rate = |trial: &Value| shown(&trial["values"]["train.schedule.learning_rate"]);
    let rates: Vec<_> = others.iter().map(rate).collect();
    writeln!(
        page,
        "\n### Search for settings\n\n`gradus tune {SEARCH}`: a hundred draws of learning rate and weight decay, 400 digits to train on, 100 to judge by.\n\n\
        | | published | found |\n|---|---|---|\n\
        | best validation accuracy | 0.84 | {} |\n\
        | its learning rate | 0.0094 | {} |\n\
        | its weight decay | 2.8e-6 | {} |\n\
        | learning rates of the next four | 0.001 to 0.01 | {} |\n\n\
        A hundred digits judge to within 0.04, and the book's are others.",
        shown(&first["metric"]),
        rate(first),
        shown(&first["values"]["train.l2"]),
        rates.join(", "),
    )?;
    Ok(page)
}

/// A number with three digits.
fn shown(number: &Value) -> String {
    match number.as_f64() {
        Some(number) if number != 0.0 && number.abs() < 1e-3 => format!("{number:.1e}"),
        Some(number) if number < 0.1 => format!("{number:.4}"),
        Some(number) => format!("{number:.3}"),
        None => "–".to_owned(),
    }
}

const HEAD: &str = "
## Chapter 6 of the book

The experiments of chapter 6 of \"Deep Learning from Scratch\", each a mean over three seeds; the book shows one run.
Where the book prints the loss of one batch, ours is the mean over a hundred steps around it.
`cargo xtask results --chapter-6` repeats them in a few minutes.
";
