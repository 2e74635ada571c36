//! The sizes that are varied, of the network and of its training.

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::SweepArgs;

/// A network with two hidden layers and its training settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct SweepPoint {
    pub(super) threads: usize,
    /// Training samples.
    pub(super) samples: usize,
    /// Neurons of each hidden layer.
    pub(super) width: usize,
    /// Batch size.
    pub(super) batch: usize,
}

/// A size that is varied while the others are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Batch,
    Width,
    Threads,
    Samples,
}

impl Axis {
    pub(super) const ALL: [Self; 4] = [Self::Batch, Self::Width, Self::Threads, Self::Samples];

    /// The axis as a label: the name of a size.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Width => "width",
            Self::Threads => "threads",
            Self::Samples => "samples",
        }
    }
}

impl SweepPoint {
    /// Batch and width where the number of samples is varied.
    const BASE: (usize, usize) = (128, 512);

    pub(super) fn get(&self, axis: Axis) -> usize {
        match axis {
            Axis::Batch => self.batch,
            Axis::Width => self.width,
            Axis::Threads => self.threads,
            Axis::Samples => self.samples,
        }
    }

    /// The same without the size along `axis`: equal for the points of one line.
    pub(super) fn besides(mut self, axis: Axis) -> Self {
        match axis {
            Axis::Batch => self.batch = 0,
            Axis::Width => self.width = 0,
            Axis::Threads => self.threads = 0,
            Axis::Samples => self.samples = 0,
        }
        self
    }

    pub(super) fn file_stem(&self) -> String {
        format!("batch-{}-width-{}-samples-{}", self.batch, self.width, self.samples)
    }

    /// The experiment file.
    pub(super) fn experiment(&self) -> String {
        let Self { samples, width, batch, .. } = self;
        format!(
            "# A network of the sweep.\n\n\
             [data]\n\
             limit = {samples}\n\n\
             [model]\n\
             input = [28, 28, 1]\n\
             weight_init = \"he_normal\"\n\
             layers = [\n  \
               \"flatten\",\n  \
               {{ kind = 'linear', units = {width} }},\n  \
               \"relu\",\n  \
               {{ kind = 'linear', units = {width} }},\n  \
               \"relu\",\n  \
               {{ kind = 'linear', units = 10 }},\n\
             ]\n\n\
             [train]\n\
             batch = {batch}\n\
             epochs = 1\n"
        )
    }
}

impl fmt::Display for SweepPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes = Axis::ALL.iter().filter(|&&axis| self.get(axis) > 0);
        let sizes = sizes.map(|&axis| format!("{} {}", axis.name(), self.get(axis)));
        f.write_str(&sizes.collect::<Vec<_>>().join(", "))
    }
}

/// Every batch size with every width, and every number of samples; each with every number of threads.
pub(super) fn all(args: &SweepArgs) -> Vec<SweepPoint> {
    let numbers = |list: &[NonZeroUsize]| list.iter().map(|n| n.get()).collect::<Vec<_>>();
    let samples = numbers(&args.samples);
    let most = samples.iter().copied().max().unwrap_or(0);
    let mut points = Vec::new();
    for threads in numbers(&args.threads) {
        for width in numbers(&args.widths) {
            let batches = numbers(&args.batches).into_iter();
            points.extend(batches.map(|batch| SweepPoint { threads, samples: most, width, batch }));
        }
        let (batch, width) = SweepPoint::BASE;
        points.extend(samples.iter().map(|&samples| SweepPoint { threads, samples, width, batch }));
    }
    // A batch is never larger than its set.
    points.retain(|point| point.batch <= point.samples);
    points.sort_unstable();
    points.dedup();
    points
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use gradus::runs::Experiment;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: SweepArgs,
    }

    fn points(line: &str) -> Vec<SweepPoint> {
        all(&Line::parse_from(line.split(' ')).args)
    }

    #[test]
    fn all_sizes_are_covered_and_no_point_twice() {
        // 13 batches with 8 widths, and 6 more numbers of samples, on 1 and on 2 threads.
        assert_eq!(points("sweep").len(), 2 * (13 * 8 + 6));
        let few = points("sweep --batches 1,8000 --widths 32 --threads 1 --samples 1000,4000");
        let found: Vec<String> = few.iter().map(ToString::to_string).collect();
        let expected = [
            "batch 128, width 512, threads 1, samples 1000",
            "batch 1, width 32, threads 1, samples 4000",
            "batch 128, width 512, threads 1, samples 4000",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_experiment_file_is_the_network_of_its_point() {
        let point = SweepPoint { threads: 1, samples: 4000, width: 32, batch: 8 };
        let experiment = Experiment::parse("point.toml", &point.experiment()).unwrap();
        assert_eq!(experiment.model.n_parameters(), Ok(785 * 32 + 33 * 32 + 33 * 10));
        assert_eq!((experiment.train.batch, experiment.data.limit), (8, Some(4000)));
    }
}
