//! The pages of runs with and without a validation set.

use anyhow::ensure;
use serde_json::Value;

use super::TestCase;
use super::train::every_panel_is_drawn;

/// A run with a validation set has three curves and samples of three sets; one without says that the test set chose.
pub(super) async fn validated(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let train = "train softmax --steps 40 --set train.evaluate_every=10 --run";
    for settings in ["runs/with --set data.validation=5000", "runs/without"] {
        test.run(&train.split(' ').chain(settings.split(' ')).collect::<Vec<_>>())?;
    }
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelectorAll('#runs tbody tr').length === 2").await?;
    let listed: String = browser.js("document.querySelector('#runs').innerText").await?;
    for said in ["best accuracy", "validation accuracy", "chosen on the test set"] {
        ensure!(listed.contains(said), "{said:?} is not in {listed}");
    }
    let note = "document.querySelector('#selection')";
    for (run, n_curves) in [("with", 3), ("without", 2)] {
        browser.js::<Value>(&format!("location.hash = '#/train/{run}'")).await?;
        browser.until(&format!("document.querySelector('h1')?.textContent === '{run}'")).await?;
        browser
            .until("document.querySelector('#progress').textContent.endsWith('finished')")
            .await?;
        every_panel_is_drawn(browser, &["accuracy", "loss"]).await?;
        let legend = "document.querySelectorAll('#accuracy .in-plot .swatch').length";
        ensure!(browser.js::<u32>(legend).await? == n_curves, "the legend of {run}");
        browser.click("#accuracy .tools .as-table").await?;
        let columns = "document.querySelectorAll('#accuracy thead th').length";
        browser.until(&format!("{columns} === {}", n_curves + 1)).await?;
        let has_number: bool =
            browser.js("document.querySelector('#validation_accuracy') !== null").await?;
        let is_noted: bool =
            browser.js(&format!("{note}.textContent.includes('chosen on the test set')")).await?;
        ensure!((has_number, is_noted) == (n_curves == 3, n_curves == 2), "the head of {run}");
    }
    // The first digits of the test and of the validation set are a 7 and a 1.
    browser.js::<Value>("location.hash = '#/network/with'").await?;
    let label = "document.querySelector('.plan .input')?.getAttribute('aria-label')";
    browser.until(&format!("{label}?.includes('7')")).await?;
    browser.fill("#set", "'validation'").await?;
    browser.until(&format!("{label}.includes('1')")).await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// Two runs train with the same digits, one of them augmented: their batch panels differ, the digits of the data do not.
pub(super) async fn augmented(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let train = "train softmax --steps 40 --run";
    let rotated = "data.augment=[{kind='rotate',degrees=90}]";
    for settings in [&["runs/plain"][..], &["runs/rotated", "--set", rotated]] {
        test.run(&train.split(' ').chain(settings.iter().copied()).collect::<Vec<_>>())?;
    }
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelectorAll('#runs tbody tr').length === 2").await?;
    let pixels = |canvas: &str| format!("document.querySelector('{canvas}').toDataURL()");
    let note = "document.querySelector('#batch .note').textContent";
    let (mut panels, mut enlarged) = (Vec::new(), Vec::new());
    for (run, is_augmented) in [("plain", false), ("rotated", true)] {
        browser.js::<Value>(&format!("location.hash = '#/train/{run}'")).await?;
        browser.until(&format!("document.querySelector('h1')?.textContent === '{run}'")).await?;
        every_panel_is_drawn(browser, &["batch"]).await?;
        browser.until(&format!("{note}.includes('as augmented') === {is_augmented}")).await?;
        panels.push(browser.js::<String>(&pixels("#batch canvas")).await?);
        let [x, y]: [f64; 2] = browser
            .js("(() => { const box = document.querySelector('#batch canvas').getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; })()")
            .await?;
        browser.stroke(&[(x, y)]).await?;
        browser
            .until("document.querySelectorAll('dialog .prediction-bars i').length === 10")
            .await?;
        enlarged.push(browser.js::<String>(&pixels("dialog .sample canvas")).await?);
        browser.click("dialog form .main").await?;
        browser.until("!document.querySelector('dialog')").await?;
    }
    ensure!(panels[0] != panels[1], "the batch is shown as the data has it");
    ensure!(enlarged[0] == enlarged[1], "the digit of the data is not shown");
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
