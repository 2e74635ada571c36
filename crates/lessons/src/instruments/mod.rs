//! Every instrument, one file each. The list below is the whole registry.

pub mod activation_histograms;
pub mod activations;
pub mod classifiers;
pub mod descent;
pub mod difference_quotient;
pub mod error_curves;
pub mod formula;
pub mod hinge;
pub mod linear_scores;
pub mod losses;
pub mod network_size;
pub mod neuron;
pub mod one_hot;
pub mod paper_network;
pub mod perceptron;
pub mod softmax;
pub mod training;

// What the files of instruments take by `use super::*`.
use nn::settings;

use crate::Language;
use crate::control::Control;
use crate::figure::{BarSeries, CellMark, Figure, PlotAxis, TableCell};
use crate::instrument::{Instrument, InstrumentCall, InstrumentOutput, LessonError};
use crate::text::number;

nn::registry! {
    /// What runs in a lesson, chosen by name.
    pub enum InstrumentKind: dyn Instrument {
        activation_histograms::ActivationHistograms,
        activations::Activations,
        classifiers::Classifiers,
        descent::DescentPaths,
        difference_quotient::DifferenceQuotient,
        error_curves::ErrorCurves,
        formula::FormulaGraph,
        hinge::HingeTerms,
        linear_scores::LinearScores,
        losses::Losses,
        network_size::NetworkSize,
        neuron::Neuron,
        one_hot::OneHot,
        paper_network::PaperNetwork,
        perceptron::Perceptron,
        softmax::SoftmaxSteps,
        training::TrainingRuns,
    }
}

/// A number of a table.
fn cell(value: f64) -> TableCell {
    number(value, 6).into()
}
