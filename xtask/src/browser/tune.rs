//! The page of sweeps.

use std::fs;

use anyhow::ensure;
use serde_json::Value;

use super::TestCase;
use super::axe;
use super::pictures::{Frame, pictures};

/// Three trials of a network that learns something within a second.
const SWEEP: &str = r#"
[data]
source = "mnist"
validation = 10_000

[model]
input = [28, 28, 1]
layers = ["flatten", { kind = "linear", units = 10 }]

[train]
steps = 100

[tune]
trials = 3
"train.schedule.learning_rate" = { log = [1e-4, 1e-2] }
"train.batch" = { choice = [32, 128] }
"#;

/// A sweep is listed, its trials are ranked, each leads to its run, and its picture is drawn.
pub(super) async fn searched(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    fs::write(folder.path().join("digits.toml"), SWEEP)?;
    test.run(&["tune", "digits.toml"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('#runs tbody a')").await?;
    browser.js::<Value>("location.hash = '#/tune'").await?;
    browser.until("document.querySelectorAll('#sweep tbody tr').length === 1").await?;
    let listed: String = browser.js("document.querySelector('#sweep tbody').innerText").await?;
    for said in ["digits-tune-1", "3 / 3", "validation.accuracy", "train.batch"] {
        ensure!(listed.contains(said), "{said:?} is not in {listed}");
    }
    axe::check(browser, "Tune").await?;

    browser.click("#sweep tbody a").await?;
    browser.until("document.querySelectorAll('#sweep tbody tr').length === 3").await?;
    let metrics: Vec<f64> = browser
        .js("(() => { const column = [...document.querySelectorAll('#sweep thead tr > *')].findIndex((cell) => cell.textContent === 'validation.accuracy'); return [...document.querySelectorAll('#sweep tbody tr')].map((row) => Number(row.children[column].textContent)); })()")
        .await?;
    ensure!(metrics.is_sorted_by(|a, b| a >= b) && metrics[0] > 0.5, "{metrics:?}");
    browser.until("document.querySelector('img.sweep')?.naturalWidth > 100").await?;
    axe::check(browser, "a sweep").await?;
    axe::check_on_phone(browser, "a sweep").await?;
    pictures(&test, "tune", Frame::Whole).await?;
    browser.click(".languages [lang=zh]").await?;
    browser.until("document.querySelector('.lead')?.textContent.includes('已训练试验')").await?;
    browser.click(".languages [lang=en]").await?;
    browser.until("document.querySelector('.lead')?.textContent.includes('Trials')").await?;
    let trial: String = browser.js("document.querySelector('#sweep tbody a').textContent").await?;
    browser.click("#sweep tbody a").await?;
    browser.until("document.querySelector('#progress')").await?;
    let run: String = browser.js("document.querySelector('h1').textContent").await?;
    let number = trial.trim_start_matches("trial ");
    ensure!(run == format!("digits-tune-1/trial-00{number}"), "{trial} leads to {run}");
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
