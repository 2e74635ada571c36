//! Chromium, driven by WebDriver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use fantoccini::actions::{InputSource, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long something may take to appear.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The polling period.
const PERIOD: Duration = Duration::from_millis(40);
/// Width and height of a desktop window, and of a phone.
pub(crate) const WINDOW: (u32, u32) = (1344, 800);
pub(crate) const PHONE: (u32, u32) = (390, 844);

/// What the tests need and this machine lacks, if anything.
pub(crate) fn missing() -> Option<String> {
    let needed = ["chromium", "chromedriver"];
    let missing = needed.into_iter().find(|program| !crate::process::is_installed(program))?;
    Some(format!(
        "{missing} is not installed (Debian packages chromium, chromium-driver, fonts-noto-cjk)"
    ))
}

/// A running chromedriver.
pub(crate) struct Driver {
    child: Child,
    address: String,
}

impl Driver {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let mut child =
            Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn()?;
        let out = BufReader::new(
            child.stdout.take().context("chromedriver: expected a standard output")?,
        );
        for line in out.lines() {
            let line = line?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                let address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(Self { child, address });
            }
        }
        bail!("chromedriver did not start")
    }

    /// A new window with an empty profile.
    pub(crate) async fn browser(&self) -> anyhow::Result<Browser> {
        let options = json!({ "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--lang=en-GB"] });
        let capabilities =
            json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let Value::Object(capabilities) = capabilities else { unreachable!("an object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.address)
            .await?;
        let browser = Browser { client };
        browser.screen(WINDOW).await?;
        Ok(browser)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that only Chromium has.
#[derive(Debug)]
struct ChromiumCommand {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for ChromiumCommand {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}

/// A window.
#[derive(Clone)]
pub(crate) struct Browser {
    client: Client,
}

impl Browser {
    pub(crate) async fn open(&self, link: &str) -> anyhow::Result<()> {
        Ok(self.client.goto(link).await?)
    }

    /// The value of an expression on the page.
    pub(crate) async fn js<T: DeserializeOwned>(&self, expression: &str) -> anyhow::Result<T> {
        let script = format!("return ({expression});");
        let value = self
            .client
            .execute(&script, Vec::new())
            .await
            .with_context(|| expression.to_owned())?;
        serde_json::from_value(value.clone()).with_context(|| format!("{expression} is {value}"))
    }

    /// Runs a script on the page.
    pub(crate) async fn run_script(&self, script: &str) -> anyhow::Result<()> {
        self.client.execute(script, Vec::new()).await?;
        Ok(())
    }

    /// Waits until an expression on the page is true.
    pub(crate) async fn until(&self, expression: &str) -> anyhow::Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < TIMEOUT {
            if self.js::<Value>(&format!("Boolean({expression})")).await? == Value::Bool(true) {
                return Ok(());
            }
            tokio::time::sleep(PERIOD).await;
        }
        let text: String = self.js("document.body.innerText").await?;
        bail!("not true within {TIMEOUT:?}: {expression}; the page reads:\n{text}")
    }

    /// Opens another window beside this one.
    pub(crate) async fn open_window(&self) -> anyhow::Result<()> {
        let opened = self.client.new_window(false).await?;
        self.client.switch_to_window(opened.handle).await?;
        self.screen(WINDOW).await
    }

    /// Goes to the window that was opened after so many others.
    pub(crate) async fn to_window(&self, number: usize) -> anyhow::Result<()> {
        let mut windows = self.client.windows().await?.into_iter();
        let window = windows.nth(number).context("expected a window")?;
        Ok(self.client.switch_to_window(window).await?)
    }

    pub(crate) async fn click(&self, css: &str) -> anyhow::Result<()> {
        loop {
            let found = self.client.find(Locator::Css(css)).await;
            match found.with_context(|| css.to_owned())?.click().await {
                // A page that redraws may replace an element between the two.
                Err(error) if error.is_stale_element_reference() => {}
                clicked => return clicked.with_context(|| css.to_owned()),
            }
        }
    }

    /// Changes the value of a field: an expression, in which `it` is the field.
    pub(crate) async fn fill(&self, css: &str, value: &str) -> anyhow::Result<()> {
        let script = format!(
            "(() => {{ const it = document.querySelector('{css}'); it.value = {value}; for (const kind of ['input', 'change']) it.dispatchEvent(new Event(kind)); }})()"
        );
        self.js::<Value>(&script).await?;
        Ok(())
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn type_into(&self, css: &str, text: &str) -> anyhow::Result<()> {
        let field = self.client.find(Locator::Css(css)).await.with_context(|| css.to_owned())?;
        field.clear().await.with_context(|| css.to_owned())?;
        field.send_keys(text).await.with_context(|| css.to_owned())
    }

    /// Chooses a file in a field for files.
    pub(crate) async fn choose_file(&self, css: &str, file: &Path) -> anyhow::Result<()> {
        let field = self.client.find(Locator::Css(css)).await.with_context(|| css.to_owned())?;
        let path = file.to_str().context("a path of Unicode")?;
        field.send_keys(path).await.with_context(|| css.to_owned())
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&self, key: char) -> anyhow::Result<()> {
        let keys = KeyActions::new("keyboard".into())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        Ok(self.client.perform_actions(keys).await?)
    }

    /// Moves the mouse to a place within the window.
    pub(crate) async fn hover(&self, x: f64, y: f64) -> anyhow::Result<()> {
        let moved = PointerAction::MoveTo { duration: None, x, y };
        Ok(self.client.perform_actions(MouseActions::new("mouse".into()).then(moved)).await?)
    }

    /// Draws with the mouse from point to point; with a single one, clicks there.
    pub(crate) async fn stroke(&self, points: &[(f64, f64)]) -> anyhow::Result<()> {
        let moved = |&(x, y): &(f64, f64)| PointerAction::MoveTo {
            duration: Some(Duration::from_millis(4)),
            x,
            y,
        };
        let Some((first, rest)) = points.split_first() else { return Ok(()) };
        let start = MouseActions::new("mouse".into())
            .then(moved(first))
            .then(PointerAction::Down { button: 0 });
        let drawn = rest.iter().fold(start, |mouse, point| mouse.then(moved(point)));
        Ok(self.client.perform_actions(drawn.then(PointerAction::Up { button: 0 })).await?)
    }

    pub(crate) async fn reload(&self) -> anyhow::Result<()> {
        Ok(self.client.refresh().await?)
    }

    /// Sets the size of the screen.
    pub(crate) async fn screen(&self, (width, height): (u32, u32)) -> anyhow::Result<()> {
        let is_phone = width <= PHONE.0;
        let screen =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone });
        self.chromium("Emulation.setDeviceMetricsOverride", &screen).await
    }

    /// Sends a command that only Chromium has.
    async fn chromium(&self, command: &str, settings: &Value) -> anyhow::Result<()> {
        let body = json!({ "cmd": command, "params": settings });
        self.client.issue_cmd(ChromiumCommand { path: "goog/cdp/execute", body }).await?;
        Ok(())
    }

    /// Sets the system's colour scheme, `light` or `dark`.
    pub(crate) async fn light(&self, scheme: &str) -> anyhow::Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.chromium("Emulation.setEmulatedMedia", &json!({ "features": features })).await
    }

    /// The errors that the console has shown.
    pub(crate) async fn errors(&self) -> anyhow::Result<Vec<String>> {
        let entries = self
            .client
            .issue_cmd(ChromiumCommand { path: "se/log", body: json!({ "type": "browser" }) })
            .await?;
        let entries = entries.as_array().context("expected a list of messages")?;
        let bad = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        Ok(bad.map(|entry| entry["message"].to_string()).collect())
    }

    pub(crate) async fn picture(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let png = self.client.screenshot().await?;
        ensure!(png.starts_with(b"\x89PNG"), "expected a PNG image");
        Ok(std::fs::write(file, png)?)
    }

    pub(crate) async fn close(self) {
        // A failure to close is not a failure of the page.
        let _ = self.client.close().await;
    }
}
