//! Pictures of the pages, for `docs/screenshots`.

use std::time::Duration;

use super::{Browser, Stage};
use crate::browser::driver::{PHONE, WINDOW};

/// Everything is drawn within a beat of the page.
const BEAT: Duration = Duration::from_millis(900);

/// How much of a page is on a picture.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Frame {
    /// What a window shows.
    Window,
    /// All of it, in a window that is high enough.
    Whole,
    /// All of it, on a phone.
    Phone,
}

/// Pictures of a page in both lights and both languages, if they are wanted.
pub(super) async fn pictures(stage: &Stage, page: &str, frame: Frame) -> anyhow::Result<()> {
    if stage.pictures.is_none() {
        return Ok(());
    }
    for language in ["zh", "en"] {
        stage.browser.click(&format!(".languages [lang={language}]")).await?;
        tokio::time::sleep(BEAT).await;
        in_both_lights(stage, &format!("{page}-{language}"), frame).await?;
    }
    Ok(())
}

/// Pictures of a page as it is, light and dark, if they are wanted.
pub(super) async fn in_both_lights(stage: &Stage, name: &str, frame: Frame) -> anyhow::Result<()> {
    let Some(folder) = &stage.pictures else { return Ok(()) };
    let browser = &stage.browser;
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
