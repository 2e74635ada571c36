//! A saved model, and a prediction with it if it is small.

use gradus::runs::{Predictor, SavedModel};

pub(crate) fn run(bytes: &[u8]) {
    let Ok(model) = SavedModel::from_bytes(bytes) else { return };
    let again = model.to_bytes().expect("what was read can be written");
    assert_eq!(SavedModel::from_bytes(&again).expect("what was written can be read"), model);
    if let Ok(mut predictor) = Predictor::new(model, 1) {
        let width = predictor.model().graph.shape(predictor.model().input).len();
        let _ = predictor.predict_features(&vec![0.5; width]);
    }
}
