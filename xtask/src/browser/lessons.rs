//! The page of lessons: three of them, answered by mouse and by keys, in both languages.

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::axe;
use super::pictures::{Frame, in_both_lights, pictures};
use super::{Browser, TestCase};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// How a reader answers.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hand {
    Mouse,
    Keys,
}

/// The first question that can be answered and is not: its name, the kind of its fields and their number.
const OPEN: &str = "(() => { const form = [...document.querySelectorAll('form.question')].find((form) => form.getClientRects().length && !form.dataset.tested); if (!form) return null; const radios = form.querySelectorAll('input[type=radio]').length; return [form.dataset.name, radios ? 'choice' : 'text', radios || form.querySelectorAll('input').length]; })()";
/// What of the present step can be pressed.
const NEXT: &str = "[...document.querySelectorAll('.step button.next')].findIndex((button) => button.getClientRects().length)";

/// Moves the focus by the tabulator into an element.
async fn tab_to(browser: &Browser, css: &str) -> anyhow::Result<()> {
    /// More than any page has.
    const MOST: usize = 120;
    for _ in 0..MOST {
        if browser.js::<bool>(&format!("Boolean(document.activeElement.closest({css:?}))")).await? {
            return Ok(());
        }
        browser.press(TAB).await?;
    }
    anyhow::bail!("{css}: not reached by the tabulator")
}

/// Answers a question with 1, or with the first choice.
async fn answer(
    browser: &Browser,
    hand: Hand,
    name: &str,
    kind: &str,
    n: usize,
) -> anyhow::Result<()> {
    let form = format!("form.question[data-name=\"{name}\"]");
    match (hand, kind) {
        (Hand::Mouse, "choice") => browser.click(&format!("{form} input[type=radio]")).await?,
        (Hand::Mouse, _) => {
            for i in 0..n {
                browser
                    .js::<Value>(&format!(
                        "document.querySelectorAll({:?})[{i}].setAttribute('data-field', '{i}')",
                        format!("{form} input")
                    ))
                    .await?;
                browser.type_into(&format!("{form} input[data-field=\"{i}\"]"), "1").await?;
            }
        }
        (Hand::Keys, kind) => {
            tab_to(browser, &format!("{form} input")).await?;
            for i in 0..if kind == "choice" { 1 } else { n } {
                browser.press(if kind == "choice" { ' ' } else { '1' }).await?;
                if kind != "choice" && i + 1 < n {
                    browser.press(TAB).await?;
                }
            }
        }
    }
    match hand {
        Hand::Mouse => browser.click(&format!("{form} button")).await?,
        Hand::Keys => browser.press(ENTER).await?,
    }
    browser
        .js::<Value>(&format!("document.querySelector({form:?}).dataset.tested = 'true'"))
        .await?;
    Ok(())
}

/// Takes a lesson from its first step to its last; returns how many questions it asked.
async fn take(browser: &Browser, name: &str, hand: Hand) -> anyhow::Result<usize> {
    browser.js::<Value>("location.hash = '#/lessons'").await?;
    browser.until("document.querySelector('.lesson-list')").await?;
    browser.js::<Value>(&format!("location.hash = '#lesson={name}'")).await?;
    browser.until("document.querySelector('.lesson .step:not([hidden])')").await?;
    let mut asked = 0;
    loop {
        // Every instrument that can be seen shows something, by itself or when it is asked to.
        let waiting = "document.querySelectorAll('.instrument button.run:not([hidden])')";
        let n: usize = browser.js(&format!("{waiting}.length")).await?;
        for i in 0..n {
            let is_new = format!(
                "{waiting}[{i}].getClientRects().length && !{waiting}[{i}].closest('.instrument').querySelector('.figure')"
            );
            if browser.js::<Value>(&is_new).await? == Value::Bool(true) {
                browser.js::<Value>(&format!("{waiting}[{i}].click()")).await?;
            }
        }
        browser
            .until("[...document.querySelectorAll('.instrument')].every((card) => !card.getClientRects().length || card.querySelector('.figure'))")
            .await?;
        if let Some((question, kind, n)) =
            browser.js::<Option<(String, String, usize)>>(OPEN).await?
        {
            answer(browser, hand, &question, &kind, n).await.with_context(|| question.clone())?;
            asked += 1;
            let form = format!("form.question[data-name=\"{question}\"]");
            // The verdict of a prediction stands below its instrument, if the lesson compares them there.
            let gap = format!(".gap[data-question=\"{question}\"]");
            let judged = format!(
                "document.querySelector('{form} .verdict, {gap} .verdict')?.textContent || document.querySelector('{form} .buttons .note').textContent"
            );
            browser.until(&judged).await.with_context(|| question.clone())?;
            continue;
        }
        let next: i64 = browser.js(NEXT).await?;
        if next < 0 {
            break;
        }
        match hand {
            Hand::Mouse => browser.js::<Value>("[...document.querySelectorAll('.step button.next')].find((button) => button.getClientRects().length).click()").await.map(drop)?,
            Hand::Keys => {
                tab_to(browser, "button.next").await?;
                browser.press(ENTER).await?;
            }
        }
    }
    let hidden: usize = browser.js("document.querySelectorAll('.step[hidden]').length").await?;
    ensure!(hidden == 0, "{name}: {hidden} steps are not reached");
    Ok(asked)
}

/// Three whole lessons, then a state that is handed out, and one that is damaged.
pub(super) async fn taken(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('.bar nav')").await?;
    browser.js::<Value>("location.hash = '#/lessons'").await?;
    browser.until("document.querySelectorAll('.lesson-list li').length > 3").await?;
    axe::check(browser, "Lessons").await?;
    pictures(&test, "lessons", Frame::Window).await?;
    let names = ["chain-rule", "losses", "softmax"];
    for language in ["en", "zh"] {
        browser.click(&format!(".languages [lang={language}]")).await?;
        browser.until(&format!("document.documentElement.lang === '{language}'")).await?;
        for (i, name) in names.into_iter().enumerate() {
            let hand = if (i == 0) == (language == "en") { Hand::Keys } else { Hand::Mouse };
            let asked = take(browser, name, hand)
                .await
                .with_context(|| format!("{name}, {language}, {hand:?}"))?;
            ensure!(asked >= 2, "{name}: a prediction and a question are asked, found {asked}");
            axe::check(browser, &format!("lesson {name}, {language}")).await?;
            if language == "en" {
                axe::check_on_phone(browser, &format!("lesson {name}")).await?;
            }
            if i == 0 {
                browser.js::<Value>("scrollTo(0, 0)").await?;
                in_both_lights(&test, &format!("lesson-{language}"), Frame::Window).await?;
            }
        }
    }
    browser.click(".languages [lang=en]").await?;

    // What is handed out opens again, on this page and as an address.
    browser.js::<Value>("location.hash = '#lesson=chain-rule&apple=100'").await?;
    browser.until("document.querySelector('#lesson-state')?.value.includes('apple=100')").await?;
    let state: String = browser.js("document.querySelector('#lesson-state').value").await?;
    browser.js::<Value>("location.hash = '#/lessons'").await?;
    browser.until("document.querySelector('#open-state')").await?;
    browser.type_into("#open-state", &format!("{state}\u{e007}")).await?;
    browser.until("document.querySelector('#lesson-state')?.value.includes('apple=100')").await?;
    // One that is damaged computes nothing and says why.
    for damaged in ["#lesson=no-such", "#lesson=chain-rule&apple=x", "#lesson=chain-rule&no_such=1"]
    {
        browser.js::<Value>(&format!("location.hash = {damaged:?}")).await?;
        browser.until("document.querySelector('.warnings li')?.textContent.length > 10").await?;
        ensure!(!browser.js::<bool>("Boolean(document.querySelector('.lesson .figure'))").await?);
    }
    axe::check(browser, "a damaged state").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
