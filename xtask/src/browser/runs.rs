//! The page of all runs.

use std::fs;

use anyhow::ensure;
use serde_json::Value;

use super::axe;
use super::pictures::{Frame, pictures};
use super::{Browser, TestCase};

const ROWS: &str = "document.querySelectorAll('#runs tbody tr').length";

/// Rows appear, are sorted and filtered.
pub(super) async fn listed(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    for (preset, steps) in [("softmax", "300"), ("five-relu", "120")] {
        test.run(&["train", preset, "--steps", steps])?;
    }
    let runs = folder.path().join("runs");
    for i in 2..=999 {
        let copy = runs.join(format!("softmax-{i}"));
        fs::create_dir(&copy)?;
        for name in ["experiment.toml", "events.jsonl"] {
            fs::copy(runs.join("softmax-1").join(name), copy.join(name))?;
        }
    }
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until(&format!("{ROWS} === 1000")).await?;
    let took: f64 = browser.js("performance.now()").await?;
    println!("    1,000 runs are shown after {took:.0} ms");

    browser.fill("#filter", "'five train.steps=120'").await?;
    browser
        .until(&format!(
            "{ROWS} === 1 && document.querySelector('#runs tbody a').textContent === 'five-relu-1'"
        ))
        .await?;
    browser.fill("#filter", "''").await?;
    browser.until(&format!("{ROWS} === 1000")).await?;
    // A setting as a column, by which they are sorted as well.
    browser.fill("#setting", "'train.steps'").await?;
    browser.click("#runs th:last-child button").await?;
    browser
        .until("document.querySelector('#runs tbody tr').lastChild.textContent === '300'")
        .await?;
    browser.click("#runs th:last-child button").await?;
    browser
        .until("document.querySelector('#runs tbody tr').lastChild.textContent === '120'")
        .await?;
    // The steps, most first, then fewest first.
    let first = "document.querySelector('#runs tbody tr').children[2].textContent";
    for expected in ["300", "120"] {
        browser.click("#runs th:nth-child(3) button").await?;
        browser.until(&format!("{first} === '{expected}'")).await?;
    }
    // Two runs compared, and their different settings.
    for id in ["five-relu-1", "softmax-1"] {
        browser.js::<Value>(&format!("[...document.querySelectorAll('#runs input')].find((box) => box.getAttribute('aria-label').endsWith(' {id}')).click()")).await?;
    }
    browser.until("document.querySelectorAll('#difference tbody tr').length > 2").await?;
    let difference: String = browser.js("document.querySelector('#difference').innerText").await?;
    ensure!(
        difference.contains("train.steps")
            && difference.contains("120")
            && difference.contains("300"),
        "{difference}"
    );
    ensure!(!difference.contains("data.source"), "equal settings are not listed: {difference}");
    browser.until(&format!("{} > 8", super::train::colours("comparison"))).await?;
    axe::check(browser, "Runs").await?;
    pictures(&test, "runs", Frame::Window).await?;
    browser.js::<Value>("[...document.querySelectorAll('#runs tbody a')].find((link) => link.textContent === 'five-relu-1').click()").await?;
    browser.until("document.querySelector('h1')?.textContent === 'five-relu-1'").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// Two visible windows follow three runs each: six streams at once, of which a browser allows no more to a host. Every click in
/// one of them is answered within a second.
pub(super) async fn compared(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let train = |run| ["train", "conv", "--steps", "1000000", "--live", "--run", run];
    let program = test.serve(&train("runs/one"))?;
    let others = [test.serve(&train("runs/two"))?, test.serve(&train("runs/three"))?];
    let follow = async || {
        browser.open(&program.link).await?;
        browser.until("document.querySelector('#progress')").await?;
        browser.js::<Value>("location.hash = '#/runs/one,two,three'").await?;
        browser
            .until(&format!("{ROWS} === 3 && {} > 8", super::train::colours("comparison")))
            .await?;
        let followed = "document.querySelectorAll('#comparison .legend span').length";
        ensure!(browser.js::<u64>(followed).await? == 3, "expected three runs in the legend");
        anyhow::Ok(())
    };
    follow().await?;
    browser.open_window().await?;
    follow().await?;
    for number in [0, 1] {
        browser.to_window(number).await?;
        let state: String = browser.js("document.visibilityState").await?;
        ensure!(state == "visible", "window {number} is {state}");
    }
    let link = "[...document.querySelectorAll('#runs tbody a')].find((link) => link.textContent === 'one')";
    let pause = "document.querySelector('#pause')";
    for (clicked, answer) in [
        (link, "document.querySelector('#pause')?.disabled === false"),
        (pause, "document.querySelector('.dot.paused') !== null"),
        (pause, "document.querySelector('.dot.paused') === null"),
    ] {
        let milliseconds = clicked_until(browser, clicked, answer).await?;
        println!("    {milliseconds:.0} ms from a click to `{answer}`");
        ensure!(milliseconds < 1000.0, "{milliseconds} ms from a click to `{answer}`");
    }
    browser.open("about:blank").await?;
    browser.to_window(0).await?;
    browser.open("about:blank").await?;
    drop((program, others));
    Ok(())
}

/// Milliseconds from a click on an element until an expression on the page is true.
async fn clicked_until(browser: &Browser, element: &str, answer: &str) -> anyhow::Result<f64> {
    let script = format!(
        "window.took = null; const begin = performance.now(); ({element}).click(); \
         const look = () => {{ if ({answer}) window.took = performance.now() - begin; else setTimeout(look, 5); }}; look();"
    );
    browser.run_script(&script).await?;
    browser.until("window.took !== null").await?;
    browser.js("window.took").await
}
