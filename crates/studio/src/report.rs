//! A run as a single HTML file: the page with all answers that it would request from the server.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data::Dataset;
use events::{Event, Part, Snapshot};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::{Value, json};

use crate::OpenData;
use crate::about::about;
use crate::assets;
use crate::data_cache::DataCache;
use crate::error::RunError;
use crate::images::{self, Images};
use crate::library::OpenRun;
use crate::modules;

/// Snapshots whose batch is included: images are most of the file.
const BATCHES: usize = 20;

/// The page of the run in `folder` as a single file: its panels with a time slider, and its results.
///
/// # Errors
///
/// If the run cannot be read.
pub fn html(folder: &Path, open_data: OpenData) -> Result<String, RunError> {
    report(folder, open_data).map_err(|error| error.of(folder))
}

fn report(folder: &Path, open_data: OpenData) -> Result<String, RunError> {
    let run = OpenRun::at(folder, Arc::new(DataCache::new(open_data)));
    let lines = run.history()?;
    let events = lines.events();
    let mut about = about(&run, false)?;
    // They are asked for, and nothing answers a report.
    about["has_rows"] = json!(false);
    // A continued run has several starts and ends, of which the last counts.
    for event in &events {
        match event {
            Event::RunStarted(started) => {
                about["metrics"] = json!(started.metrics);
                about["selection"] = json!(started.selection);
            }
            Event::RunFinished(finished) => about["result"] = json!(finished.summary),
            _ => {}
        }
    }
    let images = run.data().ok().map(|parts| {
        let (batches, test) = (batches(&events), test_samples(&events, parts.test.len()));
        let train = batches.iter().flat_map(|snapshot| snapshot.batch.iter().copied()).collect();
        let mut images =
            json!({ "train": packed(&parts.train, train), "test": packed(&parts.test, test) });
        if let Some(experiment) = run.experiment().ok().filter(|of| !of.data.augment.is_empty()) {
            let augmented = batches.into_iter().filter_map(|Snapshot { step, batch, .. }| {
                let images = images::of_batch(&experiment, &parts.train, batch, *step)?;
                Some((step.to_string(), json_of(batch, images)))
            });
            images["batches"] = augmented.collect::<serde_json::Map<_, _>>().into();
        }
        images
    });
    let report = json!({
        "about": about,
        "lines": format!("{}\n{}", lines.left_out, lines.text.trim_end()),
        "images": images.unwrap_or_else(|| json!({})),
    });
    Ok(page(&run.id, &report.to_string()))
}

/// The snapshots whose batches are included.
fn batches(events: &[Event]) -> Vec<&Snapshot> {
    let snapshots = events.iter().filter_map(|event| match event {
        Event::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    });
    let snapshots: Vec<_> = snapshots.collect();
    let stride = snapshots.len().div_ceil(BATCHES).max(1);
    snapshots.into_iter().rev().step_by(stride).collect()
}

/// The samples of the test panel at every evaluation.
fn test_samples(events: &[Event], n_test: usize) -> BTreeSet<u32> {
    // After the misclassified ones the others follow in order.
    let mut test: BTreeSet<u32> = (0..events::MOST_MISCLASSIFIED.min(n_test) as u32).collect();
    for event in events {
        if let Event::EvaluationFinished(evaluation) = event
            && evaluation.part == Part::Test
        {
            test.extend(evaluation.misclassified.iter().map(|(sample, _)| sample));
        }
    }
    test
}

/// Labels and pixels of some samples.
fn packed(set: &Dataset, wanted: BTreeSet<u32>) -> Option<Value> {
    let exists = |&sample: &u32| (sample as usize) < set.len();
    // Of large pictures the first ones: a page of gigabytes opens nowhere.
    let most = images::MAX_PIXELS / set.sample_len().max(1);
    let samples: Vec<u32> = wanted.into_iter().filter(exists).take(most).collect();
    Some(json_of(&samples, images::some(set, &samples)?))
}

/// Samples with their labels and pixels, which stand one after the other, deflated, as Base64.
fn json_of(samples: &[u32], Images { labels, pixels }: Images) -> Value {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&pixels).expect("memory takes all");
    let bytes = packer.finish().expect("memory takes all");
    json!({ "samples": samples, "labels": labels, "pixels": STANDARD.encode(bytes) })
}

/// The page with the modules that it needs.
fn page(title: &str, report: &str) -> String {
    // A report has no server.
    let modules = modules::reachable("report/main.js", &[("server.js", "report/server.js")]);
    let urls = modules.iter().map(|(name, text)| {
        let url = format!("data:{};base64,{}", assets::kind(name), STANDARD.encode(text));
        (format!("gradus/{name}"), url)
    });
    let imports = json!({ "imports": urls.collect::<BTreeMap<_, _>>() });
    let style = assets::text("style.css");
    // Texts of a log could end the script, or begin a comment in it. In JSON this letter occurs in strings only.
    let report = report.replace('<', "\\u003c");
    let title: String = title.chars().filter(|c| !"<>&".contains(*c)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · gradus</title>\n\
         <style>\n{style}</style>\n\
         <script type=\"importmap\">{imports}</script>\n\
         <script type=\"application/json\" id=\"report\">{report}</script>\n\
         <script type=\"module\">import \"gradus/report/main.js\";</script>\n\
         </head>\n<body>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_run_can_end_the_script_that_holds_it() {
        let text = "</script><!--<script>alert(1)</script>";
        let page = page("</title><script>", &json!({ "x": text }).to_string());
        assert_eq!((page.matches("</script>").count(), page.matches("<!--").count()), (3, 0));
        let (_, rest) = page.split_once("id=\"report\">").unwrap();
        let (report, _) = rest.split_once("</script>").unwrap();
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        assert_eq!(report["x"], text);
        assert!(page.contains("<title>/titlescript · gradus</title>"));
    }
}
