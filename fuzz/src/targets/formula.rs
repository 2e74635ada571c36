//! A formula and what is asked of it, as a page sends it; anything but JSON is the text of a formula.

use gradus::explain::formula::{FormulaRequest, answer};

pub(crate) fn run(bytes: &[u8]) {
    let request = serde_json::from_slice::<FormulaRequest>(bytes).ok().or_else(|| {
        let formula = std::str::from_utf8(bytes).ok()?;
        serde_json::from_value(serde_json::json!({ "formula": formula })).ok()
    });
    if let Some(request) = request {
        let _ = serde_json::to_string(&answer(&request)).expect("plain structs");
    }
}
