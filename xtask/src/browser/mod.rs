//! `cargo xtask browser`: the pages in a real Chromium, with real runs behind them.

mod draw;
pub(crate) mod driver;
mod pictures;
pub(crate) mod program;
mod runs;
mod train;

use std::future::Future;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;

use crate::process;
use driver::{Browser, Driver};
use program::Program;

#[derive(Default, clap::Args)]
pub(crate) struct Args {
    /// Also make the pictures of the pages in `docs/screenshots`.
    #[arg(long)]
    screenshots: bool,
}

/// What a test needs.
struct Stage {
    browser: Browser,
    /// The binary.
    gradus: PathBuf,
    /// A folder of its own.
    folder: tempfile::TempDir,
    /// Where pictures go, if they are wanted.
    pictures: Option<PathBuf>,
}

impl Stage {
    /// Runs `gradus` with these words to its end.
    fn run(&self, words: &[&str]) -> anyhow::Result<()> {
        process::read(Command::new(&self.gradus).args(words).current_dir(self.folder.path()))?;
        Ok(())
    }

    /// Starts `gradus` with these words, which make it serve pages to this machine.
    fn serve(&self, words: &[&str]) -> anyhow::Result<Program> {
        self.serve_at("127.0.0.1:0", words)
    }

    /// Starts `gradus` with these words, which make it serve pages at an address.
    fn serve_at(&self, address: &str, words: &[&str]) -> anyhow::Result<Program> {
        let words = [words, &["--addr", address]].concat();
        Program::start(&self.gradus, self.folder.path(), &words)
    }
}

/// Runs every test, each in a browser window and a folder of its own.
///
/// # Errors
///
/// Of the first test that fails, or if there is no browser and none can be installed.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    driver::install()?;
    // A picture shows how fast it is.
    let release: &[&str] = if args.screenshots { &["--release"] } else { &[] };
    process::run(Command::new("cargo").args(["build", "--package", "gradus-cli"]).args(release))?;
    let profile = if args.screenshots { "release" } else { "debug" };
    let gradus = std::env::current_dir()?.join("target").join(profile).join("gradus");
    let pictures = args.screenshots.then(|| PathBuf::from("docs/screenshots"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let house = House { driver: Driver::start()?, gradus, pictures };
        test("a run is watched, steered and stopped", &house, train::steered).await?;
        test("viewers see a run and cannot steer it", &house, train::viewed).await?;
        test("a finished run is opened and scrubbed", &house, train::scrubbed).await?;
        test("ten digits are drawn, and the network shown", &house, draw::drawn).await?;
        test("a run of another kind has its own panels", &house, train::regression).await?;
        test("what goes wrong in a run is said", &house, train::warned).await?;
        test("a thousand runs are listed, sorted and filtered", &house, runs::listed).await
    })
}

/// What all tests have in common.
struct House {
    driver: Driver,
    gradus: PathBuf,
    pictures: Option<PathBuf>,
}

async fn test<F: Future<Output = anyhow::Result<()>>>(
    claim: &str,
    house: &House,
    body: impl FnOnce(Stage) -> F,
) -> anyhow::Result<()> {
    println!("  {claim} …");
    let begin = Instant::now();
    let browser = house.driver.browser().await?;
    let session = browser.clone();
    let folder = tempfile::tempdir()?;
    let (gradus, pictures) = (house.gradus.clone(), house.pictures.clone());
    let result = body(Stage { browser, gradus, folder, pictures }).await;
    let errors = session.errors().await;
    session.close().await;
    result.with_context(|| format!("{claim}; the console says {errors:?}"))?;
    anyhow::ensure!(
        errors.as_ref().is_ok_and(Vec::is_empty),
        "{claim}: the console says {errors:?}"
    );
    println!("  {claim}: passed in {:.1} s", begin.elapsed().as_secs_f64());
    Ok(())
}
