//! Fashion-MNIST: 70,000 grey pictures of clothes in ten classes, of the size and number of the MNIST digits.
//!
//! Source: Xiao, Rasul and Vollgraf (2017), "Fashion-MNIST: a novel image dataset for benchmarking machine learning
//! algorithms".

use std::path::PathBuf;

use data::DataFault;
use data::readers::idx;
use nn::registry::require;

use super::*;

/// Where the package `dataset-fashion-mnist` of Debian puts the files.
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";

settings! {
    /// The four files as they are published, gzipped, in a folder.
    pub struct FashionMnist {
        /// The folder; where Debian's package `dataset-fashion-mnist` puts them if not given.
        folder: PathBuf = PathBuf::from(FOLDER), |name, path: &PathBuf| {
            require(path.as_os_str() != "", name, "none", "the path of a folder")
        };
    }
}

impl ReadSource for FashionMnist {
    fn class_names(&self) -> &'static [&'static str] {
        &[
            "T-shirt/top",
            "trouser",
            "pullover",
            "dress",
            "coat",
            "sandal",
            "shirt",
            "sneaker",
            "bag",
            "ankle boot",
        ]
    }

    fn files(&self) -> Vec<PathBuf> {
        vec![self.folder.clone()]
    }

    fn read(&self, _: Digits<'_>) -> Result<SourceData, ExperimentError> {
        if !self.folder.is_dir() {
            let what = "is not there; install Debian's package dataset-fashion-mnist, or name the folder with the four \
                        published files by data.source.folder";
            return Err(DataFault::Columns(what.to_owned()).of(self.folder.display()).into());
        }
        let set = |name: &str| {
            let path = |kind: &str| self.folder.join(format!("{name}-{kind}-ubyte.gz"));
            idx::read(&path("images-idx3"), &path("labels-idx1"), self.class_names().len())
        };
        Ok(Split { train: set("train")?, test: set("t10k")? }.into())
    }
}
