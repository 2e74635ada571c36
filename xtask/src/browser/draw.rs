//! The pages for drawing digits and for the network.

use std::f64::consts::TAU;

use anyhow::ensure;

use super::axe;
use super::pictures::{Frame, in_both_lights, pictures};
use super::{Browser, TestCase};

/// A stroke of the pen, in the unit square, from the upper left corner.
pub(super) type Stroke = Vec<(f64, f64)>;

/// An arc of an ellipse between two angles, in revolutions: 0 is at the right, a quarter at the bottom.
fn arc((x, y): (f64, f64), (rx, ry): (f64, f64), from: f64, to: f64) -> Stroke {
    let point = |i: i32| {
        let angle = TAU * (from + (to - from) * f64::from(i) / 20.0);
        (x + rx * angle.cos(), y + ry * angle.sin())
    };
    (0..=20).map(point).collect()
}

/// Strokes of the ten digits.
fn digits() -> [Vec<Stroke>; 10] {
    let join = |parts: &[Stroke]| vec![parts.concat()];
    [
        vec![arc((0.5, 0.5), (0.25, 0.37), -0.25, 0.78)],
        vec![vec![(0.56, 0.1), (0.46, 0.9)]],
        join(&[arc((0.5, 0.3), (0.2, 0.18), -0.45, 0.12), vec![(0.3, 0.84), (0.75, 0.84)]]),
        join(&[
            arc((0.45, 0.3), (0.22, 0.18), -0.42, 0.2),
            arc((0.45, 0.67), (0.26, 0.2), -0.2, 0.42),
        ]),
        vec![vec![(0.34, 0.1), (0.26, 0.52), (0.72, 0.5)], vec![(0.68, 0.12), (0.64, 0.9)]],
        vec![
            vec![(0.72, 0.13), (0.38, 0.14), (0.34, 0.45)],
            arc((0.47, 0.63), (0.22, 0.22), -0.35, 0.38),
        ],
        join(&[
            vec![(0.62, 0.1), (0.42, 0.3), (0.32, 0.6)],
            arc((0.49, 0.68), (0.17, 0.18), 0.45, -0.6),
        ]),
        vec![vec![(0.26, 0.18), (0.74, 0.16), (0.48, 0.9)]],
        join(&[
            arc((0.5, 0.3), (0.17, 0.17), 0.25, -0.75),
            arc((0.5, 0.67), (0.21, 0.2), -0.25, 0.77),
        ]),
        join(&[
            arc((0.48, 0.32), (0.18, 0.19), 0.0, -1.0),
            vec![(0.66, 0.32), (0.64, 0.6), (0.58, 0.92)],
        ]),
    ]
}

/// Draws every digit with the mouse; the model was trained for two epochs.
pub(super) async fn drawn(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    test.run(&["train", "conv-dropout", "--epochs", "2"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('.bar nav')").await?;
    browser.click(".bar nav a[href^='#/draw']").await?;
    browser.until("document.querySelector('#pad')").await?;
    let mut found = Vec::new();
    for (digit, strokes) in digits().iter().enumerate() {
        browser.click("#clear").await?;
        browser.until("document.querySelectorAll('#prediction i').length === 0").await?;
        draw(browser, strokes).await?;
        let prediction: usize =
            browser.js("Number(document.querySelector('#prediction .top').textContent)").await?;
        found.push((digit, prediction));
        if digit == 3 {
            browser.until("document.querySelectorAll('.layers canvas').length === 11").await?;
            // The prepared image has its centre of mass in the middle.
            let centre: [f64; 2] = browser
                .js("(() => { const data = document.querySelector('#model-input').getContext('2d').getImageData(0, 0, 28, 28).data; let [m, x, y] = [0, 0, 0]; for (let i = 0; i < 784; i++) { const a = data[4 * i + 3]; m += a; x += a * (i % 28); y += a * Math.floor(i / 28); } return [x / m, y / m]; })()")
                .await?;
            ensure!(
                centre.iter().all(|at| (at - 13.5).abs() <= 0.6),
                "the centre of mass is at {centre:?}"
            );
            axe::check(browser, "Draw").await?;
            axe::check_on_phone(browser, "Draw").await?;
            pictures_of_drawing(&test, strokes).await?;
        }
    }
    let n_correct = found.iter().filter(|(digit, prediction)| digit == prediction).count();
    ensure!(n_correct >= 9, "{n_correct} of ten digits are correct: {found:?}");
    println!("    drawn and read: {found:?}");

    // The prediction of an earlier model for the same drawing.
    let steps: Vec<String> = browser
        .js("[...document.querySelectorAll('#checkpoint option')].map((option) => option.value)")
        .await?;
    ensure!(steps.len() > 5, "{steps:?}");
    let early = format!(
        "document.querySelector('#checkpoint-step')?.textContent.includes(' {}.')",
        steps[1]
    );
    let latest = "document.querySelector('#checkpoint-step')?.textContent.includes('1,200')";
    browser.fill("#checkpoint", &steps[1]).await?;
    browser.until(&early).await?;
    // The page of the network is of the same step.
    browser.click(".bar nav a[href^='#/network']").await?;
    browser.until("document.querySelectorAll('#output i').length === 10").await?;
    browser.until(&early).await?;
    browser.fill("#checkpoint", "''").await?;
    browser.until(latest).await?;
    browser.until("document.querySelector('#learned canvas')?.width > 10").await?;
    browser
        .until("document.querySelectorAll('#activation-statistics tbody tr').length === 11")
        .await?;
    browser.until("document.querySelectorAll('#changes tbody tr').length === 10").await?;
    pictures(&test, "network", Frame::Whole).await?;
    drop(program);
    Ok(())
}

/// Screenshots of a drawn digit in each colour scheme and language.
async fn pictures_of_drawing(test: &TestCase, strokes: &[Stroke]) -> anyhow::Result<()> {
    for language in ["zh", "en"] {
        // Another language begins with an empty pad.
        test.browser.click(&format!(".languages [lang={language}]")).await?;
        test.browser
            .until("document.querySelector('#pad') && !document.querySelector('#prediction i')")
            .await?;
        draw(&test.browser, strokes).await?;
        in_both_lights(test, &format!("draw-{language}"), Frame::Whole).await?;
    }
    Ok(())
}

/// Draws on the pad and waits for the prediction after the last stroke.
pub(super) async fn draw(browser: &Browser, strokes: &[Stroke]) -> anyhow::Result<()> {
    let [left, top, side]: [f64; 3] = browser
        .js("(() => { const box = document.querySelector('#pad').getBoundingClientRect(); return [box.left, box.top, box.width]; })()")
        .await?;
    for stroke in strokes {
        let points: Vec<_> =
            stroke.iter().map(|(x, y)| (left + x * side, top + y * side)).collect();
        browser.stroke(&points).await?;
    }
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    browser.until("document.querySelectorAll('#prediction i').length === 10").await
}
