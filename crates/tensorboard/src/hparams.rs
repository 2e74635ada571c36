//! The settings of an experiment, and how a run ended, for the plugin for hyperparameters.
//!
//! Which settings and metrics there are is not written: readers find it in all runs that they show, and so compare runs with
//! different settings.

use events::{Reason, RunFinished};
use prost::Message as _;
use runs::Experiment;

use crate::proto::{
    HParamsPluginData, PluginData, SessionEndInfo, SessionStartInfo, SettingProto,
    SummaryDimension, SummaryMetadata, SummaryShape, SummaryTensor, ValueProto, session_status,
};

/// The name of the plugin, and what its tags begin with.
const PLUGIN: &str = "hparams";
const TAGS: &str = "_hparams_";
/// The type of the elements that its tensors lack: `DT_FLOAT`.
const FLOAT: i32 = 1;

/// The settings of an experiment.
pub(crate) fn start(experiment: &Experiment, wall_time: f64) -> ValueProto {
    let settings = experiment.settings().into_iter();
    let session_start_info = Some(SessionStartInfo {
        hparams: settings.map(|(path, value)| (path, setting(&value))).collect(),
        start_time_secs: wall_time,
    });
    let data = HParamsPluginData { session_start_info, session_end_info: None };
    value("session_start_info", &data)
}

/// How a run ended.
pub(crate) fn end(finished: &RunFinished, wall_time: f64) -> ValueProto {
    let status = match finished.reason {
        Reason::NotFinite(_) => session_status::FAILURE,
        _ => session_status::SUCCESS,
    };
    let session_end_info = Some(SessionEndInfo { status, end_time_secs: wall_time });
    let data = HParamsPluginData { session_start_info: None, session_end_info };
    value("session_end_info", &data)
}

/// A setting that is written as in TOML.
fn setting(text: &str) -> SettingProto {
    let mut setting = SettingProto::default();
    if let Ok(value) = text.parse() {
        setting.bool_value = Some(value);
    } else if let Ok(value) = text.parse() {
        setting.number_value = Some(value);
    } else {
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        setting.string_value = Some(quoted.unwrap_or(text).to_owned());
    }
    setting
}

fn value(tag: &str, data: &HParamsPluginData) -> ValueProto {
    let plugin_data =
        Some(PluginData { plugin_name: PLUGIN.to_owned(), content: data.encode_to_vec() });
    let nothing = SummaryShape { dim: vec![SummaryDimension { size: 0 }] };
    ValueProto {
        tag: format!("{TAGS}/{tag}"),
        tensor: Some(SummaryTensor { dtype: FLOAT, tensor_shape: Some(nothing) }),
        metadata: Some(SummaryMetadata { plugin_data }),
        ..ValueProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_numbers_booleans_and_texts() {
        let number = |value| SettingProto { number_value: Some(value), ..Default::default() };
        let text =
            |value: &str| SettingProto { string_value: Some(value.into()), ..Default::default() };
        let boolean = SettingProto { bool_value: Some(false), ..Default::default() };
        for (written, expected) in [
            ("100", number(100.0)),
            ("1e-3", number(1e-3)),
            ("false", boolean),
            ("\"sgd\"", text("sgd")),
            ("\"5\"", text("5")),
            ("\"", text("\"")),
            ("[28, 28, 1]", text("[28, 28, 1]")),
        ] {
            assert_eq!(setting(written), expected, "{written}");
        }
    }
}
