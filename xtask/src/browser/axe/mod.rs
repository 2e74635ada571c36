//! axe-core, which finds what keeps readers with a keyboard, a screen reader or weak sight from a page.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::driver::Browser;
use super::driver::WINDOW;
use crate::process;

/// The version and its digest, which `npm ci` checks.
const FILES: [(&str, &str); 2] = [
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
];

/// What a page breaks, each with the elements; colour contrast among them.
const VIOLATIONS: &str = "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(({ id, help, nodes }) => `${id} (${help}): ${nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ''}`).slice(0, 4).join(' | ')}`))";

/// Where it is installed, outside of the repository.
fn script() -> anyhow::Result<PathBuf> {
    Ok(process::cache("axe-core")?.join("node_modules/axe-core/axe.min.js"))
}

/// Whether this version is installed.
pub(super) fn is_installed() -> bool {
    let is_same = |(name, text): &(&str, &str)| {
        let found = process::cache("axe-core").ok();
        found.and_then(|folder| fs::read_to_string(folder.join(name)).ok()).as_deref()
            == Some(*text)
    };
    script().is_ok_and(|script| script.exists()) && FILES.iter().all(is_same)
}

/// Installs it.
pub(super) fn install() -> anyhow::Result<()> {
    let folder = process::cache("axe-core")?;
    fs::create_dir_all(&folder)?;
    for (name, text) in FILES {
        fs::write(folder.join(name), text)?;
    }
    let options = ["ci", "--ignore-scripts", "--no-fund", "--no-audit", "--loglevel=error"];
    process::run(Command::new("npm").args(options).current_dir(folder))
}

/// Checks the page that is open, light and dark, if axe-core is installed.
pub(super) async fn check(browser: &Browser, page: &str) -> anyhow::Result<()> {
    if !is_installed() {
        return Ok(());
    }
    for scheme in ["dark", "light"] {
        browser.light(scheme).await?;
        if !browser.js::<bool>("'axe' in window").await? {
            let file = script()?;
            let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            browser.run_script(&text).await?;
        }
        let found: Vec<String> = browser.js(VIOLATIONS).await?;
        ensure!(found.is_empty(), "{page}, {scheme}: {}", found.join("\n"));
    }
    Ok(())
}

/// Checks that the page that is open is not wider than the screen of a phone, and what is wrong with it there.
pub(super) async fn check_on_phone(browser: &Browser, page: &str) -> anyhow::Result<()> {
    browser.screen(super::driver::PHONE).await?;
    let overflow: f64 = browser.js("document.documentElement.scrollWidth - innerWidth").await?;
    ensure!(overflow <= 0.0, "{page}: {overflow} px beyond the screen of a phone");
    check(browser, page).await?;
    browser.screen(WINDOW).await
}
