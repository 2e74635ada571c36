//! `descend`: the paths of optimizers down a formula, or down the loss of a line through points.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail, ensure};
use diagnostics::{did_you_mean, table};
use gradus::explain::descent::{
    Descent, DescentError, DescentPath, DescentRequest, DescentSurface, LineStart, PathEnd,
    RatedOptimizer, descend,
};
use gradus::explain::formula::FormulaError;
use gradus::explain::six_digits;
use gradus::nn::optim::Optimizer;
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::Error as NameError;

use super::explain::formula::{diagnosis, formula_and_values};
use crate::output::print;

/// Rows of the table of points; steps between them are left out.
const ROWS: usize = 20;

/// Descend along the gradient of a formula, with any optimizers side by side.
///
/// With --data line a line is fitted to points: by all of them, by single samples and by batches.
/// A path that diverges is a result and no error.
///
/// Exits 0 on success, 2 on an error.
#[derive(Debug, clap::Args)]
pub(crate) struct DescendArgs {
    /// The formula, such as 'x^2/20 + y^2'.
    #[arg(value_name = "FORMULA", allow_hyphen_values = true)]
    formula: Option<String>,

    /// The variables, one to three, and where they start, such as x=-7 y=2.
    #[arg(long, value_name = "NAME=NUMBER", num_args = 1..)]
    from: Vec<String>,

    /// The values of the other names.
    #[arg(long, value_name = "NAME=VALUE", num_args = 1..)]
    at: Vec<String>,

    /// Fit a line to points instead: weight and bias of the mean squared error.
    #[arg(long, value_name = "line")]
    data: Option<String>,

    /// Samples of a batch, such as all,1,10.
    #[arg(long, value_name = "N,…", value_delimiter = ',', requires = "data")]
    batch: Vec<String>,

    /// Optimizers, such as sgd,momentum,adam.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', default_value = "sgd")]
    optimizer: Vec<String>,

    /// Learning rates, one for all paths or one for each.
    #[arg(long, value_name = "RATE,…", value_delimiter = ',')]
    learning_rate: Vec<f64>,

    /// Steps of each path.
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: usize,

    /// Climb instead.
    #[arg(long)]
    ascend: bool,

    /// Take the gradient by central differences, h = 1e-4, and count what that costs.
    #[arg(long)]
    numerical: bool,

    /// Seed of the points and of the order of the samples.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "data")]
    seed: u64,

    /// Draw the paths over lines of equal height.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print one JSON object with every step; a number that is not finite is null.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DescendArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let descent = descend(&request(args)?).map_err(|error| match error {
        DescentError::Formula(FormulaError::Mistake(mistake)) => anyhow!(diagnosis(&mistake)),
        DescentError::Formula(FormulaError::MissingValues(names)) => {
            let names: Vec<_> = names.iter().map(|name| format!("{name}=…")).collect();
            anyhow!("names without a value: add --from {0} or --at {0}", names.join(" "))
        }
        error => anyhow!(error),
    })?;
    if let Some(file) = &args.svg {
        let picture = descent.svg().context("--svg: a picture shows one or two variables")?;
        fs::write(file, picture).with_context(|| format!("writing {}", file.display()))?;
    }
    print(out, args.json, &descent, write)
}

fn request(args: &DescendArgs) -> anyhow::Result<DescentRequest> {
    let surface = match &args.data {
        Some(data) => line(args, data)?,
        None => formula(args)?,
    };
    // The tutorial's default.
    let rates = if args.learning_rate.is_empty() { &[0.01][..] } else { &args.learning_rate };
    let lens = [args.optimizer.len(), rates.len()];
    let n = lens[0].max(lens[1]);
    for (option, len) in ["--optimizer", "--learning-rate"].into_iter().zip(lens) {
        ensure!(
            len == 1 || len == n,
            "{option}: expected 1 or {n} values, one for each path, found {len}"
        );
    }
    let optimizers = (0..n).map(|i| {
        // The value of this path, or the one of all.
        let name = args.optimizer.get(i).unwrap_or(&args.optimizer[0]);
        let learning_rate = *rates.get(i).unwrap_or(&rates[0]);
        Ok(RatedOptimizer { optimizer: optimizer(name)?, learning_rate })
    });
    let optimizers = optimizers.collect::<anyhow::Result<_>>()?;
    let (steps, ascend, numerical) = (args.steps, args.ascend, args.numerical);
    Ok(DescentRequest { surface, optimizers, steps, ascend, numerical })
}

fn optimizer(name: &str) -> anyhow::Result<Optimizer> {
    let read: Result<_, NameError> = Optimizer::deserialize(name.into_deserializer());
    read.map_err(|error| {
        anyhow!("--optimizer: {error}{}", did_you_mean(name, Optimizer::NAMES.iter().copied()))
    })
}

fn formula(args: &DescendArgs) -> anyhow::Result<DescentSurface> {
    let (text, from) = formula_and_values("--from", args.formula.as_deref(), &args.from)?;
    let (text, at) = formula_and_values("--at", text, &args.at)?;
    let formula = text.context("expected a formula, such as 'x^2/20 + y^2', or --data line")?;
    let mut start = BTreeMap::new();
    for (name, value) in from {
        let number = value.number();
        let number = number
            .with_context(|| format!("--from: expected a number for `{name}`, found {value}"))?;
        start.insert(name, number);
    }
    ensure!(!start.is_empty(), "expected where to start, such as --from x=-7 y=2");
    let both = at.iter().find(|(name, _)| start.contains_key(name));
    ensure!(
        both.is_none(),
        "--at: `{}` starts at a value already",
        both.map_or("", |(name, _)| name)
    );
    Ok(DescentSurface::Formula {
        formula: formula.into(),
        from: start,
        at: at.into_iter().collect(),
    })
}

fn line(args: &DescendArgs, data: &str) -> anyhow::Result<DescentSurface> {
    ensure!(data == "line", "--data: expected line, found `{data}`");
    let (formula, from) = formula_and_values("--from", args.formula.as_deref(), &args.from)?;
    ensure!(
        formula.is_none() && args.at.is_empty(),
        "--data line has a formula of its own: leave yours and --at out"
    );
    let mut start = LineStart::default();
    for (name, value) in from {
        match (name.as_str(), value.number()) {
            ("weight", Some(number)) => start.weight = number,
            ("bias", Some(number)) => start.bias = number,
            _ => bail!("--from: expected numbers for weight and bias, found {name}={value}"),
        }
    }
    let batch = |text: &String| match text.as_str() {
        "all" => Ok(None),
        number => number
            .parse()
            .map(Some)
            .map_err(|_| anyhow!("--batch: expected all or a number of samples, found `{text}`")),
    };
    let mut batches: Vec<_> = args.batch.iter().map(batch).collect::<anyhow::Result<_>>()?;
    if batches.is_empty() {
        batches.push(None);
    }
    Ok(DescentSurface::Line { points: None, from: start, batches, seed: args.seed })
}

fn write(descent: &Descent, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}\n", descent.formula)?;
    write_points(descent, out)?;
    writeln!(out)?;
    write_ends(descent, out)
}

/// The name of a path: what tells it from the others.
fn name(path: &DescentPath, is_line: bool) -> String {
    let batch = match path.batch {
        Some(batch) => format!(", batch {batch}"),
        None if is_line => ", all".into(),
        None => String::new(),
    };
    format!("{} {}{batch}", path.optimizer, six_digits(path.learning_rate))
}

fn write_points(descent: &Descent, out: &mut dyn Write) -> io::Result<()> {
    let n = descent.paths.iter().map(|path| path.points.len()).max().unwrap_or(0);
    let every = n.saturating_sub(1).div_ceil(ROWS).max(1);
    let is_shown = |step: &usize| step.is_multiple_of(every) || step + 1 == n;
    for path in &descent.paths {
        writeln!(out, "{}", name(path, descent.data.is_some()))?;
        let rows = path.points.iter().enumerate().filter(|(step, _)| is_shown(step));
        let rows = rows.map(|(step, point)| {
            let numbers = point.at.iter().chain([&point.value]).chain(&point.gradient);
            std::iter::once(step.to_string()).chain(numbers.map(|&x| six_digits(x))).collect()
        });
        let rows: Vec<Vec<String>> = rows.collect();
        let columns = descent.names.iter().map(|name| format!(">{name}"));
        let gradients = descent.names.iter().map(|name| format!(">d/d{name}"));
        let headings: Vec<String> = std::iter::once(">step".to_owned())
            .chain(columns)
            .chain([">value".to_owned()])
            .chain(gradients)
            .collect();
        let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
        table::write(out, &headings[..], &rows)?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_ends(descent: &Descent, out: &mut dyn Write) -> io::Result<()> {
    let row = |path: &DescentPath| {
        let end = match path.outcome {
            PathEnd::Ended => String::new(),
            PathEnd::Worse if descent.ascends => "lower than it began".into(),
            PathEnd::Worse => "higher than it began".into(),
            PathEnd::Diverged { step: 0 } => "undefined at the start".into(),
            PathEnd::Diverged { step } => format!("diverged: not finite at step {step}"),
        };
        let last = path.points.last();
        let at = last.map_or(String::new(), |last| {
            let at = descent.names.iter().zip(&last.at);
            at.map(|(name, &x)| format!("{name}={}", six_digits(x))).collect::<Vec<_>>().join(" ")
        });
        let value = last.map_or("undefined".into(), |last| six_digits(last.value));
        let steps = path.points.len().saturating_sub(1).to_string();
        let passes = format!("{} + {}", path.cost.forward, path.cost.backward);
        let samples =
            if path.cost.samples == 0 { String::new() } else { path.cost.samples.to_string() };
        [name(path, descent.data.is_some()), steps, at, value, passes, samples, end]
    };
    let headings =
        ["<path", ">steps", "<ends at", ">value", ">forward + backward", ">samples", "<"];
    table::write(out, headings, &descent.paths.iter().map(row).collect::<Vec<_>>())
}
