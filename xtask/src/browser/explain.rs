//! The page that explains numbers, and the ways to it from the other pages.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::axe;
use super::draw::{Stroke, draw};
use super::pictures::{Frame, pictures};
use super::{Browser, TestCase};

/// What is explained, when it is shown.
fn explained(of: &str) -> String {
    format!(
        "document.querySelector('#explanation')?.dataset.of === {of:?} && document.querySelector('#explanation .card')"
    )
}

const HREF: &str = "(css) => document.querySelector(css).getAttribute('href')";

/// The numbers of a column of the terms, and the number in the formula.
async fn sum_and_value(browser: &Browser) -> anyhow::Result<(f64, f64)> {
    let sum = "[...document.querySelectorAll('.terms tbody tr:not(.strong)')].reduce((sum, row) => sum + (Number(row.children[3].textContent) || 0), 0)";
    let value = "Number(document.querySelector('.sum b').textContent)";
    Ok((browser.js(sum).await?, browser.js(value).await?))
}

/// From a digit down to a pixel and up again, backward, and through an update.
pub(super) async fn explained_down_and_up(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    test.run(&["train", "softmax", "--steps", "300"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('#runs tbody a')").await?;

    // From the page of the network: a probability, by one click.
    browser.js::<Value>("location.hash = '#/network/softmax-1'").await?;
    browser.until("document.querySelectorAll('#output i').length === 10").await?;
    axe::check(browser, "Network").await?;
    browser.click("#output .prediction-bars a.top").await?;
    browser.until(&explained("probabilities[7]")).await?;
    axe::check(browser, "Explain a probability").await?;
    // Down: a logit, a sum of products, with a picture of them on the digit.
    browser.js::<Value>("[...document.querySelectorAll('.terms a')].find((link) => link.textContent.endsWith('[7]')).click()").await?;
    browser.until("document.querySelector('.term-picture')").await?;
    let (sum, value) = sum_and_value(browser).await?;
    ensure!((sum - value).abs() <= 1e-3 * value.abs(), "the terms sum up to {sum}, not {value}");
    axe::check(browser, "Explain a logit").await?;
    pictures(&test, "explain", Frame::Whole).await?;
    // A cell of the picture leads to a pixel, by the mouse and by keys.
    let logit: String = browser.js("location.hash").await?;
    let [x, y]: [f64; 2] = browser
        .js("(() => { const box = document.querySelector('.term-picture').getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; })()")
        .await?;
    browser.stroke(&[(x, y)]).await?;
    browser.until(&format!("location.hash !== {logit:?} && document.querySelector('#explanation').dataset.of?.includes('[')")).await?;
    // Up again by the trail.
    let trail: usize = browser.js("document.querySelectorAll('.crumbs a').length").await?;
    ensure!(trail >= 4, "{trail} links lead up");
    browser.click(".crumbs a:last-of-type").await?;
    browser.until("document.querySelector('.term-picture')").await?;
    // Backward.
    browser.click(".views a:nth-child(2)").await?;
    browser
        .until("document.querySelector('#explanation').dataset.of.startsWith('gradient:')")
        .await?;
    axe::check(browser, "Explain a gradient").await?;

    // A weight, from the picture of the learned ones; what a step did to it.
    browser.js::<Value>("location.hash = '#/network/softmax-1'").await?;
    browser.until("document.querySelector('#learned canvas')?.width > 10").await?;
    browser.js::<Value>("document.querySelector('#learned canvas').scrollIntoView()").await?;
    // A pixel within the frame of the first of the ten pictures.
    let [x, y]: [f64; 2] = browser
        .js("(() => { const box = document.querySelector('#learned canvas').getBoundingClientRect(); return [box.left + 12, box.top + 12]; })()")
        .await?;
    browser.stroke(&[(x, y)]).await?;
    browser
        .until("/weight\\[\\d+, \\d+\\]/.test(document.querySelector('#explanation')?.dataset.of)")
        .await?;
    browser.click(".views a:nth-child(3)").await?;
    browser.until("document.querySelectorAll('.update-row dd').length === 4").await?;
    axe::check(browser, "Explain an update").await?;
    pictures(&test, "explain-update", Frame::Whole).await?;
    // The share of its first sample.
    browser.click(".terms td a").await?;
    browser.until("document.querySelector('#explanation .sum b.backward')").await?;
    ensure!(browser.js::<bool>("location.hash.includes('view=share')").await?);
    let (sum, value) = sum_and_value(browser).await?;
    ensure!((sum - value).abs() <= 1e-3 * value.abs(), "the terms sum up to {sum}, not {value}");
    axe::check(browser, "Explain a share").await?;

    // From the dialog of a digit, from a curve, and from a drawing.
    browser.js::<Value>("location.hash = '#/train/softmax-1'").await?;
    browser.until("document.querySelector('#loss .tools a')").await?;
    let curve: String = browser.js(&format!("({HREF})('#loss .tools a')")).await?;
    ensure!(curve.contains("of=loss"), "{curve}");
    browser.js::<Value>(&format!("location.hash = {curve:?}")).await?;
    browser.until(&explained("loss")).await?;
    browser.js::<Value>("location.hash = '#/draw/softmax-1'").await?;
    browser.until("document.querySelector('#pad')").await?;
    let stroke: Stroke = vec![(0.5, 0.1), (0.5, 0.9)];
    draw(browser, &[stroke]).await?;
    browser.click("#prediction a.top").await?;
    browser
        .until("document.querySelector('#explanation')?.dataset.of?.startsWith('probabilities')")
        .await?;
    ensure!(browser.js::<bool>("location.hash.includes('pixels=')").await?);

    // What does not exist is said at its place.
    browser.js::<Value>("location.hash = '#/explain/softmax-1?of=2.linear%5B99%5D'").await?;
    browser.until("document.querySelector('.mistake').textContent.includes('99')").await?;
    browser.js::<Value>("location.hash = '#/explain/softmax-1?of=loss'").await?;
    browser.until(&explained("loss")).await?;
    browser.click(".languages [lang=zh]").await?;
    browser.until(&explained("loss")).await?;
    axe::check(browser, "Explain in Chinese").await?;
    browser.click(".languages [lang=en]").await?;
    browser.until(&explained("loss")).await?;
    axe::check_on_phone(browser, "Explain").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// Prints how long a click takes until its explanation is shown, for the largest of the book's networks.
pub(super) async fn measured(test: TestCase) -> anyhow::Result<()> {
    /// Clicks.
    const N: usize = 100;
    let TestCase { browser, .. } = &test;
    test.run(&["train", "deep-convnet", "--steps", "2"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('#runs tbody a')").await?;
    browser.js::<Value>("location.hash = '#/explain/deep-convnet-1'").await?;
    browser.until(&explained("loss")).await?;
    let mut times: Vec<f64> = Vec::new();
    for i in 0..N {
        let of = format!("1.conv2d[{}, {}, {}]", i % 28, (i * 3) % 28, i % 16);
        browser
            .js::<Value>(&format!(
                "location.hash = '#/explain/deep-convnet-1?of=' + encodeURIComponent({of:?})"
            ))
            .await?;
        browser.until(&explained(&of)).await.with_context(|| of.clone())?;
        times.push(
            browser
                .js("Number(document.querySelector('#explanation').dataset.milliseconds)")
                .await?,
        );
    }
    times.sort_by(f64::total_cmp);
    let (median, most) = (times[N / 2], times[N - 1]);
    println!("    a click takes {median:.0} ms (median of {N}), at most {most:.0} ms");
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
