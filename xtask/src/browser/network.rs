//! The page of a network with branches.

use std::fs;

use anyhow::ensure;

use super::TestCase;
use super::axe;
use super::driver::PHONE;
use super::pictures::{Frame, pictures};

/// A residual network, with a frozen layer and one that learns slowly.
const RESIDUAL: &str = r#"
data.source = "mnist"
train = { steps = 60, batch = 32 }
model.input = [28, 28, 1]
model.layers = [
    { kind = "conv2d", filters = 8, kernel = 3, padding = "same", freeze = true },
    "relu",
    { kind = "max_pool2d", size = 2, name = "stem" },
    { kind = "conv2d", filters = 8, kernel = 3, padding = "same" },
    "relu",
    { kind = "conv2d", filters = 8, kernel = 3, padding = "same" },
    { kind = "add", from = "stem" },
    { kind = "relu", name = "first" },
    { kind = "conv2d", filters = 8, kernel = 3, padding = "same" },
    "relu",
    { kind = "conv2d", filters = 8, kernel = 3, padding = "same" },
    { kind = "add", from = "first" },
    "relu",
    { kind = "max_pool2d", size = 2 },
    "flatten",
    { kind = "linear", units = 10, learning_rate_factor = 0.1 },
]
"#;

/// The number of boxes that overlap with another one.
const OVERLAPPING: &str = "(() => { const boxes = [...document.querySelectorAll('.plan .box')].map((box) => box.getBoundingClientRect()); return boxes.filter((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)).length; })()";

/// Boxes, edges and activations, on a screen and on a phone.
pub(super) async fn drawn(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, folder, .. } = &test;
    fs::write(folder.path().join("residual.toml"), RESIDUAL)?;
    test.run(&["train", "residual.toml"])?;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('.bar nav')").await?;
    browser.click(".bar nav a:nth-child(2)").await?;
    browser.until("document.querySelectorAll('.plan.placed .edge').length === 18").await?;
    browser.until("document.querySelectorAll('#output i').length === 10").await?;
    browser
        .until("[...document.querySelectorAll('.plan button canvas')].every((canvas) => canvas.width > 10) && document.querySelector('.plan .input').width > 10")
        .await?;
    ensure!(browser.js::<u32>("document.querySelectorAll('.plan .box').length").await? == 17);
    ensure!(browser.js::<u32>(OVERLAPPING).await? == 0, "boxes overlap");
    let texts: String = browser.js("document.querySelector('.plan').innerText").await?;
    for said in
        ["80 parameters · frozen", "3,930 parameters · rate × 0.1", "stem", "[N, 14, 14, 8]"]
    {
        ensure!(texts.contains(said), "{said:?} is not in {texts}");
    }
    // Another sample; its activations, enlarged.
    browser.fill("#sample", "'3'").await?;
    browser
        .until("document.querySelector('.plan .input').getAttribute('aria-label').includes('0')")
        .await?;
    browser.click(".plan .box:nth-of-type(2) button").await?;
    browser.until("document.querySelector('dialog .maps')?.width > 200").await?;
    axe::check(browser, "enlarged activations").await?;
    browser.click("dialog .main").await?;
    browser.until("!document.querySelector('dialog')").await?;
    axe::check(browser, "Network with branches").await?;
    pictures(&test, "residual", Frame::Whole).await?;

    browser.screen(PHONE).await?;
    browser
        .until("document.querySelector('.plan').getBoundingClientRect().width < 390 && document.querySelectorAll('.plan .edge').length === 18")
        .await?;
    let overflow: f64 = browser.js("document.documentElement.scrollWidth - innerWidth").await?;
    ensure!(overflow <= 0.0, "{overflow} px beyond the screen of a phone");
    ensure!(browser.js::<u32>(OVERLAPPING).await? == 0, "boxes overlap on a phone");
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
