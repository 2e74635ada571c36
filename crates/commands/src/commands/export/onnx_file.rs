//! `export --onnx`.

use std::io::Write;
use std::path::PathBuf;

use gradus::onnx::{ImageLayout, OnnxOptions, to_onnx};
use gradus::runs::SavedModel;

use super::write_file;

/// An ONNX file to write.
#[derive(Debug, clap::Args)]
pub(super) struct OnnxFileArgs {
    /// Write an ONNX file.
    #[arg(long, value_name = "FILE")]
    onnx: Option<PathBuf>,

    /// The order of the axes of images that go into the ONNX file; it stands in its metadata.
    #[arg(long, value_enum, value_name = "LAYOUT", default_value = "channels-first")]
    image_layout: LayoutArg,

    /// Take rows as they are in the data into the ONNX file, and give classes with probabilities, or numbers in the unit of the
    /// target.
    #[arg(long, requires = "onnx")]
    with_transforms: bool,
}

/// An order of axes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LayoutArg {
    /// Batch, channels, height, width: PyTorch.
    ChannelsFirst,
    /// Batch, height, width, channels: Keras.
    ChannelsLast,
}

impl From<LayoutArg> for ImageLayout {
    fn from(layout: LayoutArg) -> Self {
        match layout {
            LayoutArg::ChannelsFirst => Self::ChannelsFirst,
            LayoutArg::ChannelsLast => Self::ChannelsLast,
        }
    }
}

impl OnnxFileArgs {
    pub(super) fn is_asked(&self) -> bool {
        self.onnx.is_some()
    }

    pub(super) fn write(&self, saved: &SavedModel, out: &mut dyn Write) -> anyhow::Result<()> {
        let Some(file) = &self.onnx else { return Ok(()) };
        let (layout, with_transforms) = (self.image_layout.into(), self.with_transforms);
        let options = OnnxOptions { layout, with_transforms };
        write_file(file, &to_onnx(saved, &options)?, out)
    }
}
