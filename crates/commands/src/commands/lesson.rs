//! `lesson`: learn with numbers that run.

use std::env;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Context as _, anyhow, bail};
use diagnostics::table;
use gradus::lessons::terminal::{LessonRunner, TerminalStyle};
use gradus::lessons::{
    Effort, Language, LessonError, ListRequest, catalogue, list, open_state, rows,
};

use crate::output::print;
use crate::threads::ThreadsArgs;

/// List the lessons, or run one: it asks for a prediction, runs with your numbers, and shows the gap.
///
/// Exits 0 at the end of the lesson or of the input, 2 on an error.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  gradus lesson                                        list the lessons
  gradus lesson chain-rule                             run one
  gradus lesson 'lesson=chain-rule&apple=100&hide=tax' run one with other values
  gradus lesson chain-rule --answers | less            read one with its answers
  gradus lesson optimizers --full                      run its published experiment in full")]
pub(crate) struct LessonArgs {
    /// Name or number of a lesson, or its state: the part of a page's address after the `#`.
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,

    /// Show everything with its answers, and ask nothing; so too if standard input is not a terminal.
    #[arg(long)]
    answers: bool,

    /// Language: en or zh [default: that of LC_ALL, LC_MESSAGES or LANG].
    #[arg(long, value_name = "LANGUAGE", value_parser = language)]
    language: Option<Language>,

    /// Print which lesson shows which row of the worked values and of the traps in the sources.
    #[arg(long, conflicts_with_all = ["lesson", "answers"])]
    rows: bool,

    /// Run the published experiments of the lesson in full, and print their numbers beside the published ones.
    #[arg(long, requires = "lesson", conflicts_with = "answers")]
    full: bool,

    /// Print the list, or the results of `--full`, as one JSON array.
    #[arg(long, conflicts_with_all = ["answers", "rows"])]
    json: bool,

    #[command(flatten)]
    threads: ThreadsArgs,
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "en" => Ok(Language::En),
        "zh" => Ok(Language::Zh),
        _ => Err("expected en or zh".to_owned()),
    }
}

/// The language of the environment.
fn language_of_locale() -> Language {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let locale =
        names.iter().filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty());
    locale.map_or(Language::En, |locale| Language::of_locale(&locale))
}

pub(crate) fn run(args: &LessonArgs, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let language = args.language.unwrap_or_else(language_of_locale);
    if args.rows {
        let names = |lessons: &[&gradus::lessons::Lesson]| {
            lessons.iter().map(|lesson| lesson.name).collect::<Vec<_>>().join(", ")
        };
        let rows = rows::table().into_iter().map(|(row, lessons)| [row, names(&lessons)]);
        table::write(out, ["<row", "<lessons"], &rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(lesson) = &args.lesson else {
        return print(out, args.json, &list(&ListRequest { language }), |lessons, out| {
            let rows = lessons.iter().map(|lesson| {
                [
                    lesson.number.to_string(),
                    lesson.name.to_owned(),
                    lesson.title.clone(),
                    lesson.about.clone(),
                ]
            });
            table::write(out, [">", "<lesson", "<title", "<about"], &rows.collect::<Vec<_>>())
        });
    };
    if args.full {
        return run_in_full(args, lesson, language, out);
    }
    if args.json {
        bail!("--json prints the list of lessons, or the results of --full");
    }
    let state = match catalogue::find(lesson) {
        Some(lesson) => format!("lesson={}", lesson.name),
        None if lesson.contains('=') => lesson.clone(),
        None => format!("lesson={lesson}"),
    };
    let lesson = open_state(&state, language)
        .map_err(|mistakes| anyhow!(LessonError::Mistakes(mistakes)))?;
    let input = io::stdin();
    let asks = !args.answers && input.is_terminal();
    let mut input = input.lock();
    let engine = gradus::lesson_engine();
    let mut runner = LessonRunner {
        lesson,
        style: TerminalStyle { width: width(), language },
        engine: &engine,
        effort: Effort::unlimited(args.threads.count()),
        input: asks.then_some(&mut input),
        out,
    };
    runner.run()?;
    Ok(ExitCode::SUCCESS)
}

/// The published experiments of a lesson.
fn run_in_full(
    args: &LessonArgs,
    name: &str,
    language: Language,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let with_full = || catalogue::all().iter().filter(|lesson| !lesson.spec.full.is_empty());
    let lesson = catalogue::find(name).filter(|lesson| !lesson.spec.full.is_empty());
    let lesson = lesson.with_context(|| {
        let names: Vec<_> = with_full().map(|lesson| lesson.name).collect();
        format!("--full: expected one of {}, found `{name}`", names.join(", "))
    })?;
    let engine = gradus::lesson_engine();
    let style = TerminalStyle { width: width(), language };
    let mut results = Vec::new();
    for name in lesson.spec.full.keys() {
        let effort = Effort::unlimited(args.threads.count());
        let result = lesson.run_in_full(name, language, &engine, effort)?;
        if !args.json {
            writeln!(out, "{}\n{}\n", result.title, result.source)?;
            let notes = result.output.notes.iter().map(|note| format!("{note}\n"));
            let table = result.table(language);
            let figures = result.output.figures.iter().chain([&table]);
            let parts: Vec<String> =
                figures.map(|figure| style.figure(figure)).chain(notes).collect();
            writeln!(out, "{}", parts.join("\n"))?;
        }
        results.push(result);
    }
    print(out, args.json, &results, |_, _| Ok(()))
}

/// Cells in a line of the terminal; of a file as many as fit on paper.
fn width() -> usize {
    let columns = || env::var("COLUMNS").ok()?.parse().ok();
    let terminal = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    terminal.or_else(columns).unwrap_or(100).clamp(40, 200)
}
