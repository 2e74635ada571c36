//! Training on data of one's own, without an experiment file: one is written.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use diagnostics::table;
use gradus::data::Targets;
use gradus::data::columns::{CellNotation, TableDescription, Target};
use gradus::events::Summary;
use gradus::graph::Pool;
use gradus::runs::sources::files::DataFiles;
use gradus::runs::{
    Experiment, ExperimentError, Parts, SavedModel, suggested_data, suggested_training,
};
use gradus::train::Trainer;
use gradus::train::baselines::{Baseline, baselines, score_of};
use serde::Serialize;

use super::{RecordedRun, Recording, TrainArgs};
use crate::experiment::warn;
use crate::output::{metric, print, stderr, thousands};

/// Minutes that training may take unless --minutes says otherwise.
const MINUTES: f64 = 10.0;
/// The checkpoint of a run with the best value on the validation set.
const BEST: &str = "checkpoints/best.safetensors";
/// How long steps are tried to know how long the others take.
const TRIED: Duration = Duration::from_millis(500);

/// Features are known once the data is read, so the first network is only there to read it.
const FIRST: &str = "\n[model]\ninput = [1]\nlayers = [\"flatten\"]\n[train]\nsteps = 1\n";

/// What a network and simple methods reach.
#[derive(Serialize)]
struct OwnReport<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    test_accuracy: Option<f64>,
    /// In the unit of the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    test_rmse: Option<f64>,
    baselines: Vec<Baseline>,
    /// The experiment file that was written.
    experiment: String,
    /// What was measured: the run directory, or its checkpoint with the best value on the validation set.
    model: String,
    summary: &'a Summary,
}

pub(super) fn run(args: &TrainArgs, data: &Path, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let files = data_files(args, data)?;
    let source = super::super::data::open(&files.train, &files.options())?;
    let about = source.description().clone();
    drop(source);
    let name = data.file_stem().map_or_else(|| "data".into(), |stem| stem.to_string_lossy());
    let given = args.experiment.settings(&args.settings());
    let of_data: Vec<_> =
        given.iter().filter(|(path, _)| path.starts_with("data.")).cloned().collect();
    let open = |is_validated| {
        let head = suggested_data(&name, &files, &about, is_validated);
        let first = Experiment::parse_with("experiment.toml", &(head.clone() + FIRST), &of_data)?;
        anyhow::Ok((head, first.data.open(gradus::mnist)))
    };
    let (head, parts) = match open(true)? {
        // A class has too few rows to be in all parts.
        (_, Err(ExperimentError::Parts(_))) => open(false)?,
        opened => opened,
    };
    let parts = parts?;
    if !args.json {
        describe(data, &about, &parts, out)?;
    }
    warn(&parts.warnings());
    let pool = Arc::new(Pool::new(args.threads.count()));
    let experiment_of = |most_epochs: Option<f64>| {
        let text = head.clone() + &suggested_training(&parts.train, most_epochs);
        let experiment = Experiment::parse_with("experiment.toml", &text, &given)?;
        anyhow::Ok((text, experiment))
    };
    let (mut text, mut experiment) = experiment_of(None)?;
    let seconds = estimate(args, &experiment, &parts, &pool)?;
    let limit = args.minutes.unwrap_or(MINUTES) * 60.0;
    if seconds > limit {
        let epochs = experiment.train.epochs.unwrap_or(1.0);
        let most = ((epochs * limit / seconds) * 10.0).floor().max(1.0) / 10.0;
        (text, experiment) = experiment_of(Some(most))?;
        say(&format!(
            "{epochs} epochs would take {}: cut to {most}; --minutes, or train.epochs in the experiment file, changes it",
            duration(seconds)
        ));
    } else {
        say(&format!("training takes about {}", duration(seconds)));
    }
    let mut trainer = args.trainer(None, &experiment, parts.clone(), Arc::clone(&pool))?;
    let mut show = |trained: &RecordedRun<'_>, out: &mut dyn Write| {
        let mut file = trained.path.as_os_str().to_owned();
        file.push(".toml");
        let file = Path::new(&file);
        fs::write(file, &text).with_context(|| file.display().to_string())?;
        // The test set measures what the validation set has chosen.
        let best = trained.path.join(BEST);
        let chosen = (parts.validation.is_some() && best.exists()).then(|| SavedModel::read(&best));
        let chosen = chosen.transpose()?;
        let model = chosen.as_ref().unwrap_or(trained.trainer.saved());
        let score = score_of(model, &parts.test, &pool)?;
        let is_class = matches!(parts.test.targets(), Targets::Labels { .. });
        let report = OwnReport {
            test_accuracy: is_class.then_some(score),
            test_rmse: (!is_class).then_some(score),
            baselines: baselines(&parts, &pool)?,
            experiment: file.display().to_string(),
            model: if chosen.is_some() { best } else { trained.path.to_owned() }
                .display()
                .to_string(),
            summary: &trained.finished.summary,
        };
        print(out, args.json, &report, OwnReport::write).map(drop)
    };
    Recording::open(args, &trainer, None)?.train(args, &mut trainer, out, &mut show)
}

fn data_files(args: &TrainArgs, data: &Path) -> anyhow::Result<DataFiles> {
    let absolute =
        |path: &Path| std::path::absolute(path).with_context(|| path.display().to_string());
    Ok(DataFiles {
        train: absolute(data)?,
        test: args.test.as_deref().map(absolute).transpose()?,
        target: args.target.clone().map_or(Target::Last, Target::Named),
        ..DataFiles::default()
    })
}

/// How long the run takes, from its first steps, in seconds.
fn estimate(
    args: &TrainArgs,
    experiment: &Experiment,
    parts: &Parts,
    pool: &Arc<Pool>,
) -> anyhow::Result<f64> {
    let mut trainer: Trainer = args.trainer(None, experiment, parts.clone(), Arc::clone(pool))?;
    let begin = Instant::now();
    trainer.evaluate();
    let evaluation = begin.elapsed().as_secs_f64();
    // The first step is slower than the others.
    let _ = trainer.step();
    let (begin, first) = (Instant::now(), trainer.steps_done());
    while begin.elapsed() < TRIED && trainer.steps_done() < trainer.steps_planned() {
        if trainer.step().is_err() {
            break;
        }
    }
    let (steps, planned) = (trainer.steps_done() - first, trainer.steps_planned());
    let step = begin.elapsed().as_secs_f64() / steps.max(1) as f64;
    let interval = experiment.train.evaluation_interval(parts.train.len());
    Ok(step * planned as f64 + evaluation * (planned / interval + 1) as f64)
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..90.0 => format!("{seconds:.0} s"),
        ..5400.0 => format!("{:.0} minutes", seconds / 60.0),
        _ => format!("{:.1} hours", seconds / 3600.0),
    }
}

fn say(text: &str) {
    // Without standard error there is nobody to tell.
    let _ = writeln!(stderr(), "{text}");
}

/// What was found, in a few lines.
fn describe(
    data: &Path,
    about: &TableDescription,
    parts: &Parts,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let transforms = parts.transforms().context("prepared parts")?;
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for column in about.columns.iter().filter(|column| Some(&column.name) != about.target.as_ref())
    {
        let kind = column.kind.to_string();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, n)) => *n += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let kinds: Vec<_> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let target = about.target().map_or_else(String::new, |target| match target.categories.len() {
        0 => format!("{} ({})", target.name, target.kind),
        n => format!("{} ({n} classes)", target.name),
    });
    let read = about.findings.iter().map(|finding| format!("{} {}", finding.about, finding.found));
    let read = read.collect::<Vec<_>>().join(", ");
    let sets = [
        ("training", Some(&parts.train)),
        ("validation", parts.validation.as_ref()),
        ("test", Some(&parts.test)),
    ];
    let sets = sets
        .into_iter()
        .filter_map(|(name, set)| Some(format!("{} {name}", thousands(set?.len() as u64))));
    let scaled = about.columns.iter().any(|column| {
        let is_shape = &column.shape[..] == parts.train.sample_shape();
        column.notation == Some(CellNotation::ScaledPictures) && !is_shape
    });
    let mut fields = vec![
        ("data", data.display().to_string()),
        ("read as", if read.is_empty() { "as it is".to_owned() } else { read }),
        (
            "columns",
            format!("{}; {} features", kinds.join(", "), thousands(transforms.width() as u64)),
        ),
        ("target", target),
        ("rows", sets.collect::<Vec<_>>().join(", ")),
    ];
    if let (true, [rows, columns, ..]) = (scaled, parts.train.sample_shape()) {
        let size = format!("{columns} x {rows} for training; data.transforms changes it");
        fields.insert(2, ("pictures", size));
    }
    table::fields(out, &fields)?;
    writeln!(out)?;
    Ok(())
}

impl OwnReport<'_> {
    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let is_class = self.test_accuracy.is_some();
        let score = |score: f64| match is_class {
            true => format!("{:.2} %", 100.0 * score),
            false => metric(score),
        };
        let network = self.test_accuracy.or(self.test_rmse).unwrap_or(f64::NAN);
        let mut rows = vec![["the network".to_owned(), score(network)]];
        rows.extend(self.baselines.iter().map(|each| [each.about.clone(), score(each.score)]));
        let heading = if is_class { ">test accuracy" } else { ">test RMSE" };
        table::write(out, ["<", heading], &rows)?;
        let lead = |each: &Baseline| match is_class {
            true => each.score - network,
            false => network - each.score,
        };
        let best = self.baselines.iter().max_by(|a, b| lead(a).total_cmp(&lead(b)));
        match best {
            Some(best) if lead(best) > 0.0 => writeln!(
                out,
                "\nThe network is behind {}: look at `gradus data FILE`, and try other settings.",
                best.about
            )?,
            Some(best) if lead(best) == 0.0 => {
                writeln!(
                    out,
                    "\nThe network is not better than {}, which is simpler.",
                    best.about
                )?;
            }
            _ => {}
        }
        let Self { experiment, model, .. } = self;
        writeln!(
            out,
            "\nexperiment  {experiment}: change a line, then `gradus train {experiment}`"
        )?;
        writeln!(out, "mistakes    `gradus eval {model}`")?;
        writeln!(out, "curves      `gradus studio`")
    }
}
