//! Statistics of numbers that pass by once.

mod moments;
mod quantiles;

pub(crate) use moments::RunningMoments;
pub(crate) use quantiles::SampledNumbers;
