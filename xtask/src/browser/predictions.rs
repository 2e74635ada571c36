//! The page of predictions.

use std::fmt::Write as _;
use std::fs;

use anyhow::ensure;
use serde_json::Value;

use super::TestCase;
use super::axe;
use super::pictures::{Frame, pictures};

/// Values, two classes and ten classes are shown beside their targets; the worst mistakes lead to explanations.
pub(super) async fn shown(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    let (mut values, mut classes) = (String::from("x,y\n"), String::from("a,b,answer\n"));
    for i in 0..200 {
        let (x, noise) = (f64::from(i) / 20.0, f64::from(i * 37 % 11) / 5.0);
        let _ = writeln!(values, "{x:.2},{:.3}", 1000.0 + 30.0 * x + noise);
        let answer = if f64::from(i * 53 % 200) + 15.0 * noise > 110.0 { "yes" } else { "no" };
        let _ = writeln!(classes, "{:.2},{noise},{answer}", f64::from(i * 53 % 200) / 7.0);
    }
    fs::write(folder.path().join("values.csv"), values)?;
    fs::write(folder.path().join("classes.csv"), classes)?;
    for name in ["values", "classes"] {
        let (file, run) = (format!("{name}.csv"), format!("runs/{name}"));
        test.run(&["train", "--data", &file, "--epochs", "30", "--run", &run])?;
    }
    test.run(&["train", "softmax", "--steps", "40", "--run", "runs/digits"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelectorAll('#runs tbody tr').length === 3").await?;

    browser.js::<Value>("location.hash = '#/predictions/values'").await?;
    browser.until("document.querySelectorAll('#predictions svg').length === 3").await?;
    let samples: u32 = browser
        .js("document.querySelectorAll('#predictions svg')[0].querySelectorAll('circle').length")
        .await?;
    ensure!(samples == 40, "{samples} of 40 test samples are drawn");
    let text: String = browser.js("document.querySelector('#predictions').innerText").await?;
    for said in ["predicted y", "root mean squared error", "Largest mistakes"] {
        ensure!(text.contains(said), "{said:?} is not in {text}");
    }
    axe::check(browser, "predicted values").await?;
    pictures(&test, "predictions-values", Frame::Whole).await?;

    browser.js::<Value>("location.hash = '#/predictions/classes'").await?;
    browser.until("document.querySelector('#threshold')").await?;
    let predicted_yes = "[...document.querySelectorAll('.figure-table tbody tr')].reduce((sum, row) => sum + Number.parseInt(row.children[2].textContent), 0)";
    for (threshold, expected) in [("0", 40), ("1", 0)] {
        browser.fill("#threshold", threshold).await?;
        let found: u32 = browser.js(predicted_yes).await?;
        ensure!(found == expected, "from {threshold} on {found} samples are predicted as yes");
    }
    browser.fill("#threshold", "0.5").await?;
    let ends = "[...document.querySelectorAll('#mistakes tr')].map((row) => [...row.cells].slice(-2).map((cell) => cell.textContent))";
    browser.until("document.querySelector('#mistakes th:last-child')?.textContent === 'b'").await?;
    let cells: Vec<[String; 2]> = browser.js(ends).await?;
    ensure!(cells[0] == ["a", "b"], "columns of the mistakes: {:?}", cells[0]);
    let table = fs::read_to_string(folder.path().join("classes.csv"))?;
    for [a, b] in &cells[1..] {
        let is_row = |line: &str| {
            let number = |text: &str| text.parse::<f64>().ok();
            let mut cells = line.split(',').map(number);
            cells.next() == Some(number(a)) && cells.next() == Some(number(b))
        };
        ensure!(table.lines().skip(1).any(is_row), "{a}, {b} is not a row of the table");
    }
    axe::check(browser, "two classes").await?;
    axe::check_on_phone(browser, "two classes").await?;
    pictures(&test, "predictions-classes", Frame::Whole).await?;

    rows_are_shown(&test).await?;

    browser.js::<Value>("location.hash = '#/predictions/digits'").await?;
    browser
        .until("document.querySelectorAll('#predictions .figure-table tbody tr').length === 10")
        .await?;
    browser
        .until("document.querySelector('#mistakes canvas')?.getContext('2d').getImageData(20, 20, 1, 1).data[3] === 255")
        .await?;
    axe::check(browser, "ten classes").await?;
    pictures(&test, "predictions-digits", Frame::Whole).await?;
    browser.click(".languages [lang=zh]").await?;
    browser.until("document.querySelector('#predictions')?.innerText.includes('混淆矩阵')").await?;
    browser.click(".languages [lang=en]").await?;
    browser.until("document.querySelector('#mistakes a')").await?;
    browser.click("#mistakes a").await?;
    browser.until("location.hash.startsWith('#/explain/digits')").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// The page of a run on a table has the rows of the batch and of the test set.
async fn rows_are_shown(test: &TestCase) -> anyhow::Result<()> {
    let browser = &test.browser;
    browser.js::<Value>("location.hash = '#/train/classes'").await?;
    browser
        .until("document.querySelectorAll('#test-samples .rows tbody tr').length === 40")
        .await?;
    browser.until("document.querySelector('#batch .rows tbody tr')").await?;
    let head: Vec<String> = browser
        .js("[...document.querySelectorAll('#test-samples .rows th')].map((cell) => cell.textContent)")
        .await?;
    ensure!(head == ["sample", "answer", "prediction", "a", "b"], "columns: {head:?}");
    let wrong: Vec<bool> = browser
        .js("[...document.querySelectorAll('#test-samples .rows tbody tr')].map((row) => row.cells[1].textContent !== row.cells[2].textContent)")
        .await?;
    let count = wrong.iter().filter(|is_wrong| **is_wrong).count();
    ensure!(wrong.iter().take(count).all(|is_wrong| *is_wrong), "the wrong ones come first");
    let marked: usize =
        browser.js("document.querySelectorAll('#test-samples .rows .wrong').length").await?;
    ensure!(marked == count, "{marked} of {count} are marked");
    axe::check(browser, "rows").await?;
    axe::check_on_phone(browser, "rows").await?;
    pictures(test, "rows-classes", Frame::Whole).await?;
    browser.js::<Value>("location.hash = '#/train/values'").await?;
    browser
        .until("document.querySelectorAll('#test-samples .rows tbody tr').length === 40")
        .await?;
    pictures(test, "rows-values", Frame::Whole).await
}
