//! Every instrument, one file each. The list below is the whole registry.

pub mod activation_histograms;
pub mod activations;
pub mod affine_layer;
pub mod batch_softmax;
pub mod classifiers;
pub mod convolution_filters;
pub mod descent;
pub mod difference_quotient;
pub mod dropout_mask;
pub mod elementwise_layer;
pub mod error_curves;
pub mod formula;
pub mod gradient_check;
pub mod hinge;
pub mod learning_rate_decay;
pub mod learning_steps;
pub mod linear_scores;
pub mod losses;
pub mod network_size;
pub mod neuron;
pub mod neuron_descent;
pub mod normalization_scales;
pub mod one_hot;
pub mod one_weight;
pub mod paper_network;
pub mod perceptron;
pub mod sample_order;
pub mod six_panels;
pub mod softmax;
pub mod training;
pub mod weight_decay;
pub mod weight_penalty;

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
        affine_layer::AffineLayer,
        batch_softmax::BatchSoftmax,
        classifiers::Classifiers,
        convolution_filters::ConvolutionFilters,
        descent::DescentPaths,
        difference_quotient::DifferenceQuotient,
        dropout_mask::DropoutMask,
        elementwise_layer::ElementwiseLayer,
        error_curves::ErrorCurves,
        formula::FormulaSteps,
        gradient_check::TwoLayerCheck,
        hinge::HingeTerms,
        learning_rate_decay::LearningRateDecay,
        learning_steps::LearningSteps,
        linear_scores::LinearScores,
        losses::Losses,
        network_size::NetworkSize,
        neuron::Neuron,
        neuron_descent::NeuronDescent,
        normalization_scales::NormalizationScales,
        one_hot::OneHot,
        one_weight::OneWeight,
        paper_network::PaperNetwork,
        perceptron::Perceptron,
        sample_order::SampleOrder,
        six_panels::SixPanels,
        softmax::SoftmaxSteps,
        training::TrainingRuns,
        weight_decay::DecayingWeight,
        weight_penalty::TwoWeightVectors,
    }
}

/// A number of a table.
fn cell(value: f64) -> TableCell {
    number(value, 6).into()
}

fn mean_of(values: impl IntoIterator<Item = f64>) -> f64 {
    let (n, sum) = values.into_iter().fold((0.0, 0.0), |(n, sum), value| (n + 1.0, sum + value));
    sum / n
}
