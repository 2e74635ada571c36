//! The pages of formulas and of descent.

use anyhow::ensure;
use serde_json::Value;

use super::axe;
use super::pictures::{Frame, pictures};
use super::{Browser, TestCase};

/// Keys of WebDriver.
const RIGHT: char = '\u{e014}';
const HOME: char = '\u{e011}';
const ENTER: char = '\u{e007}';

/// The numbers that are shown in a drawing.
const SHOWN: &str = "[...document.querySelectorAll('.graph-view svg text:is(.forward, .backward):not(.hidden)')].map((text) => text.textContent).join(' ')";

async fn go(browser: &Browser, address: &str) -> anyhow::Result<()> {
    browser.js::<Value>(&format!("location.hash = {address:?}")).await?;
    Ok(())
}

/// A formula is typed, changed by a slider, and followed edge by edge, by mouse and by keys.
pub(super) async fn graphed(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('.bar nav')").await?;
    go(browser, "#/graph").await?;
    let result = "document.querySelector('#result').textContent";
    browser.until(&format!("{result}.endsWith('= 22')")).await?;
    let shown: String = browser.js(SHOWN).await?;
    for number in ["10", "2", "1.1", "20", "22", "2.2", "11"] {
        ensure!(shown.split(' ').any(|text| text == number), "{number} is not in {shown}");
    }
    axe::check(browser, "Graph").await?;
    // Another price, by the field beside the slider.
    browser.type_into(".control.number input[type=text]", "100\u{e007}").await?;
    browser.until(&format!("{result}.endsWith('= 220')")).await?;
    browser.until("location.hash.includes('apple=100')").await?;

    // Edge by edge: by the buttons, then by keys.
    browser.click(".stepper button:first-of-type").await?;
    browser.until(&format!("{SHOWN} === ''")).await?;
    browser.click(".stepper button:nth-of-type(3)").await?;
    browser.until("/^Forward: /.test(document.querySelector('#move').textContent)").await?;
    ensure!(browser.js::<String>(SHOWN).await?.split(' ').count() == 1);
    browser.js::<Value>("document.querySelector('.graph-view').focus()").await?;
    for _ in 0..5 {
        browser.press(RIGHT).await?;
    }
    browser.until("/^Backward: /.test(document.querySelector('#move').textContent)").await?;
    browser.press(HOME).await?;
    browser.until(&format!("{SHOWN} === ''")).await?;
    browser.click(".stepper button:last-of-type").await?;
    browser.until(&format!("{SHOWN}.split(' ').includes('110')")).await?;

    // A node, by a click and by a key.
    browser.click(".node.operation").await?;
    browser.until("document.querySelectorAll('#node tbody tr').length === 2").await?;
    browser.js::<Value>("document.querySelector('.node.name').focus()").await?;
    browser.press(ENTER).await?;
    browser.until("document.querySelector('#node h2').textContent.startsWith('apple')").await?;

    // A mistake is shown at its place, and what was drawn stays.
    browser.type_into("#formula", "apple * )").await?;
    browser.until("!document.querySelector('pre.mistake').hidden").await?;
    browser
        .until("document.querySelector('#formula').getAttribute('aria-invalid') === 'true'")
        .await?;
    axe::check(browser, "Graph with a mistake").await?;
    browser.type_into("#formula", "价格 * 数量").await?;
    browser.until("document.querySelector('pre.mistake').hidden").await?;
    browser.until("document.querySelector('#gradients').textContent.includes('价格')").await?;
    // What is infinite is said.
    browser.type_into("#formula", "1 / x").await?;
    browser.until(&format!("{result}.endsWith('= 1')")).await?;
    browser.type_into(".control.number input[type=text]", "0\u{e007}").await?;
    browser.until(&format!("{result}.includes('division by 0')")).await?;

    go(browser, "#/graph?formula=1%20%2F%20(1%20%2B%20exp(-(w0*x0%20%2B%20w1*x1%20%2B%20w2)))&w0=2&x0=-1&w1=-3&x1=-2&w2=-3").await?;
    browser.until(&format!("{result}.includes('0.731059')")).await?;
    browser.click(".languages [lang=zh]").await?;
    browser.until("document.querySelector('h1').textContent === '计算图'").await?;
    browser.until(&format!("{result}.includes('0.731059')")).await?;
    axe::check(browser, "Graph in Chinese").await?;
    browser.click(".languages [lang=en]").await?;
    browser.until(&format!("{result}.includes('0.731059')")).await?;
    pictures(&test, "graph", Frame::Whole).await?;
    axe::check_on_phone(browser, "Graph").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}

/// The start is dragged and moved by keys, optimizers and rates are chosen, and the paths are listed.
pub(super) async fn descended(test: TestCase) -> anyhow::Result<()> {
    let TestCase { browser, .. } = &test;
    let program = test.serve(&["studio"])?;
    browser.open(&program.link).await?;
    browser.until("document.querySelector('.bar nav')").await?;
    go(browser, "#/descent").await?;
    let rows = "document.querySelectorAll('#paths tbody tr').length";
    browser
        .until(&format!("{rows} === 4 && document.querySelectorAll('.plane .contour').length > 3"))
        .await?;
    axe::check(browser, "Descent").await?;
    let table: String = browser.js("document.querySelector('#paths').innerText").await?;
    for said in ["sgd 0.95", "momentum 0.1", "adagrad 1.5", "adam 0.3"] {
        ensure!(table.contains(said), "{said:?} is not in {table}");
    }

    // The start is dragged.
    let [x, y]: [f64; 2] = browser
        .js("(() => { const box = document.querySelector('.start').getBoundingClientRect(); return [box.left + box.width / 2, box.top + box.height / 2]; })()")
        .await?;
    browser.stroke(&[(x, y), (x + 20.0, y + 10.0), (x + 60.0, y + 30.0)]).await?;
    browser
        .until("location.hash.includes('from=x') && !location.hash.includes('x%3A-7%2C')")
        .await?;
    let dragged: String = browser.js("location.hash").await?;
    browser.js::<Value>("document.querySelector('.start').focus()").await?;
    browser.press(RIGHT).await?;
    browser.until(&format!("location.hash !== {dragged:?}")).await?;

    // One optimizer fewer, another rate.
    browser.click("#on-adagrad").await?;
    browser.until(&format!("{rows} === 3")).await?;
    browser.type_into(".optimizer:first-of-type input[type=text]", "3\u{e007}").await?;
    browser.until("document.querySelector('#paths').innerText.includes('sgd 3')").await?;
    // The race ends where it ended.
    let path = "document.querySelector('.plane path.line.series-1').getAttribute('d').length";
    let length: u64 = browser.js(path).await?;
    browser.fill("#race-time", "'1'").await?;
    browser.until(&format!("{path} < {length}")).await?;
    browser.click("#race").await?;
    browser.until(&format!("{path} === {length}")).await?;

    // One variable: a curve. Ascent. A line fitted to points.
    go(browser, "#/descent?formula=x%5E2&from=x%3A-3&optimizers=sgd%3A0.1&steps=20").await?;
    browser
        .until(&format!(
            "{rows} === 1 && document.querySelectorAll('.plane .contour').length === 1"
        ))
        .await?;
    go(browser, "#/descent?formula=-x%5E2&from=x%3A-3&optimizers=sgd%3A0.1&steps=50&ascend=1")
        .await?;
    browser
        .until("/x = -?\\d[\\d.]*e?-?\\d*/.test(document.querySelector('#paths').innerText)")
        .await?;
    go(browser, "#/descent?data=line&from=&optimizers=sgd%3A0.1&steps=60").await?;
    browser.until(&format!("{rows} === 3")).await?;
    axe::check(browser, "Descent of a line").await?;
    go(browser, "#/descent").await?;
    browser.until(&format!("{rows} === 4")).await?;
    browser.click(".languages [lang=zh]").await?;
    browser.until("document.querySelector('h1').textContent === '梯度下降'").await?;
    browser.until(&format!("{rows} === 4")).await?;
    axe::check(browser, "Descent in Chinese").await?;
    browser.click(".languages [lang=en]").await?;
    browser.until(&format!("{rows} === 4")).await?;
    pictures(&test, "descent", Frame::Whole).await?;
    axe::check_on_phone(browser, "Descent").await?;
    browser.open("about:blank").await?;
    drop(program);
    Ok(())
}
