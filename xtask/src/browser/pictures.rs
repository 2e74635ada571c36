//! Screenshots of the pages, for `docs/screenshots`.

use std::time::Duration;

use super::{Browser, TestCase};
use crate::browser::driver::{PHONE, WINDOW};

/// The page redraws within this time.
const BEAT: Duration = Duration::from_millis(900);

/// The part of a page in a screenshot.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Frame {
    /// The visible part of a window.
    Window,
    /// The whole page, in a window of its height.
    Whole,
    /// The whole page, on a phone.
    Phone,
}

/// Screenshots of a page in both colour schemes and languages, if requested.
pub(super) async fn pictures(test: &TestCase, page: &str, frame: Frame) -> anyhow::Result<()> {
    if test.pictures.is_none() {
        return Ok(());
    }
    for language in ["zh", "en"] {
        test.browser.click(&format!(".languages [lang={language}]")).await?;
        tokio::time::sleep(BEAT).await;
        in_both_lights(test, &format!("{page}-{language}"), frame).await?;
    }
    Ok(())
}

/// Screenshots of the current page, light and dark, if requested.
pub(super) async fn in_both_lights(
    test: &TestCase,
    name: &str,
    frame: Frame,
) -> anyhow::Result<()> {
    let Some(folder) = &test.pictures else { return Ok(()) };
    let browser = &test.browser;
    enlarge(browser, frame).await?;
    for scheme in ["dark", "light"] {
        browser.light(scheme).await?;
        tokio::time::sleep(BEAT).await;
        browser.picture(&folder.join(format!("{name}-{scheme}.png"))).await?;
    }
    browser.screen(WINDOW).await
}

async fn enlarge(browser: &Browser, frame: Frame) -> anyhow::Result<()> {
    let (width, height) = if frame == Frame::Phone { PHONE } else { WINDOW };
    browser.screen((width, height)).await?;
    if frame != Frame::Window {
        tokio::time::sleep(BEAT).await;
        let all: u32 = browser.js("document.documentElement.scrollHeight").await?;
        browser.screen((width, all.max(height))).await?;
    }
    Ok(())
}
