//! Data that is dropped on the page of all runs.

use std::fmt::Write as _;
use std::fs;

use anyhow::ensure;
use serde_json::Value;

use super::TestCase;
use super::axe;
use super::pictures::{Frame, pictures};

/// A table is chosen and trained on; one without rows is refused with the reason.
pub(super) async fn trained_on(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    let rows = |n: usize| {
        (0..n).fold(String::from("x,y\n"), |mut text, i| {
            let _ = writeln!(text, "{i},{}", ["low", "high"][usize::from(i > n / 2)]);
            text
        })
    };
    let paths = ["steps.csv", "empty.csv", "long.csv"].map(|name| folder.path().join(name));
    fs::write(&paths[0], rows(60))?;
    fs::write(&paths[1], "x,y\n")?;
    fs::write(&paths[2], rows(30_000))?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    let zone = "document.querySelector('.drop')";
    browser.until(&format!("{zone}?.checkVisibility()")).await?;
    axe::check(browser, "a place for data").await?;
    pictures(&test, "data", Frame::Window).await?;
    browser.choose_file("#data-file", &paths[1]).await?;
    browser.until("document.querySelector('#data-state').className === 'problem'").await?;
    let said: String = browser.js("document.querySelector('#data-state').textContent").await?;
    ensure!(said.contains("empty.csv") && said.contains("row"), "{said}");
    browser.choose_file("#data-file", &paths[0]).await?;
    browser.until("location.hash === '#/train/steps-1'").await?;
    browser.until("document.querySelector('#progress')?.textContent.endsWith('finished')").await?;
    browser.js::<Value>("location.hash = '#/predictions/steps-1'").await?;
    browser.until("document.querySelector('#threshold')").await?;

    // One that would take minutes is paused and stopped on its page.
    browser.js::<Value>("location.hash = '#/runs'").await?;
    browser.until(&format!("{zone}?.checkVisibility()")).await?;
    browser.choose_file("#data-file", &paths[2]).await?;
    browser.until("location.hash === '#/train/long-1'").await?;
    browser.until("document.querySelector('#pause')?.disabled === false").await?;
    browser.click("#pause").await?;
    browser.until("document.querySelector('.dot.paused')").await?;
    browser.click("#stop").await?;
    browser.click("#confirm-stop").await?;
    browser.until("document.querySelector('.dot.stopped')").await?;
    let kept = fs::read_dir(folder.path().join("uploads"))?.count();
    ensure!(kept == 2, "{kept} files are kept");
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
