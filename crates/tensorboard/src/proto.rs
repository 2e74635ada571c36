//! The messages of an event file, as far as they are needed, with the field numbers of the format.
//!
//! Source: TensorBoard 2.21, the definitions of its Protobuf messages `Event`, `Summary`, `HistogramProto` and
//! `HParamsPluginData`.

use std::collections::BTreeMap;

use prost::Message;

/// What happened at a step; the first one of a file has its version.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct EventProto {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(crate) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    #[prost(string, optional, tag = "3")]
    pub(crate) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(crate) summary: Option<SummaryProto>,
    #[prost(message, optional, tag = "7")]
    pub(crate) session_log: Option<SessionLogProto>,
}

/// Values of a step.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryProto {
    #[prost(message, repeated, tag = "1")]
    pub(crate) value: Vec<ValueProto>,
}

/// A value under its tag: one of its fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueProto {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(crate) simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    pub(crate) image: Option<ImageProto>,
    #[prost(message, optional, tag = "5")]
    pub(crate) histo: Option<HistogramProto>,
    #[prost(message, optional, tag = "8")]
    pub(crate) tensor: Option<SummaryTensor>,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<SummaryMetadata>,
}

/// A picture.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ImageProto {
    #[prost(int32, tag = "1")]
    pub(crate) height: i32,
    #[prost(int32, tag = "2")]
    pub(crate) width: i32,
    /// The number of its channels.
    #[prost(int32, tag = "3")]
    pub(crate) colorspace: i32,
    /// The bytes of a PNG file.
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) encoded_image_string: Vec<u8>,
}

/// The distribution of some numbers: bucket `i` ends at `bucket_limit[i]`, the first one begins at `min`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HistogramProto {
    #[prost(double, tag = "1")]
    pub(crate) min: f64,
    #[prost(double, tag = "2")]
    pub(crate) max: f64,
    #[prost(double, tag = "3")]
    pub(crate) num: f64,
    #[prost(double, tag = "4")]
    pub(crate) sum: f64,
    #[prost(double, tag = "5")]
    pub(crate) sum_squares: f64,
    #[prost(double, repeated, tag = "6")]
    pub(crate) bucket_limit: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub(crate) bucket: Vec<f64>,
}

/// A tensor: here one without elements, where a plugin reads nothing but the metadata.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryTensor {
    #[prost(int32, tag = "1")]
    pub(crate) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) tensor_shape: Option<SummaryShape>,
}

/// Sizes.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryShape {
    #[prost(message, repeated, tag = "2")]
    pub(crate) dim: Vec<SummaryDimension>,
}

/// A size.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryDimension {
    #[prost(int64, tag = "1")]
    pub(crate) size: i64,
}

/// Which plugin shows a value.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryMetadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) plugin_data: Option<PluginData>,
}

/// What a plugin reads.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct PluginData {
    #[prost(string, tag = "1")]
    pub(crate) plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) content: Vec<u8>,
}

/// A run begins.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionLogProto {
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
}

impl SessionLogProto {
    /// What was written of this step and of later ones before no longer counts.
    pub(crate) const START: Self = Self { status: 1 };
}

/// What the plugin for hyperparameters reads: one of its fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HParamsPluginData {
    #[prost(message, optional, tag = "3")]
    pub(crate) session_start_info: Option<SessionStartInfo>,
    #[prost(message, optional, tag = "4")]
    pub(crate) session_end_info: Option<SessionEndInfo>,
}

/// The settings of a run.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionStartInfo {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) hparams: BTreeMap<String, SettingProto>,
    #[prost(double, tag = "5")]
    pub(crate) start_time_secs: f64,
}

/// A setting: one of its fields.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SettingProto {
    #[prost(double, optional, tag = "2")]
    pub(crate) number_value: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub(crate) string_value: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) bool_value: Option<bool>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionEndInfo {
    /// One of [`session_status`].
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
    #[prost(double, tag = "2")]
    pub(crate) end_time_secs: f64,
}

/// How runs end.
pub(crate) mod session_status {
    /// As planned, or because it was stopped.
    pub(crate) const SUCCESS: i32 = 1;
    /// By a number that is not finite.
    pub(crate) const FAILURE: i32 = 2;
}
