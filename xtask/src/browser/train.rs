//! The page of one run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gradus::events::{Event, Reader};
use gradus::runs::SavedModel;
use serde_json::Value;

use super::axe;
use super::driver::{PHONE, WINDOW};
use super::pictures::{Frame, in_both_lights, pictures};
use super::{Browser, TestCase};

/// Keys of WebDriver.
const ESCAPE: char = '\u{e00c}';
const LEFT: char = '\u{e012}';
const DOWN: char = '\u{e015}';
const ENTER: char = '\u{e007}';

/// The step that the page shows.
const STEP: &str = "Number(document.querySelector('#progress').textContent.match(/[\\d,]+/)[0].replaceAll(',', ''))";
/// The names of the panels that are shown, in order.
const SHOWN: &str = "[...document.querySelectorAll('.panel')].filter((panel) => panel.getClientRects().length).map((panel) => panel.id).join(' ')";

/// The number of colours on the canvas of a panel; a single one means that nothing was drawn.
pub(super) fn colours(panel: &str) -> String {
    format!(
        "(() => {{ const canvas = document.querySelector('#{panel} canvas'); if (!canvas || !canvas.width || !canvas.height) return 0; const data = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer); return new Set(data).size; }})()"
    )
}

pub(super) async fn every_panel_is_drawn(browser: &Browser, panels: &[&str]) -> anyhow::Result<()> {
    for panel in panels {
        browser.until(&format!("{} > 8", colours(panel))).await?;
    }
    Ok(())
}

fn events(run: &Path) -> anyhow::Result<Vec<Event>> {
    let log = fs::File::open(run.join("events.jsonl"))?;
    Ok(Reader::new(std::io::BufReader::new(log)).collect::<Result<_, _>>()?)
}

/// The main test: all controls of a run.
pub(super) async fn steered(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    let run = folder.path().join("runs/lesson");
    let program = test.serve(&[
        "train",
        "conv-dropout",
        "--steps",
        "100000",
        "--run",
        "runs/lesson",
        "--live",
    ])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('#progress')").await?;
    let address: String = browser.js("location.href").await?;
    ensure!(!address.contains("token"), "the token stays in the address: {address}");

    // Real values, from the first step on.
    browser.until("/^9\\d/.test(document.querySelector('#test_accuracy').textContent)").await?;
    browser
        .until("/k\\/s/.test(document.querySelector('#samples_per_second').textContent)")
        .await?;
    every_panel_is_drawn(
        browser,
        &["accuracy", "loss", "batch", "weights", "biases", "test-samples"],
    )
    .await?;
    browser.click("#accuracy .tools .as-table").await?;
    browser.until("document.querySelectorAll('#accuracy tbody tr').length > 3").await?;
    let first: String = browser
        .js("[...document.querySelectorAll('#accuracy tbody tr')].at(-1).textContent")
        .await?;
    ensure!(
        first.starts_with('0'),
        "the first evaluation is that before the first step, not {first}"
    );
    browser.click("#accuracy .tools .as-table").await?;

    // Every key.
    for (key, shown) in [
        ('1', "accuracy"),
        ('2', "loss"),
        ('3', "batch"),
        ('4', "weights"),
        ('5', "biases"),
        ('6', "test-samples"),
        ('7', "accuracy loss"),
        ('8', "weights biases"),
        ('9', "batch test-samples"),
        ('0', "accuracy loss batch weights biases test-samples"),
        ('1', "accuracy"),
        (ESCAPE, "accuracy loss batch weights biases test-samples"),
    ] {
        browser.press(key).await?;
        browser
            .until(&format!("{SHOWN} === '{shown}'"))
            .await
            .with_context(|| format!("key {key:?}"))?;
    }

    // Pause: the step stands still. One step, one epoch.
    browser.press(' ').await?;
    browser.until("document.querySelector('.dot.paused')").await?;
    let at: u64 = browser.js(STEP).await?;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    ensure!(browser.js::<u64>(STEP).await? == at, "a paused run went on");
    browser.click("#one-step").await?;
    browser.until(&format!("{STEP} === {}", at + 1)).await?;
    browser.click("#one-epoch").await?;
    let epoch = (at + 1) / 600 * 600 + 600;
    browser.until(&format!("{STEP} === {epoch} && document.querySelector('.dot.paused')")).await?;

    // A digit, enlarged, with ten probabilities.
    browser.until("document.querySelector('#test-samples canvas')").await?;
    let place: [f64; 2] = browser
        .js("(() => { const box = document.querySelector('#test-samples canvas').getBoundingClientRect(); return [box.left + 20, box.top + box.height - 8]; })()")
        .await?;
    browser.stroke(&[(place[0], place[1])]).await?;
    browser.until("document.querySelectorAll('dialog .prediction-bars i').length === 10").await?;
    let sum: f64 = browser
        .js("[...document.querySelectorAll('dialog .prediction-bars span:last-child, dialog .prediction-bars i')].length && [...document.querySelectorAll('dialog .prediction-bars > span')].filter((span) => span.textContent.endsWith('%')).reduce((sum, span) => sum + parseFloat(span.textContent), 0)")
        .await?;
    ensure!((sum - 100.0).abs() < 1.0, "probabilities sum up to {sum} %");
    in_both_lights(&test, "digit", Frame::Window).await?;
    browser.press(ESCAPE).await?;
    browser.until("!document.querySelector('dialog')").await?;

    // The learning rate: seen in the next event.
    browser.js::<Value>("document.querySelector('#rate').focus()").await?;
    for _ in 0..10 {
        browser.press(LEFT).await?;
    }
    browser.until("!document.querySelector('#schedule').hidden").await?;
    browser.click("#one-step").await?;
    browser.until(&format!("{STEP} === {}", epoch + 1)).await?;
    let told = events(&run)?;
    let set = told.iter().rev().find_map(|event| match event {
        Event::LearningRateSet(set) => set.learning_rate,
        _ => None,
    });
    let used = told.iter().rev().find_map(|event| match event {
        Event::StepFinished(step) => Some(step.learning_rate),
        _ => None,
    });
    ensure!(set.is_some() && set == used, "set {set:?}, used {used:?}");
    browser.click("#schedule").await?;
    browser.until("document.querySelector('#schedule').hidden").await?;

    // A reload in mid-run loses nothing.
    browser.click("#pause").await?;
    browser.until("document.querySelector('.dot.running')").await?;
    browser.until(&format!("{STEP} > {epoch} + 700")).await?;
    browser.reload().await?;
    browser.until("document.querySelector('#progress')").await?;
    browser.until(&format!("{STEP} > {epoch} + 700")).await?;
    begins_at_step_0(browser, "weights").await?;

    // A hidden page does not listen, and has the whole history when it is visible again.
    see(browser, false).await?;
    let unseen: u64 = browser.js("document.querySelector('#time').max * 1").await?;
    tokio::time::sleep(Duration::from_millis(800)).await;
    see(browser, true).await?;
    browser.until(&format!("{STEP} > {unseen}")).await?;
    begins_at_step_0(browser, "biases").await?;

    // Back in time during the run.
    scrub(browser, 0.25).await?;
    browser.until("!document.querySelector('#go-live').hidden").await?;
    let early: u64 = browser.js(STEP).await?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    ensure!(browser.js::<u64>(STEP).await? == early, "what was is shown, not what is");
    browser.click("#go-live").await?;
    browser.until(&format!("{STEP} > {early}")).await?;

    for (language, title) in [("zh", "准确率"), ("en", "Accuracy")] {
        browser.click(&format!(".languages [lang={language}]")).await?;
        browser
            .until(&format!("document.querySelector('#accuracy h2')?.textContent === '{title}'"))
            .await?;
    }
    one_column_on_a_phone(browser).await?;

    // Stop: with a checkpoint.
    browser.click("#stop").await?;
    browser.click("#confirm-stop").await?;
    browser.until("document.querySelector('.dot.stopped')").await?;
    let file = run.join("checkpoints/last.safetensors");
    wait_for(&file).await?;
    let saved = SavedModel::read(&file)?;
    ensure!(saved.parameters.len() == 244_076, "{} parameters", saved.parameters.len());
    let code = program.interrupt()?;
    ensure!(code == Some(130), "exit code {code:?}");
    Ok(())
}

/// Two windows on one run: the first link controls the run, the second is read-only.
pub(super) async fn viewed(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    // A loss without probabilities, whose digits have scores.
    let words = ["train", "softmax", "--steps", "1000000", "--set", "train.loss=hinge", "--live"];
    let program = test.serve_at("0.0.0.0:0", &words)?;
    browser.open(program.viewers.as_ref().context("no link for viewers")?).await?;
    every_panel_is_drawn(
        browser,
        &["accuracy", "loss", "batch", "weights", "biases", "test-samples"],
    )
    .await?;
    let is_off = |id: &str| format!("document.querySelector('#{id}').disabled");
    for id in ["pause", "one-step", "one-epoch", "stop", "rate"] {
        ensure!(browser.js::<bool>(&is_off(id)).await?, "a viewer may use {id}");
    }
    browser.press(' ').await?;
    let step: u64 = browser.js(STEP).await?;
    browser.until(&format!("{STEP} > {step} && document.querySelector('.dot.running')")).await?;
    browser.js::<Value>("location.hash = '#/draw/softmax-1'").await?;
    browser.until("document.querySelector('#pad')").await?;
    super::draw::draw(browser, &[vec![(0.5, 0.1), (0.5, 0.9)]]).await?;
    browser
        .until(
            "document.querySelector('#prediction').parentElement.textContent.startsWith('Scores')",
        )
        .await?;

    browser.open(&program.link).await?;
    browser.until("document.querySelector('#pause')?.disabled === false").await?;
    browser.open("about:blank").await?;
    Ok(())
}

async fn wait_for(file: &Path) -> anyhow::Result<()> {
    for _ in 0..100 {
        if file.exists() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{} is not there", file.display())
}

/// Tells the page that its window is visible, or hidden.
async fn see(browser: &Browser, is_seen: bool) -> anyhow::Result<()> {
    let script = format!(
        "(() => {{ Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }}); document.dispatchEvent(new Event('visibilitychange')); }})()",
        !is_seen
    );
    browser.js::<Value>(&script).await?;
    Ok(())
}

/// Moves the time slider to a fraction of the run.
async fn scrub(browser: &Browser, share: f64) -> anyhow::Result<()> {
    browser.fill("#time", &format!("Math.round({share} * it.max)")).await
}

/// Checks the table of a panel: it begins before the first step.
async fn begins_at_step_0(browser: &Browser, panel: &str) -> anyhow::Result<()> {
    browser.click(&format!("#{panel} .as-table")).await?;
    let first = format!("[...document.querySelectorAll('#{panel} tbody tr')].at(-1)?.textContent");
    browser.until(&format!("{first}?.startsWith('0')")).await?;
    browser.click(&format!("#{panel} .as-table")).await
}

async fn one_column_on_a_phone(browser: &Browser) -> anyhow::Result<()> {
    browser.screen(PHONE).await?;
    browser.until("new Set([...document.querySelectorAll('.panel')].map((panel) => Math.round(panel.getBoundingClientRect().left))).size === 1").await?;
    let overflow: f64 = browser.js("document.documentElement.scrollWidth - innerWidth").await?;
    ensure!(overflow <= 0.0, "{overflow} px beyond the screen of a phone");
    browser.screen(WINDOW).await
}

/// A finished run, from its directory alone.
pub(super) async fn scrubbed(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    test.run(&["train", "conv-dropout", "--epochs", "3"])?;
    let size = fs::metadata(folder.path().join("runs/conv-dropout-1/events.jsonl"))?.len();
    // A run of 10,000 steps stays below 30 MB: this one has 1,800.
    ensure!(size < 30_000_000 * 18 / 100, "{size} bytes of events");
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('#runs tbody a')").await?;
    browser.click("#runs tbody a").await?;
    browser.until("document.querySelector('.dot.finished')").await?;
    browser.until("document.querySelector('#progress').textContent.endsWith('finished')").await?;
    ensure!(browser.js::<u64>(STEP).await? == 1800, "the last step is not the last");
    ensure!(
        !browser.js::<bool>("document.querySelector('#pause').getClientRects().length > 0").await?,
        "a run that is over cannot be paused"
    );
    every_panel_is_drawn(
        browser,
        &["accuracy", "loss", "batch", "weights", "biases", "test-samples"],
    )
    .await?;
    axe::check(browser, "Train").await?;
    axe::check_on_phone(browser, "Train").await?;
    pictures(&test, "train", Frame::Window).await?;
    pictures(&test, "phone", Frame::Phone).await?;

    let accuracy = "parseFloat(document.querySelector('#test_accuracy').textContent)";
    let end: f64 = browser.js(accuracy).await?;
    let label = "document.querySelector('#test-samples canvas').getAttribute('aria-label')";
    let last_digits: String = browser.js(label).await?;
    scrub(browser, 0.0).await?;
    browser.until(&format!("{STEP} === 0 && {accuracy} < 30")).await?;
    browser
        .until("document.querySelector('#batch .note').textContent.includes('No batch')")
        .await?;
    browser.until(&format!("{label} !== {last_digits:?}")).await?;
    scrub(browser, 0.5).await?;
    browser.until(&format!("{STEP} === 900 && {accuracy} > 90")).await?;
    // The model of that step, and back; the step is in the address.
    browser.click(".bar nav a:nth-child(2)").await?;
    browser
        .until("/step (800|900|1,000)\\b/.test(document.querySelector('#checkpoint-step')?.textContent)")
        .await?;
    browser.click(".bar nav a:nth-child(1)").await?;
    browser
        .until(&format!("document.querySelector('#progress') && {STEP} === 900 && {accuracy} > 90"))
        .await?;
    browser.reload().await?;
    browser
        .until(&format!(
            "document.querySelector('#progress')?.textContent.includes('finished') && {STEP} === 900"
        ))
        .await?;
    scrub(browser, 1.0).await?;
    browser.until(&format!("{STEP} === 1800 && {accuracy} === {end}")).await?;

    // The values at a step, under the pointer; a part of the steps, enlarged; and all of them again.
    let [left, top, width, height]: [f64; 4] = browser
        .js("(() => { const box = document.querySelector('#accuracy canvas').getBoundingClientRect(); return [box.left, box.top, box.width, box.height]; })()")
        .await?;
    let middle = (left + 0.6 * width, top + 0.5 * height);
    browser.hover(middle.0, middle.1).await?;
    browser
        .until(
            "/test 9\\d\\.\\d\\d %/.test(document.querySelector('#accuracy .readout').textContent)",
        )
        .await?;
    let is_zoomed = "document.querySelector('#accuracy canvas').title !== ''";
    browser.stroke(&[(left + 0.4 * width, middle.1), (left + 0.7 * width, middle.1)]).await?;
    browser.until(is_zoomed).await?;
    browser.js::<Value>("document.querySelector('#accuracy canvas').dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))").await?;
    browser.until(&format!("!({is_zoomed})")).await?;

    // Label and prediction of a digit: the first one is misclassified.
    let [left, top]: [f64; 2] = browser
        .js("(() => { const box = document.querySelector('#test-samples canvas').getBoundingClientRect(); return [box.left, box.top]; })()")
        .await?;
    browser.hover(left + 3.0, top + 3.0).await?;
    let readout = "document.querySelector('#test-samples .readout').textContent";
    browser.until(&format!("/label (\\d) · prediction (?!\\1)\\d/.test({readout})")).await?;

    // The same by keys: the first, the one below it, enlarged.
    browser.js::<Value>("document.querySelector('#test-samples canvas').focus()").await?;
    for _ in 0..2 {
        browser.press(DOWN).await?;
    }
    browser.until(&format!("/label (\\d) · prediction (?!\\1)\\d/.test({readout})")).await?;
    browser.press(ENTER).await?;
    browser.until("document.querySelectorAll('dialog .prediction-bars i').length === 10").await?;
    axe::check(browser, "a digit").await?;
    browser.press(ESCAPE).await?;
    browser.until("!document.querySelector('dialog')").await?;

    // One layer instead of all.
    browser.fill("#weights select", "'1.conv2d.weight'").await?;
    browser.click("#weights .tools .as-table").await?;
    browser.until("document.querySelectorAll('#weights tbody tr').length > 50").await?;
    drop(program);

    // The same without a server, from one file.
    let file = folder.path().join("report.html");
    test.run(&[
        "report",
        "runs/conv-dropout-1",
        "--html",
        "report.html",
        "--svg",
        "panels.svg",
        "--png",
        "panels.png",
    ])?;
    browser.open(&format!("file://{}", file.display())).await?;
    browser.until("document.querySelector('.dot.finished')").await?;
    every_panel_is_drawn(
        browser,
        &["accuracy", "loss", "batch", "weights", "biases", "test-samples"],
    )
    .await?;
    ensure!(
        browser.js::<f64>(accuracy).await? == end,
        "the report says something else than the page"
    );
    scrub(browser, 0.5).await?;
    browser.until(&format!("{STEP} === 900 && {accuracy} > 90")).await?;
    let results: String = browser.js("document.querySelector('#results').innerText").await?;
    ensure!(
        results.contains("train.batch")
            && results.contains("244,076") | results.contains("235,400"),
        "{results}"
    );
    if let Some(pictures) = &test.pictures {
        fs::copy(folder.path().join("panels.png"), pictures.join("report.png"))?;
    }
    Ok(())
}

/// A run that does not classify images.
pub(super) async fn regression(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let network = std::env::current_dir()?.join("bench/networks/w8.toml");
    let network = network.to_str().context("a path that is text")?;
    let program =
        test.serve(&["train", network, "--steps", "100000", "--run", "runs/tiny", "--live"])?;
    browser.open(&program.link).await?;
    every_panel_is_drawn(browser, &["loss", "weights", "biases"]).await?;
    for panel in ["batch", "test-samples"] {
        browser
            .until(&format!(
                "document.querySelector('#{panel} .empty').textContent.includes('not labelled images')"
            ))
            .await?;
    }
    browser
        .until("document.querySelector('#accuracy .empty').textContent.includes('not a classification')")
        .await?;
    ensure!(
        browser.js::<bool>("document.querySelector('#test_accuracy') === null").await?,
        "without classes the page shows no accuracy"
    );
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// Failing runs: divergence, values that are not finite, overfitting.
pub(super) async fn warned(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let rate = |rate: &str| format!("train.schedule={{kind='constant',learning_rate={rate}}}");
    let [high, far_too_high] = ["300", "1e30"].map(rate);
    let sgd = "train.optimizer=sgd";
    for (preset, settings, said) in [
        ("softmax", &[sgd, &high][..], "reach"),
        ("five-relu", &[sgd, &far_too_high], "is not finite"),
        ("five-relu", &[], "overfitting"),
    ] {
        let words = ["train", preset, "--steps", "20000", "--live"];
        let settings = settings.iter().flat_map(|setting| ["--set", setting]);
        let program = test.serve(&words.into_iter().chain(settings).collect::<Vec<_>>())?;
        browser.open(&program.link).await?;
        let warnings = "document.querySelector('.warnings')?.textContent";
        browser.until(&format!("{warnings}?.includes('{said}')")).await?;
        axe::check(browser, &format!("Train with a warning, {said}")).await?;
        browser.open("about:blank").await?;
        drop(program);
    }
    Ok(())
}
