//! `cargo xtask browser`: tests of the web pages in Chromium, with real runs.

mod axe;
mod data;
mod draw;
pub(crate) mod driver;
mod explain;
mod formulas;
mod lessons;
mod network;
mod parts;
mod pictures;
mod predictions;
pub(crate) mod program;
mod runs;
mod train;
mod tune;

use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, bail};

use crate::binary::{self, Profile};
use crate::process;
use driver::{Browser, Driver};
use program::ServingProcess;

#[derive(Default, clap::Args)]
pub(crate) struct BrowserArgs {
    /// Also write the screenshots in `docs/screenshots`.
    #[arg(long)]
    screenshots: bool,

    /// Only the tests whose names contain this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// The browser window and the folder of one test.
struct TestCase {
    browser: Browser,
    /// The binary.
    gradus: PathBuf,
    /// An empty folder.
    folder: tempfile::TempDir,
    /// The folder for screenshots, if they are requested.
    pictures: Option<PathBuf>,
}

impl TestCase {
    /// Runs `gradus` with these arguments.
    fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        process::read(Command::new(&self.gradus).args(words).current_dir(self.folder.path()))?;
        Ok(())
    }

    /// Starts `gradus` with arguments that make it serve pages to this machine.
    fn serve(&self, words: &[&str]) -> anyhow::Result<ServingProcess> {
        self.serve_at("127.0.0.1:0", words)
    }

    /// Starts `gradus` with arguments that make it serve pages at an address.
    fn serve_at(&self, address: &str, words: &[&str]) -> anyhow::Result<ServingProcess> {
        let words = [words, &["--addr", address]].concat();
        ServingProcess::start(&self.gradus, self.folder.path(), &words)
    }
}

/// Runs every test, each in a browser window and a folder of its own.
///
/// # Errors
///
/// Of the first test that fails, or if Chromium is not installed.
pub(crate) fn run(args: &BrowserArgs) -> anyhow::Result<()> {
    if !axe::is_installed() {
        axe::install()?;
    }
    let missing = run_if_installed(args)?;
    missing.map_or(Ok(()), |missing| bail!(missing))
}

/// As [`run`], but returns what is missing if Chromium is not installed.
///
/// # Errors
///
/// Of the first test that fails.
pub(crate) fn run_if_installed(args: &BrowserArgs) -> anyhow::Result<Option<String>> {
    if let Some(missing) = driver::missing() {
        return Ok(Some(missing));
    }
    if !axe::is_installed() {
        println!(
            "accessibility is NOT CHECKED: axe-core is not installed (`cargo xtask browser` installs it)"
        );
    }
    // Screenshots show the speed of an optimized build.
    let profile = if args.screenshots { Profile::Release } else { Profile::Dev };
    let gradus = binary::build(profile)?;
    let pictures = args.screenshots.then(|| PathBuf::from("docs/screenshots"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let only = args.only.clone();
        let setup = Setup { driver: Driver::start()?, gradus, pictures, only };
        test("a run is watched, steered and stopped", &setup, train::steered).await?;
        test("viewers see a run and cannot steer it", &setup, train::viewed).await?;
        test("a finished run is opened and scrubbed", &setup, train::scrubbed).await?;
        test("ten digits are drawn, and the network shown", &setup, draw::drawn).await?;
        test("a network with branches is drawn as a flow", &setup, network::drawn).await?;
        test("a run of another kind has its own panels", &setup, train::regression).await?;
        test("a validation set has its curve and its samples", &setup, parts::validated).await?;
        test("augmented digits are shown", &setup, parts::augmented).await?;
        test("data is dropped on a page and trained on", &setup, data::trained_on).await?;
        test("predictions stand beside their targets", &setup, predictions::shown).await?;
        test("a sweep is listed, and its trials", &setup, tune::searched).await?;
        test("a formula is followed edge by edge", &setup, formulas::graphed).await?;
        test("optimizers race from a start", &setup, formulas::descended).await?;
        test("numbers are explained", &setup, explain::explained_down_and_up).await?;
        test("explanations come soon", &setup, explain::measured).await?;
        test("lessons are taken", &setup, lessons::taken).await?;
        test("what goes wrong in a run is said", &setup, train::warned).await?;
        test("two windows compare three runs in training", &setup, runs::compared).await?;
        test("a thousand runs are listed, sorted and filtered", &setup, runs::listed).await
    })?;
    Ok(None)
}

/// Shared by all tests.
struct Setup {
    driver: Driver,
    gradus: PathBuf,
    pictures: Option<PathBuf>,
    only: Option<String>,
}

async fn test<F: Future<Output = anyhow::Result<()>>>(
    claim: &str,
    setup: &Setup,
    body: impl FnOnce(TestCase) -> F,
) -> anyhow::Result<()> {
    if setup.only.as_ref().is_some_and(|only| !claim.contains(only)) {
        return Ok(());
    }
    println!("  {claim} …");
    let begin = Instant::now();
    let browser = setup.driver.browser().await?;
    let session = browser.clone();
    let folder = tempfile::tempdir()?;
    let (gradus, pictures) = (setup.gradus.clone(), setup.pictures.clone());
    let result = body(TestCase { browser, gradus, folder, pictures }).await;
    let errors = session.errors().await;
    session.close().await;
    result.with_context(|| format!("{claim}; browser console: {errors:?}"))?;
    anyhow::ensure!(
        errors.as_ref().is_ok_and(Vec::is_empty),
        "{claim}: browser console: {errors:?}"
    );
    println!("  {claim}: passed in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
