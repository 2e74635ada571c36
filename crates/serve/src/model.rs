//! A model that is served.

use std::sync::{Arc, Mutex};

use data::columns::TableOptions;
use data::{CellEncoder, FittedTransforms};
use kernels::Isa;
use nn::NetworkError;
use runs::{PredictionText, Predictor, RowPrediction, SavedModel};
use web::lock;

/// Rows of the smallest batch above one: narrower vectors save no time.
const SMALLEST_VECTOR: usize = 8;
/// The most multiply-adds of a row that is predicted on the thread of the connections, which wait for less than a
/// millisecond.
const QUICK: u64 = 2_000_000;

/// A model that is served, as it was when it was read.
#[derive(Debug)]
pub(crate) struct ServedModel {
    pub(crate) name: String,
    pub(crate) encoder: CellEncoder,
    pub(crate) text: PredictionText,
    /// How CSV is read.
    pub(crate) options: TableOptions,
    pub(crate) saved: Arc<SavedModel>,
    /// The fingerprint of its weights.
    pub(crate) weights: String,
    /// Those that are not in use: one for each thread that predicts.
    programs: Mutex<Vec<BatchPrograms>>,
    /// For the thread of the connections.
    row: Mutex<Predictor>,
    /// Whether the thread of the connections may predict a row.
    pub(crate) is_quick: bool,
}

/// A model compiled for one row, and for batches of one, two, four, … vectors of rows: in all of these the sums for a row are
/// rounded alike.
#[derive(Debug)]
struct BatchPrograms(Vec<Predictor>);

impl ServedModel {
    /// Compiles a model for batches of up to `max_batch` rows on each of some threads.
    ///
    /// # Errors
    ///
    /// If the network does not fit in itself, or a batch not into memory.
    pub(crate) fn new(
        name: &str,
        saved: SavedModel,
        max_batch: usize,
        threads: usize,
    ) -> Result<Self, NetworkError> {
        let saved = Arc::new(saved);
        let programs = (0..threads).map(|_| BatchPrograms::new(&saved, max_batch));
        let row = Predictor::new(Arc::clone(&saved), 1)?;
        Ok(Self {
            name: name.to_owned(),
            encoder: CellEncoder::new(Arc::clone(&saved.transforms)),
            text: PredictionText::new(&saved.transforms),
            options: TableOptions { skip_bad_rows: false, ..saved.table_options() },
            programs: Mutex::new(programs.collect::<Result<_, _>>()?),
            is_quick: row.model().multiply_adds() <= QUICK,
            row: Mutex::new(row),
            weights: saved.weights_digest(),
            saved,
        })
    }

    /// What makes features of rows.
    pub(crate) fn transforms(&self) -> &FittedTransforms {
        &self.saved.transforms
    }

    /// Rows, columns and channels of the pictures that it takes; none if it takes something else.
    pub(crate) fn picture_shape(&self) -> Option<[usize; 3]> {
        let [column] = self.transforms().columns() else { return None };
        column.picture_shape()
    }

    /// The prediction for the features of a row.
    pub(crate) fn predict_row(&self, features: &[f32]) -> Vec<RowPrediction> {
        lock(&self.row).predict_samples(features).expect("the features of a row")
    }

    /// The predictions for the features of at most as many rows as a batch has. Called by at most as many threads at the same
    /// time as it was compiled for.
    pub(crate) fn predict(&self, features: &[f32]) -> Vec<RowPrediction> {
        let mut programs = lock(&self.programs).pop().expect("one for each thread");
        let predictions = programs.predict(features);
        lock(&self.programs).push(programs);
        predictions
    }
}

impl BatchPrograms {
    fn new(saved: &Arc<SavedModel>, max_batch: usize) -> Result<Self, NetworkError> {
        let vector = Isa::current().lanes().max(SMALLEST_VECTOR);
        let mut sizes = vec![1];
        while *sizes.last().expect("one at least") < max_batch {
            sizes.push(vector << (sizes.len() - 1));
        }
        let programs = sizes.into_iter().map(|size| Predictor::new(Arc::clone(saved), size));
        Ok(Self(programs.collect::<Result<_, _>>()?))
    }

    fn predict(&mut self, features: &[f32]) -> Vec<RowPrediction> {
        let Self(predictors) = self;
        let width = predictors[0].model().graph.shape(predictors[0].model().input).len();
        let rows = features.len() / width.max(1);
        let fits = predictors.partition_point(|predictor| predictor.batch() < rows);
        predictors[fits].predict_samples(features).expect("the features of whole rows")
    }
}
