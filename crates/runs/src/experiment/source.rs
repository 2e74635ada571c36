//! The data of an experiment.

use std::collections::HashSet;
use std::error::Error as StdError;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use augment::{Augmentation, valid_augmentations};
use data::columns::{ColumnKind, Table};
use data::readers::pictures::PICTURE;
use data::{DataFault, FittedTransforms, TransformPlan};
use events::Part;
use nn::registry::{InvalidSetting, nested, one_or_more, optional, require};
use nn::settings;

use super::ExperimentError;
use super::parts::Parts;
use super::sources::{DataSource, SourceData, Split, mnist::MnistDigits};
use super::splits::RowSplit;
use super::tables::{self, TableParts};
use super::validation::{PartSize, ValidationChoice};

settings! {
    /// Which data, and how it is prepared.
    pub struct DataSpec {
        /// Which data.
        source: DataSource = MnistDigits {}.into(), nested;
        /// What makes features of the columns. Without it that of [`TransformPlan::default`] for tables; of samples that are
        /// arrays, such as pictures, bytes are divided by 255, and real numbers are used as they are.
        #[serde(skip_serializing_if = "Option::is_none")]
        transforms: Option<TransformPlan> = None;
        /// Other names of the classes, in order.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        class_names: Vec<String> = Vec::new(), valid_names;
        /// Training samples that are the validation set instead: their number, or a fraction of all. None if not given.
        /// Of the digits they are the last ones, of other sources drawn ones, of each class in proportion.
        #[serde(skip_serializing_if = "Option::is_none")]
        validation: Option<PartSize> = None, optional(PartSize::is_valid);
        /// How the rows of a table without a test table become parts. Without it test rows, and validation rows if any are asked
        /// for, are drawn.
        #[serde(skip_serializing_if = "Option::is_none")]
        split: Option<RowSplit> = None, optional(nested);
        /// Rows of a table without a test table that are the test set, drawn as those of the validation set: their number, or
        /// a fraction of all; a fifth if not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        test: Option<PartSize> = None, optional(PartSize::is_valid);
        /// Training samples used, from the first, without those of the validation set, which is the same for any limit.
        #[serde(skip_serializing_if = "Option::is_none")]
        limit: Option<usize> = None, optional(one_or_more);
        /// Random changes of training pictures, in this order: see [`augment`](crate::augment).
        #[serde(skip_serializing_if = "Vec::is_empty")]
        augment: Vec<Augmentation> = Vec::new(), |name, list: &Vec<_>| valid_augmentations(name, list);
        /// The seed by which validation samples are drawn, below 2⁶³. It is not that of a run: runs of several seeds are
        /// compared on the same samples, and one that begins with the network of another is not measured on samples
        /// that the other was trained on.
        seed: u64 = 0, |name, &seed| require(i64::try_from(seed).is_ok(), name, seed, "an integer below 2^63");
    }
}

/// An error unless all names can be told apart and shown.
fn valid_names(name: &str, names: &[String]) -> Result<(), InvalidSetting> {
    let mut known = HashSet::new();
    names.iter().try_for_each(|found| {
        let is_shown = !found.is_empty() && !found.contains(char::is_control);
        let expected = "different names without control characters";
        require(is_shown && known.insert(found), name, format_args!("{found:?}"), expected)
    })
}

impl DataSpec {
    /// Takes the paths of the sources `files` and `fashion_mnist` from `folder`, that of the experiment file. They become
    /// absolute, since the experiment of a run stands in another folder.
    ///
    /// # Errors
    ///
    /// If there is no current folder, or a path is empty.
    pub fn take_paths_from(&mut self, folder: &Path) -> io::Result<()> {
        let paths = match &mut self.source {
            DataSource::DataFiles(files) => [Some(&mut files.train), files.test.as_mut()],
            DataSource::FashionMnist(pictures) => [Some(&mut pictures.folder), None],
            _ => return Ok(()),
        };
        for path in paths.into_iter().flatten() {
            *path = std::path::absolute(folder.join(&*path))?;
        }
        Ok(())
    }

    /// Reads the data, divides it into its parts, and makes features of it. `mnist` yields the embedded digits if they are
    /// needed.
    ///
    /// # Errors
    ///
    /// The first file that cannot be read, and as [`prepare`](Self::prepare); for [`MemoryData`](super::sources::memory::MemoryData), that there is nothing to
    /// read.
    pub fn open<E: StdError + Send + Sync + 'static>(
        &self,
        mnist: impl Fn() -> Result<Split, E>,
    ) -> Result<Parts, ExperimentError> {
        self.open_with(None, mnist)
    }

    /// As [`open`](Self::open), with the transforms of a model instead of fitting any: the data may have changed since, and a
    /// model is measured on the features that it knows.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the data does not have the columns of the model.
    pub fn open_fitted<E: StdError + Send + Sync + 'static>(
        &self,
        fitted: Arc<FittedTransforms>,
        mnist: impl Fn() -> Result<Split, E>,
    ) -> Result<Parts, ExperimentError> {
        self.open_with(Some(fitted), mnist)
    }

    /// Calls `each` with the blocks of the table of a part before any transform, and with the rows of each block that are in it:
    /// they are in the order of the samples that [`open`](Self::open) makes of them. It ends when `each` breaks.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and if the data is not a table.
    pub fn read_part<E: StdError + Send + Sync + 'static>(
        &self,
        part: Part,
        mnist: impl Fn() -> Result<Split, E>,
        each: &mut dyn FnMut(&Table, &[usize]) -> ControlFlow<()>,
    ) -> Result<(), ExperimentError> {
        let mut digits = || mnist().map_err(|error| ExperimentError::Digits(error.into()));
        match self.source_as_read(None).as_dyn().read(&mut digits)? {
            SourceData::Sets(_) => {
                let what = "expected a table of columns, found samples that are arrays".to_owned();
                Err(DataFault::Columns(what).of(self.source.name()).into())
            }
            SourceData::Tables(tables) => {
                let names = self.names_of_classes();
                tables::read_part(&self.table_parts(None, &names), tables, part, each)
            }
        }
    }

    fn open_with<E: StdError + Send + Sync + 'static>(
        &self,
        fitted: Option<Arc<FittedTransforms>>,
        mnist: impl Fn() -> Result<Split, E>,
    ) -> Result<Parts, ExperimentError> {
        let mut digits = || mnist().map_err(|error| ExperimentError::Digits(error.into()));
        match self.source_as_read(fitted.as_deref()).as_dyn().read(&mut digits)? {
            SourceData::Sets(_) if self.split.is_some() => {
                let what = "data.split: expected a source of one table, found one with a test set of its own";
                Err(DataFault::Columns(what.to_owned()).of(self.source.name()).into())
            }
            SourceData::Sets(split) => self.prepare_with(fitted, split.into()),
            SourceData::Tables(tables) => {
                let names = self.names_of_classes();
                tables::prepare(&self.table_parts(fitted, &names), tables)
            }
        }
    }

    fn table_parts<'a>(
        &'a self,
        fitted: Option<Arc<FittedTransforms>>,
        class_names: &'a [String],
    ) -> TableParts<'a> {
        TableParts {
            fitted,
            transforms: self.transforms.as_ref(),
            class_names,
            split: self.split.as_ref(),
            test: self.test,
            validation: self.validation,
            limit: self.limit,
            seed: self.seed,
        }
    }

    /// The names that the experiment or, without any, the source gives the classes; none if neither does.
    fn names_of_classes(&self) -> Vec<String> {
        match self.class_names.is_empty() {
            true => self.source.as_dyn().class_names().iter().map(ToString::to_string).collect(),
            false => self.class_names.clone(),
        }
    }

    /// The source, in which a column that names parts is not a feature, and pictures have the form that the model or the
    /// first transforms give them, so that they are scaled once.
    fn source_as_read(&self, fitted: Option<&FittedTransforms>) -> DataSource {
        let mut source = self.source.clone();
        let DataSource::DataFiles(files) = &mut source else { return source };
        if let Some(column) = self.split.as_ref().and_then(|split| split.as_dyn().part_column()) {
            files.kinds.entry(column.to_owned()).or_insert(ColumnKind::Identifier);
        }
        let plan = self.transforms.as_ref();
        let columns = fitted.map_or(&[][..], FittedTransforms::columns);
        let shape =
            columns.iter().find(|column| column.name == PICTURE).map(|column| &column.shape[..]);
        let (size, channels) = match shape {
            Some(&[rows, columns, channels]) => (Some([rows, columns]), Some(channels)),
            _ => plan.map_or((None, None), |plan| plan.picture_form(PICTURE)),
        };
        files.size = files.size.or(size);
        files.channels = files.channels.or(channels);
        source
    }

    /// The data as a run takes it: of two sets, training and test, some of the first are the validation set, and the
    /// transforms are fitted to the training set. Parts that were prepared stay as they are. [`open`](Self::open) does this.
    ///
    /// # Errors
    ///
    /// If the validation set leaves no training samples or a class out, or if half of it or more is in the test set; if the
    /// transforms cannot be fitted.
    pub fn prepare(&self, data: impl Into<Parts>) -> Result<Parts, ExperimentError> {
        self.prepare_with(None, data.into())
    }

    fn prepare_with(
        &self,
        fitted: Option<Arc<FittedTransforms>>,
        mut parts: Parts,
    ) -> Result<Parts, ExperimentError> {
        if parts.transforms().is_some() {
            return Ok(parts);
        }
        if parts.validation.is_none() {
            parts = self.divide(Split { train: parts.train, test: parts.test })?;
        }
        if let Some(fitted) = fitted {
            return Ok(parts.encoded(fitted)?);
        }
        let mut fitted = match &self.transforms {
            Some(plan) => plan.fit_dataset(&parts.train)?,
            None => FittedTransforms::of_dataset(&parts.train)?,
        };
        let names = self.names_of_classes();
        if !names.is_empty() {
            fitted = fitted.with_class_names(names)?;
        }
        Ok(parts.encoded(Arc::new(fitted))?)
    }

    fn divide(&self, split: Split) -> Result<Parts, ExperimentError> {
        let choice = match self.source.as_dyn().validates_on_last() {
            true => ValidationChoice::Last,
            false => ValidationChoice::Drawn { seed: self.seed },
        };
        let validation = self.validation.map(|size| (size.samples_of(split.train.len()), choice));
        Ok(Parts::of_split(split, validation, self.limit.unwrap_or(usize::MAX))?)
    }
}
